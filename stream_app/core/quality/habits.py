"""What is ordinary for a channel, learned from its first values.

Frequencies are learned from a few hundred values, so they are uncertain themselves: limits come from the
predictive distribution (uniform prior), not from the frequency as if it were known.
"""

import functools
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import special

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.quality.options import QualityOptions
from stream_app.core.quality.runs import improbable_repeats, longest_ordinary_run

__all__ = ["NEVER", "HabitColumns", "Habits", "learn_habits", "sigma_limits"]

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


@dataclass(slots=True)
class HabitColumns:
    """The habits of all channels of a source side by side, as vectorised checks compare with them.

    Parameters
    ----------
    low, high, scale, missing_begin, missing_end, stuck, gone : ndarray, shape (d,)
        As in `Habits`; a scale that there isn't is NaN.

    Examples
    --------
    >>> columns = HabitColumns.unknown(2)
    >>> columns.put(1, Habits(low=-3.0, high=3.0, scale=0.3, stuck=20))
    >>> columns.high.tolist(), columns.stuck.tolist()
    ([inf, 3.0], [0, 20])
    """

    low: FloatArray
    high: FloatArray
    scale: FloatArray
    missing_begin: IntArray
    missing_end: IntArray
    stuck: IntArray
    gone: IntArray

    @classmethod
    def unknown(cls, columns: int) -> Self:
        """Return columns of which nothing is known yet."""
        return cls(*(np.full(columns, value) for value in _row(Habits())))

    def grow(self, columns: int) -> None:
        """Add columns at the end."""
        fresh = self.unknown(columns)
        for name in self.__slots__:
            setattr(self, name, np.append(getattr(self, name), getattr(fresh, name)))

    def put(self, column: int, habits: Habits) -> None:
        """Take the habits of one column."""
        for name, value in zip(self.__slots__, _row(habits), strict=True):
            getattr(self, name)[column] = value


def _row(habits: Habits) -> tuple[float | int, ...]:
    scale = math.nan if habits.scale is None else habits.scale
    return (
        *(habits.low, habits.high, scale),
        *(habits.missing_begin, habits.missing_end, habits.stuck, habits.gone),
    )


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
    low, high, scale = sigma_limits(x, options.sigma)
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


def sigma_limits(x: FloatArray, sigma: float) -> tuple[float, float, float | None]:
    """Return low and high limits, and the robust scale; without limits where all values are equal.

    Parameters
    ----------
    x : ndarray, shape (n,)
        A channel's values, finite, in order.
    sigma : float
        Robust standard deviations from the median to either limit.

    Returns
    -------
    tuple of float, float, float or None
    """
    # Scaled by a power of two, so that 1e300 has a scale as any other level, and squares that can be summed.
    unit = 2.0**700 if np.abs(x).max() > 2.0**500 else 1.0
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
