"""How good detections are, given the truth: counts of rows, and the NAB score of changepoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, pi, tanh

import numpy as np

from stream_app.core.arrays import BoolArray

__all__ = ["PROFILES", "Confusion", "NabProfile", "NabScore", "nab_score"]

_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows by truth and by what was said of them.

    Examples
    --------
    >>> said = Confusion.of(np.array([False, True, True, False]), np.array([False, True, False, True]))
    >>> said.f1, said.false_alarm_rate, said.missed_alarm_rate
    (0.5, 0.5, 0.5)
    """

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    @classmethod
    def of(cls, truth: BoolArray, said: BoolArray) -> "Confusion":
        """Count rows."""
        return cls(
            int((truth & said).sum()),
            int((~truth & said).sum()),
            int((truth & ~said).sum()),
            int((~truth & ~said).sum()),
        )

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where neither truth nor detector has a positive row."""
        rows = 2 * self.true_positive + self.false_positive + self.false_negative
        return 2 * self.true_positive / rows if rows else None

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of the normal rows that were called anomalous; None without normal rows."""
        rows = self.false_positive + self.true_negative
        return self.false_positive / rows if rows else None

    @property
    def missed_alarm_rate(self) -> float | None:
        """Share of the anomalous rows that were called normal; None without anomalous rows."""
        rows = self.false_negative + self.true_positive
        return self.false_negative / rows if rows else None


@dataclass(frozen=True, slots=True)
class NabProfile:
    """Worth of a detection in time, of a false one, and of a miss."""

    hit: float
    false_alarm: float
    miss: float


PROFILES: Mapping[str, NabProfile] = {
    "standard": NabProfile(1.0, -0.11, -1.0),
    "low_fp": NabProfile(1.0, -0.22, -1.0),
    "low_fn": NabProfile(1.0, -0.11, -2.0),
}
"""The three profiles of the Numenta Anomaly Benchmark: balanced, false alarms twice as bad, misses twice as bad."""


@dataclass(frozen=True, slots=True)
class NabScore:
    """Points of one or several sources, with what perfection and silence would have earned."""

    points: float = 0.0
    perfect: float = 0.0
    silent: float = 0.0

    def __add__(self, other: "NabScore") -> "NabScore":
        return NabScore(self.points + other.points, self.perfect + other.perfect, self.silent + other.silent)

    @property
    def percent(self) -> float | None:
        """100 for perfection, 0 for silence, below it for harm; None without a true changepoint."""
        span = self.perfect - self.silent
        return 100.0 * (self.points - self.silent) / span if span else None


def nab_score(truth: Sequence[float], found: Sequence[float], profile: NabProfile, window: float) -> NabScore:
    """Score the changepoints of one source.

    Every true changepoint opens a window; where it would overlap the one before, it begins at that one's end. The first detection in a window earns points that fall with its delay along a tanh from
    `hit` to `false_alarm`; more detections in a window earn nothing; each one outside of all windows costs
    `false_alarm`, and each window without a detection `miss`.

    Parameters
    ----------
    truth, found : sequence of float
        Times of the true and of the found changepoints, in seconds.
    profile : NabProfile
        Weights of detections, misses and false alarms.
    window : float
        Its length in seconds, see `ChangeWindow`.

    Returns
    -------
    NabScore

    References
    ----------
    A. Lavin and S. Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark,
    ICMLA. The window to the right of the changepoint is that of the Skoltech Anomaly Benchmark.

    Examples
    --------
    >>> nab_score([100.0], [100.0], PROFILES["standard"], 60.0).percent
    100.0
    >>> nab_score([100.0], [], PROFILES["standard"], 60.0).percent
    0.0
    """
    hits = np.asarray(found, dtype=np.float64)
    outside = np.ones(len(hits), dtype=np.bool_)
    points, earlier_end = 0.0, float("-inf")
    for changepoint in truth:
        begin, end = max(changepoint, earlier_end), changepoint + window
        earlier_end = end
        inside = (hits >= begin) & (hits <= end)
        outside &= ~inside
        if inside.any():
            delay = float(hits[inside].min()) - begin
            points += _worth(delay / (end - begin) if end > begin else 0.0, profile)
        else:
            points += profile.miss
    points += profile.false_alarm * int(outside.sum())
    return NabScore(points, len(truth) * profile.hit, len(truth) * profile.miss)


def _worth(position: float, profile: NabProfile) -> float:
    """Worth of a detection at a position in its window, from 0 at the changepoint to 1 at the window's end."""
    # The benchmark reads the curve off a table of a thousand points.
    step = min(floor(position * _STEPS), _STEPS - 1) / (_STEPS - 1)
    curve = -tanh(pi * (step - 0.5)) / tanh(pi / 2)
    middle, reach = (profile.hit + profile.false_alarm) / 2, (profile.hit - profile.false_alarm) / 2
    return middle + reach * curve
