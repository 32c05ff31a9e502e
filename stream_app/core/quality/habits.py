"""What is ordinary for a channel, learned from its first values.

Frequencies are learned from a few hundred values, so they are uncertain themselves: limits come from the
predictive distribution (uniform prior), not from the frequency as if it were known.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from stream_app.core.arrays import FloatArray
from stream_app.core.quality.options import QualityOptions
from stream_app.core.quality.runs import improbable_repeats, longest_ordinary_run

__all__ = ["Habits", "learn_habits"]

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
    by_chance = int(stats.betabinom.isf(options.chance, window, missing + 1, len(x) + 1)) + 1
    begin = max(options.missing_least, by_chance)
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


def _sigma_limits(x: FloatArray, sigma: float) -> tuple[float, float, float | None]:
    # Scaled by a power of two, so that 1e300 has a scale as any other level.
    unit = 2.0**700 if np.abs(x).max() > 2.0**700 else 1.0
    low, middle, high = np.quantile(x / unit, [0.05, 0.5, 0.95])
    deviation = 1.4826 * float(np.median(np.abs(x / unit - middle)))
    # The wider of two robust scales: the median deviation of a coarsely rounded or two-level signal can be
    # far too small, or zero.
    scale = max(deviation, float(high - low) / 3.29)
    if scale == 0.0:
        return -math.inf, math.inf, None
    centre, reach = float(middle), sigma * scale
    return (
        (centre - reach) * unit,
        (centre + reach) * unit,
        min(scale * unit, float(np.finfo(np.float64).max)),
    )
