"""From raw channels to innovations: what the past of a channel does not explain of its present value.

A rank test believes that observations are exchangeable. Sensors are not: neighbours resemble each other
and levels wander. The channel's own reference says how much of that to take out:

- an autoregression (order by the Bayesian criterion) removes short memory;
- a channel whose reference cannot fix its level, because too few independent stretches fit into it, is
  *tracked*: level and scale are taken relative to exponentially weighted means over the last
  `TRACKING` events. Slower movements of such a channel are its ordinary wander and not drift.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter, lfilter_zi

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.drift.dependence import AR_ORDERS, autoregression, integrated_autocorrelation_time

__all__ = ["TRACKING", "Whitening", "fit_whitening", "whiten"]

TRACKING = 64
"""Events over which a wandering channel's level and scale are averaged: long enough for a change of one
standard deviation to gather evidence for an alarm, short against the wander of a plant."""

_DELAYS = max(AR_ORDERS) + 1
_FAR = 50.0  # standardised values are clipped here, so that one absurd number cannot dwell in a filter
_KEEP = 1.0 - 1.0 / TRACKING


@dataclass(slots=True)
class Whitening:
    """The filter of one channel and where it stands.

    Parameters
    ----------
    origin : float
        Subtracted first, in the channel's units; the difference is rounded to single precision, in
        which references are kept, so that equal values stay equal.
    centre, scale : float
        Median (from the origin) and robust standard deviation of the reference.
    numerator : ndarray of float, shape (10,)
        Moving-average side of the filter, highest lag last.
    tracked : bool
        Whether level and scale are taken relative to their recent means.
    unit : float
        Mean absolute innovation in the reference; 0 for an untracked channel.
    spread : float
        Exponentially weighted mean absolute innovation (tracked channels).
    delays : ndarray of float, shape (9,)
        The filter's memory.
    last : float
        Last finite value, standardised; stands in for missing ones.
    excess : float
        What the long-run variance of the innovations may be, over that of independent ones, if the
        autoregression is one standard error off.
    """

    origin: float
    centre: float
    scale: float
    numerator: FloatArray
    tracked: bool
    unit: float
    spread: float
    delays: FloatArray
    last: float
    excess: float


def fit_whitening(sample: FloatArray, origin: float, largest_error: float) -> tuple[Whitening, FloatArray]:
    """Fit a channel's filter on its reference.

    Parameters
    ----------
    sample : ndarray of float, shape (n,)
        Finite values in time order, counted from the origin.
    origin : float
        Where the sample counts from.
    largest_error : float
        Standard error of the reference's level, in standard deviations, above which the channel is tracked.

    Returns
    -------
    whitening : Whitening
        The filter, standing after the last value of the sample.
    innovations : ndarray of float
        Innovations of the sample, without those in which the filter was filling up.
    """
    centre, scale = _location(sample)
    standard = np.clip((sample - centre) / scale, -_FAR, _FAR)
    time = integrated_autocorrelation_time(standard, wander=True)
    # A short reference of independent events knows its level no better, but has no wander to follow.
    tracked = time > 1.0 and bool(np.sqrt(time / len(sample)) > largest_error)
    coefficients = autoregression(standard)
    filter_ = np.concatenate(([1.0], -coefficients))
    if tracked:
        filter_ = np.convolve(filter_, (1.0, -1.0))
    numerator = np.zeros(_DELAYS + 1)
    numerator[: len(filter_)] = filter_
    whitening = Whitening(
        origin=origin,
        centre=centre,
        scale=scale,
        numerator=numerator,
        tracked=tracked,
        unit=0.0,
        spread=0.0,
        delays=np.zeros(_DELAYS),
        last=float(standard[-1]),
        excess=_excess(float(coefficients.sum()), len(sample)),
    )
    whitening.delays = lfilter_zi(numerator, _denominator(tracked=tracked)) * standard[0]
    innovations = _filter(whitening, standard)
    settled = 0 if len(filter_) == 1 else min(TRACKING if tracked else _DELAYS, len(sample) // 4)
    if tracked:
        whitening.unit = max(float(np.abs(innovations[settled:]).mean()), 1e-12)
        whitening.spread = whitening.unit
        innovations = _unit_spread(whitening, innovations)
    return whitening, innovations[settled:]


def whiten(whitening: Whitening, values: FloatArray, present: BoolArray) -> FloatArray:
    """Turn the next values of a channel into innovations, and move the filter on.

    Parameters
    ----------
    whitening : Whitening
        Changed in place.
    values : ndarray of float, shape (n,)
        Next values of the channel.
    present : ndarray of bool, shape (n,)
        Which of them are finite; the others are bridged by the last finite value.

    Returns
    -------
    ndarray of float, shape (n,)
        Innovations; meaningless where `present` is False.
    """
    everything = bool(present.all())
    filled = values if everything else np.where(present, values, whitening.origin)
    with np.errstate(over="ignore"):
        standard = (filled - whitening.origin).astype(np.float32).astype(np.float64)
    standard -= whitening.centre
    standard /= whitening.scale
    np.maximum(standard, -_FAR, out=standard)
    np.minimum(standard, _FAR, out=standard)
    if not everything:
        known = np.where(present, np.arange(1, len(values) + 1), 0)
        standard = np.concatenate(([whitening.last], standard))[np.maximum.accumulate(known)]
    whitening.last = float(standard[-1])
    if not whitening.tracked and not whitening.numerator[1:].any():
        return standard
    innovations = _filter(whitening, standard)
    return _unit_spread(whitening, innovations) if whitening.tracked else innovations


def _location(sample: FloatArray) -> tuple[float, float]:
    """Return median and a standard deviation that a few absurd values cannot move; the scale is positive."""
    centre = float(np.median(sample))
    with np.errstate(over="ignore"):
        away = np.minimum(np.abs(sample - centre), np.finfo(np.float64).max)
    scale = float(np.median(away)) * 1.4826
    if scale == 0.0:
        # More than half of the values are equal: use the others, but not their extremes.
        scale = float(np.minimum(away, np.quantile(away, 0.99)).mean())
    return centre, max(scale, 1e-9 * abs(centre), 1e-200)


def _excess(persistence: float, events: int) -> float:
    """Return ``((1 - s) / (1 - s'))**2``, s the sum of the coefficients and s' one standard error higher."""
    distance = max(1.0 - persistence, 1e-3)
    error = np.sqrt(max(1.0 - persistence * persistence, 0.0) / events) if persistence > 0.0 else 0.0
    return float((1.0 + error / distance) ** 2)


def _denominator(*, tracked: bool) -> FloatArray:
    # A second coefficient, even if zero, keeps scipy on its recursive path, whose result does not
    # depend on where the input is cut.
    return np.array([1.0, -_KEEP if tracked else 0.0])


def _filter(whitening: Whitening, standard: FloatArray) -> FloatArray:
    innovations: FloatArray
    innovations, whitening.delays = lfilter(
        whitening.numerator, _denominator(tracked=whitening.tracked), standard, zi=whitening.delays
    )
    return innovations


def _unit_spread(whitening: Whitening, innovations: FloatArray) -> FloatArray:
    """Divide each innovation by the mean absolute innovation before it."""
    size = np.minimum(np.abs(innovations), 6.0 * whitening.unit)
    spread, _ = lfilter([1.0 / TRACKING], [1.0, -_KEEP], size, zi=[_KEEP * whitening.spread])
    before = np.concatenate(([whitening.spread], spread[:-1]))
    whitening.spread = float(spread[-1])
    scaled: FloatArray = innovations / np.maximum(before, 0.05 * whitening.unit)
    return scaled
