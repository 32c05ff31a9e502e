"""What verdicts of people say about detectors: those that are mostly wrong count for less."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Precision", "precisions"]

_CONFIDENCE = 0.95
_LEAST = 5
_WRONG = 0.5


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
