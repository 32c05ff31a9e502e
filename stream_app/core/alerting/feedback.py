"""What verdicts of people say about detectors: those that are mostly wrong count for less."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

__all__ = ["MOST_HALVINGS", "RAISABLE", "Precision", "detector_family", "precisions", "raised_thresholds"]

_CONFIDENCE = 0.95
_LEAST = 5
_WRONG = 0.5

RAISABLE = ("anomaly", "categories", "drift")
"""Detectors whose thresholds follow from a part of the budget, so that a smaller part raises them."""

MOST_HALVINGS = 3
"""A detector keeps an eighth of its part of the budget, whatever people say: what is gross is told at any budget, and the rest later."""

_FAMILIES = {
    "anomaly": "anomaly",
    "mean_shift": "anomaly",
    "drift": "drift",
    "new_category": "categories",
    "category_shares": "categories",
}


@dataclass(frozen=True, slots=True)
class Precision:
    """How often a detector was right in a channel of a stream, as people said.

    Parameters
    ----------
    stream, detector, channel : str
        What it is about.
    real, false : int
        Incidents that people called real, and false.
    low, high : float
        Wilson's 95 % interval of the share of real ones.
    """

    stream: str
    detector: str
    channel: str
    real: int
    false: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Share of real ones."""
        return self.real / (self.real + self.false)

    @property
    def doubted(self) -> bool:
        """Whether it is surely wrong more often than right, after five verdicts at least."""
        return self.real + self.false >= _LEAST and self.high < _WRONG


def precisions(verdicts: Iterable[tuple[str, str, str, bool]]) -> list[Precision]:
    """Count verdicts.

    Parameters
    ----------
    verdicts : iterable of (stream, detector, channel, real)
        A verdict counts for each detector and channel that found the incident.

    Returns
    -------
    list of Precision
        By stream, detector and channel.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference. JASA 22, 1927.

    Examples
    --------
    >>> (one,) = precisions([("pumps", "quality.stuck", "flow", i == 0) for i in range(10)])
    >>> one.share, round(one.high, 3), one.doubted
    (0.1, 0.404, True)
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - whoever only looks alerts up does not wait for it

    counts = Counter(verdicts)
    found = []
    for stream, detector, channel in sorted({key[:3] for key in counts}):
        real = counts[stream, detector, channel, True]
        false = counts[stream, detector, channel, False]
        interval = binomtest(real, real + false).proportion_ci(_CONFIDENCE, method="wilson")
        found.append(
            Precision(stream, detector, channel, real, false, float(interval.low), float(interval.high))
        )
    return found


def detector_family(detector: str) -> str | None:
    """Return which of `RAISABLE` an alert's detector belongs to; None where its thresholds do not follow from the budget.

    Examples
    --------
    >>> detector_family("drift.level"), detector_family("quality.stuck")
    ('drift', None)
    """
    return _FAMILIES.get(detector.partition(".")[0])


def raised_thresholds(found: Iterable[tuple[str, str, bool]]) -> dict[str, dict[str, int]]:
    """Say how often the part of the budget that a detector may spend is halved, from all verdicts on what it found.

    Let p be the upper end of Wilson's 95 % interval of its precision: for each real incident there are surely (1 - p) / p false
    ones or more. Its part is halved as often as that holds a factor of two, at most `MOST_HALVINGS` times, so that false ones
    become as many as real ones if they fall as the budget does. Eight verdicts that all say false halve it once, sixteen twice,
    32 three times; later ones that say real undo it.

    Parameters
    ----------
    found : iterable of (stream, detector, real)
        One for each incident and detector, of `RAISABLE`, that found it.

    Returns
    -------
    dict of str to dict of str to int
        By stream and detector; those at 0 are left out.

    Examples
    --------
    >>> raised_thresholds([("pumps", "drift", False)] * 8)
    {'pumps': {'drift': 1}}
    >>> raised_thresholds([("pumps", "drift", False)] * 8 + [("pumps", "drift", True)] * 2)
    {}
    """
    raised: dict[str, dict[str, int]] = {}
    for one in precisions((stream, detector, "", real) for stream, detector, real in found):
        halvings = min(int(log2((1.0 - one.high) / one.high)), MOST_HALVINGS) if one.high < _WRONG else 0
        if halvings > 0:
            raised.setdefault(one.stream, {})[one.detector] = halvings
    return raised
