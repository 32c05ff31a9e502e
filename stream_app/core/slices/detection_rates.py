"""How well a detector does on some rows, beside how well that is known: precision, recall, F1, false alarms."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from stream_app.core.arrays import BoolArray
from stream_app.core.slices.rules import wilson
from stream_app.errors import DataError

__all__ = ["DetectionRates", "Rate", "detection_rates"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its interval.

    Parameters
    ----------
    value : float or None
        0 to 1; None where no row tells it.
    low, high : float
        Ends of the interval; 0 and 1 where no row tells it.
    n : int
        Rows that tell it.
    """

    value: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class DetectionRates:
    """What a detector does on some rows.

    Parameters
    ----------
    precision : Rate
        Anomalous rows among those that were marked.
    recall : Rate
        Marked rows among those that are anomalous.
    f1 : Rate
        Harmonic mean of both.
    false_alarms : Rate
        Marked rows among those that are normal.
    """

    precision: Rate
    recall: Rate
    f1: Rate
    false_alarms: Rate


def detection_rates(
    truth: npt.ArrayLike,
    marked: npt.ArrayLike,
    inside: npt.ArrayLike | None = None,
    *,
    lag: int = 0,
    confidence: float = 0.95,
) -> DetectionRates:
    """Return precision, recall, F1 and the rate of false alarms on some rows, with Wilson intervals.

    F1 is a function of one rate, too: of rows that are marked or anomalous, a share J is both, and F1 is 2 J / (1 + J).

    Parameters
    ----------
    truth, marked : array_like of bool, shape (n,)
        Rows in time order: whether they are anomalous, whether the detector says so.
    inside : array_like of bool, shape (n,), optional
        Rows that count, such as those of a slice; left out, all.
    lag : int
        Rows so far apart do not depend on each other; 0 if none do. Of a time series errors come in runs, so rows say less
        than as many independent ones: intervals are those of the *effective number of rows* (Korn and Graubard), from
        the autocovariance of what each row adds. Where all rows say the same, those of `lag` count as one.
    confidence : float
        Level of the intervals, which answer for rows chosen without a look at the detector. A slice that was searched
        for because the detector is bad there is better than it looks.

    Raises
    ------
    DataError
        If lengths differ.

    Notes
    -----
    Of 4,000 independent rows intervals of 95 % held the rate in 95 to 96 % of 400 simulations; of 4,000 to 12,000 rows in
    runs of 50 and 150 on average, with a `lag` of twice to four times that, in 87 to 93 %.

    References
    ----------
    Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data. Survey Methodology 24(2).
    Newey, W. K. and West, K. D. (1987). A simple, positive semi-definite, heteroskedasticity and autocorrelation
    consistent covariance matrix. Econometrica 55(3).

    Examples
    --------
    >>> truth = np.repeat([False, True, False, True], 50)
    >>> marked = np.repeat([False, True, True, False], (60, 40, 10, 90))
    >>> found = detection_rates(truth, marked)
    >>> found.precision.value, found.recall.value, round(found.f1.value, 2)
    (0.8, 0.4, 0.53)
    >>> round(found.recall.low, 2), round(detection_rates(truth, marked, lag=50).recall.low, 2)
    (0.31, 0.04)
    """
    truth, marked = np.asarray(truth, dtype=np.bool_), np.asarray(marked, dtype=np.bool_)
    inside = np.ones(len(truth), np.bool_) if inside is None else np.asarray(inside, dtype=np.bool_)
    if truth.ndim != 1 or not truth.shape == marked.shape == inside.shape:
        raise DataError(
            f"truth, marks and rows that count have the shapes {truth.shape}, {marked.shape} and {inside.shape}; "
            "expected one value a row in each"
        )
    hits = truth & marked
    both = _rate(hits, inside & (truth | marked), lag, confidence)
    return DetectionRates(
        precision=_rate(hits, inside & marked, lag, confidence),
        recall=_rate(hits, inside & truth, lag, confidence),
        f1=Rate(None if both.value is None else _f1(both.value), _f1(both.low), _f1(both.high), both.n),
        false_alarms=_rate(marked, inside & ~truth, lag, confidence),
    )


def _f1(jaccard: float) -> float:
    return 2.0 * jaccard / (1.0 + jaccard)


def _rate(hits: BoolArray, among: BoolArray, lag: int, confidence: float) -> Rate:
    n = int(among.sum())
    if n == 0:
        return Rate(None, 0.0, 1.0, 0)
    value = float((hits & among).sum()) / n
    effective = _effective(hits, among, value, lag, confidence)
    low, high = wilson(value * effective, effective, confidence)
    # Rounding must not put the ends on the wrong side of what they enclose.
    return Rate(value, min(low, value), max(high, value), n)


def _effective(hits: BoolArray, among: BoolArray, value: float, lag: int, confidence: float) -> float:
    """Return how many independent rows would tell a rate as well."""
    n = float(among.sum())
    if lag == 0:
        return n
    blocks = len(np.unique(np.flatnonzero(among) // lag))
    if value in {0.0, 1.0}:
        return float(blocks)
    residuals = among * (hits - value)
    # Padded by as many zeros as there are lags, so that the end does not meet the beginning.
    spectrum = np.fft.rfft(residuals, len(residuals) + lag)
    products = np.fft.irfft(spectrum * spectrum.conj(), len(residuals) + lag)[1 : lag + 1]
    # All products as they are have the least bias, but may sum to less than nothing; tapered ones cannot.
    taper = 1.0 - np.arange(1, lag + 1) / (lag + 1.0)
    widened = 1.0 + 2.0 * max(float(products.sum()), float(taper @ products)) / float(residuals @ residuals)
    # The variance is estimated from as many blocks.
    level = 0.5 + 0.5 * confidence
    known = (ndtri(level) / stdtrit(max(blocks - 1, 1), level)) ** 2
    return max(1.0, n / max(widened, 1.0) * float(known))
