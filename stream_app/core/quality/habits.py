"""What is ordinary for a channel, learned from its first values.

Frequencies are learned from a few hundred values, so they are uncertain themselves: limits come from the
predictive distribution (uniform prior), not from the frequency as if it were known.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from stream_app.core.arrays import FloatArray
from stream_app.core.compact import compact
from stream_app.core.quality.options import QualityOptions
from stream_app.core.quality.runs import improbable_repeats, longest_ordinary_run

__all__ = ["Habits", "Learner", "learn_habits", "take"]

_THIN = 5

NEVER = 2**62
"""A count that is never reached: the check is not judged."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Learned limits of one channel.

    Parameters
    ----------
    low, high : float
        Beyond-sigma limits; infinite when the reference has no scale.
    scale : float or None
        Robust standard deviation; None when there is none.
    missing_begin, missing_end : int
        Missing values among the last ``missing_window`` that begin and end an alarm.
    stuck : int
        Run length that is stuck; 0: not judged.
    gone : int
        Events without a value after which the channel has disappeared.
    """

    low: float = -math.inf
    high: float = math.inf
    scale: float | None = None
    missing_begin: int = NEVER
    missing_end: int = 0
    stuck: int = 0
    gone: int = NEVER


_UNKNOWN = Habits()
_NAMES = tuple(field.name for field in fields(Habits))


def learn_habits(x: FloatArray, rows: int, options: QualityOptions) -> Habits:
    """Learn a channel's limits.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Its first observed values, in order.
    rows : int
        Events that they took, missing ones included.
    options : QualityOptions
        Limits and levels.

    Returns
    -------
    Habits

    Examples
    --------
    >>> habits = learn_habits(np.random.default_rng(0).normal(size=300), 300, QualityOptions())
    >>> 9.0 < habits.high < 12.0, habits.missing_begin, habits.stuck, habits.gone
    (True, 15, 20, 300)
    """
    low, high, scale = _sigma_limits(x, options.sigma)
    window, missing = options.missing_window, rows - len(x)
    begin = max(options.missing_least, _most_by_chance(options.chance, window, missing, len(x)) + 1)
    return Habits(
        low=low,
        high=high,
        scale=scale,
        missing_begin=begin if begin <= window else NEVER,
        missing_end=min(begin - 1, max(begin // 2, math.ceil(missing / rows * window))),
        stuck=longest_ordinary_run(x, options.chance, options.stuck_least),
        # Twice: absences of sensors come in clusters.
        gone=max(options.gone_least, 2 * improbable_repeats(missing, rows, options.chance)),
    )


@functools.lru_cache(maxsize=1024)
def _most_by_chance(chance: float, window: int, missing: int, observed: int) -> int:
    # The beta-binomial's tail, summed from its far end, where terms are small. Cached, because nearly all channels
    # miss nothing while they learn.
    k = np.arange(window + 1)
    mass = special.betaln(k + missing + 1, window - k + observed + 1) - special.betaln(k + 1, window - k + 1)
    mass -= math.log(window + 1) + special.betaln(missing + 1, observed + 1)
    at_least = np.cumsum(np.exp(mass)[::-1])[::-1]
    return int(np.count_nonzero(at_least[1:] > chance))


def _sigma_limits(x: FloatArray, sigma: float) -> tuple[float, float, float | None]:
    # Scaled by a power of two, so that 1e300 has a scale as any other level.
    unit = 2.0**700 if np.abs(x).max() > 2.0**700 else 1.0
    # Order statistics by rank: np.quantile and np.median cost more than all other checks together.
    ordered = np.sort(x / unit)
    low, middle, high = (float(ordered[round(level * (len(x) - 1))]) for level in (0.05, 0.5, 0.95))
    deviation = 1.4826 * float(np.sort(np.abs(ordered - middle))[len(x) // 2])
    # The wider of two robust scales: the median deviation of a coarsely rounded or two-level signal can be
    # far too small, or zero.
    scale = max(deviation, (high - low) / 3.29)
    if scale == 0.0:
        return -math.inf, math.inf, None
    centre, reach = float(middle), sigma * scale * _unseen_range(x / unit)
    return (
        (centre - reach) * unit,
        (centre + reach) * unit,
        min(scale * unit, float(np.finfo(np.float64).max)),
    )


def _unseen_range(x: FloatArray) -> float:
    """Return by how much a channel's range exceeds what a sample shows that is short beside its wander.

    A stationary wander of autocorrelation time t has, within n < 3 t events, a variance of n / (3 t) of its own
    (the Ornstein-Uhlenbeck process, to first order in n / t). The time is that of a first-order
    autoregression; beneath strong noise it comes out short, and then the noise is what sets the scale.
    """
    centred = x - x.mean()
    power = float(np.square(centred).sum())
    memory = float((centred[1:] * centred[:-1]).sum()) / power if power > 0.0 else 0.0
    time = (1.0 + memory) / max(1.0 - memory, 1e-6)
    return math.sqrt(max(1.0, 3.0 * time / len(x)))


def _wider(habits: Habits, sample: FloatArray, options: QualityOptions) -> Habits:
    """Take in where the channel has dwelt since: nine tenths of the sample, with the first reach around them."""
    if habits.scale is None:
        # Constant until now. A scale of its own begins with the first block that has one.
        low, high, scale = _sigma_limits(sample, options.sigma)
        return replace(habits, low=low, high=high, scale=scale)
    ordered = np.sort(sample)
    rank = round(0.05 * (len(sample) - 1))
    largest = float(np.finfo(np.float64).max)
    reach = min(options.sigma * habits.scale, largest)
    low, high = float(ordered[rank]) - reach, float(ordered[-1 - rank]) + reach
    if low >= habits.low and high <= habits.high:
        return habits
    return replace(habits, low=max(min(habits.low, low), -largest), high=min(max(habits.high, high), largest))


class Learner:
    """Learn the habits of one channel, and widen them by the levels at which it dwells later.

    After the first ``learn`` observed values, every block of as many events widens the limits to where nine
    tenths of it (of every fifth value) lay. A level at which a channel has stayed for a good part of a block is a habit, however far from the first
    one: going there is a change, for detectors of change to tell, and no bad input any more.

    Parameters
    ----------
    options : QualityOptions
        ``learn`` and the limits.

    Examples
    --------
    >>> learner = Learner(QualityOptions())
    >>> learner.feed(np.random.default_rng(0).normal(size=300)), learner.learned
    (True, True)
    """

    __slots__ = ("_fresh", "_parts", "habits", "observed", "options", "origin", "rows")

    def __init__(self, options: QualityOptions) -> None:
        self.options = options
        self.habits = _UNKNOWN
        self.rows = 0
        self.observed = 0
        # The first value, from which the sample is counted.
        self.origin = math.nan
        self._parts: list[FloatArray | npt.NDArray[np.float32]] = []
        # Values as they came: to make them compact a few at a time would cost more than all the rest.
        self._fresh: list[FloatArray] = []

    @property
    def learned(self) -> bool:
        """Whether the first habits are learned."""
        return self.observed >= self.options.learn

    @property
    def room(self) -> int:
        """Rows of which fewer leave the habits as they are, whatever is missing in them."""
        done = self.rows % self.options.learn if self.learned else self.observed
        return self.options.learn - done

    def until(self, column: FloatArray) -> int:
        """Return how many of these rows may be fed at once: to the end of a block, or all."""
        if self.learned:
            return min(len(column), self.options.learn - self.rows % self.options.learn)
        if len(column) <= self.options.learn - self.observed:
            return len(column)
        seen = np.flatnonzero(~np.isnan(column))
        wanting = self.options.learn - self.observed
        return int(seen[wanting - 1]) + 1 if len(seen) >= wanting else len(column)

    def feed(self, column: FloatArray) -> bool:
        """Take rows, no more than `until` allows; true when they changed the habits.

        Parameters
        ----------
        column : ndarray, shape (n,)
            Values; NaN is missing.

        Returns
        -------
        bool
        """
        length, learned = self.options.learn, self.learned
        if learned:
            self._fresh.append(column[-self.rows % _THIN :: _THIN].copy())
        else:
            known = column[~np.isnan(column)]
            if self.observed == 0 and len(known):
                self.origin = float(known[0])
            self._parts.append(compact(known, self.origin))
            self.observed += len(known)
        self.rows += len(column)
        if self.rows % length if learned else not self.learned:
            return False
        before, sample = self.habits, self._sample().astype(np.float64) + self.origin
        sample = sample[~np.isnan(sample)]
        self._parts, self._fresh = [], []
        if not learned:
            self.habits = learn_habits(sample, self.rows, self.options)
        # A block of which half is missing says little of where the channel dwells.
        elif 2 * _THIN * len(sample) >= length:
            self.habits = _wider(self.habits, sample, self.options)
        return self.habits is not before

    def learn(self, away: npt.NDArray[np.float32]) -> None:
        """Take rows without gaps, fewer than there is room for, as differences from the origin; not when learned."""
        self._parts.append(away)
        self.observed += len(away)
        self.rows += len(away)

    def _sample(self) -> FloatArray | npt.NDArray[np.float32]:
        """Return the sample so far, from its origin."""
        parts = [*self._parts]
        if self._fresh and any(map(len, self._fresh)):
            parts.append(compact(np.concatenate(self._fresh), self.origin))
        if len(parts) == 1:
            return parts[0]
        sample: FloatArray | npt.NDArray[np.float32] = np.concatenate([np.empty(0, dtype=np.float32), *parts])
        return sample

    def state(self) -> dict[str, Any]:
        """Give the state as plain data."""
        return {
            "habits": {name: getattr(self.habits, name) for name in _NAMES},
            "rows": self.rows,
            "observed": self.observed,
            "origin": self.origin,
            "sample": self._sample(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], options: QualityOptions) -> "Learner":
        """Rebuild from `state`."""
        learner = cls(options)
        learner.habits = Habits(**state["habits"])
        learner.rows, learner.observed = int(state["rows"]), int(state["observed"])
        learner.origin = float(state["origin"])
        learner._parts = [np.array(state["sample"])]
        return learner


def take(learners: Sequence[Learner], rows: FloatArray) -> None:
    """Let learners take rows, a column each, fewer than each has room for.

    Where all begin to learn and nothing is missing, all columns are made compact at once.

    Parameters
    ----------
    learners : sequence of Learner
        One a column.
    rows : ndarray, shape (n, d)
        Values; NaN is missing.
    """
    origins = np.array([learner.origin for learner in learners])
    if not (any(learner.learned for learner in learners) or np.isnan(rows).any() or np.isnan(origins).any()):
        away = compact(rows, origins)
        # What one column has beyond single precision must not widen the others.
        if away.dtype == np.float32:
            for learner, column in zip(learners, away.T.copy(), strict=True):
                learner.learn(column)
            return
    for i, learner in enumerate(learners):
        learner.feed(rows[:, i])
