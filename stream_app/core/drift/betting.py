"""Bets against "nothing has changed": the payment of each kind of change for the rank of one observation.

An observation enters as a rank among the reference. A bet is a function of the rank whose mean under the reference is
at most one, that is an e-value: large where the bet's kind of change makes the rank more likely. Bets are exponential
tilts of the normal score ``z`` of the rank, divided by their mean over the reference, so that they are
e-values for whatever distribution the reference has.

References
----------
Shin, Ramdas, Rinaldo (2024). E-detectors: a nonparametric framework for sequential change detection.
New England Journal of Statistics in Data Science 2(2).
Vovk (2021). Testing randomness online. Statistical Science 36(4).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.normal import normal_cdf, normal_quantiles

__all__ = [
    "BETS",
    "BLOCK",
    "ODDS_UNIT",
    "PAIR_BETS",
    "PAIR_BINS",
    "PAIR_SIDE",
    "PAIR_STEP",
    "RANKS",
    "SCORES",
]
__all__ += ["Bets", "channel_bets", "pair_bets"]

RANKS = 64
"""Classes of ranks, narrower towards the tails: class r ends at the share ``(1 - cos(pi (r + 1) / RANKS)) / 2``."""

BETS = 14
"""Bets on a channel: six on its level, four on its scale, four on its shape."""

PAIR_BETS = 4
"""Bets on a pair of channels."""

PAIR_SIDE = 6
"""Classes of the sum, and of the difference, of two normal scores regardless of their signs."""

PAIR_STEP = 0.45
"""Width of such a class."""

PAIR_BINS = PAIR_SIDE * PAIR_SIDE

BLOCK = 512
"""Events after which a reference takes in what came since: so that a drift is not learned before it is found."""

ODDS_UNIT = 47
"""Odds are whole multiples of 1/47: the sums over a `BLOCK` are then exact in 16 bits."""

_MOST_GAIN = 1.0  # nats: a drift lasts, and a handful of outliers is an anomaly
_MOST_LOSS = -3.0  # nor may one observation wipe out more evidence than this

SCORES: FloatArray = normal_quantiles((1.0 - np.cos(np.pi * (np.arange(RANKS) + 0.5) / RANKS)) / 2.0)
"""Normal score of each class of ranks, shape (RANKS,)."""


@dataclass(frozen=True, slots=True)
class Bets:
    """A set of k bets on the classes of one kind of observation.

    Parameters
    ----------
    odds : ndarray of uint16, shape (classes, k)
        What each bet pays before it is divided by its mean, times `ODDS_UNIT`.
    tilts : ndarray of float32, shape (classes, k)
        Logarithms of the odds.
    gains : ndarray of float32, shape (k,)
        Nats that each bet earns per event if the change it bets on has happened.
    """

    odds: npt.NDArray[np.uint16]
    tilts: npt.NDArray[np.float32]
    gains: npt.NDArray[np.float32]


@cache
def channel_bets(min_effect: float) -> Bets:
    """Return the bets on one channel: its level, its scale and its shape.

    Levels are bet on at one, two and four times `min_effect` in each direction, so that shifts below
    half of it lose evidence and never alarm. Shapes are tilted by the third and fourth Hermite
    polynomials, the directions of skewness and kurtosis that leave mean and variance alone.

    Parameters
    ----------
    min_effect : float
        Smallest shift of level that is bet on, in standard deviations of the reference.

    Examples
    --------
    >>> bets = channel_bets(0.25)
    >>> bets.tilts.shape, bool(bets.tilts.max() < 1.1)
    ((64, 14), True)
    """
    z = SCORES
    levels = [sign * size * min_effect * z for size in (1.0, 2.0, 4.0) for sign in (1.0, -1.0)]
    scales = [0.5 * z * z * (1.0 - ratio**-2) for ratio in (0.6, 0.8, 1.25, 1.6)]
    skewness = (z**3 - 3.0 * z) / np.sqrt(6.0)
    kurtosis = (z**4 - 6.0 * z * z + 3.0) / np.sqrt(24.0)
    shapes = [sign * 0.35 * direction for direction in (skewness, kurtosis) for sign in (1.0, -1.0)]
    chances = np.diff((1.0 - np.cos(np.pi * np.arange(RANKS + 1) / RANKS)) / 2.0)
    return _bounded(np.array(levels + scales + shapes), chances)


@cache
def pair_bets() -> Bets:
    """Return the bets on a pair of channels: correlation up or down, slightly or much.

    With correlation r the sum of two scores has variance 2 (1 + r), the difference 2 (1 - r), and the two are
    independent if the scores are normal. Both are brought to variance one in the reference; a bet is the
    likelihood ratio of their classes if one of the variances were larger and the other smaller.
    """
    edges = np.append(np.arange(PAIR_SIDE) * PAIR_STEP, np.inf)

    def chances(variance: float) -> FloatArray:
        inside: FloatArray = 2.0 * np.diff(normal_cdf(edges / np.sqrt(variance)))
        return inside

    def joint(correlation: float) -> FloatArray:
        cells: FloatArray = chances(1.0 + correlation)[:, None] * chances(1.0 - correlation)[None, :]
        return cells.ravel()

    tilts = np.array([np.log(joint(sign * size) / joint(0.0)) for size in (0.3, 0.6) for sign in (1.0, -1.0)])
    return _bounded(tilts, joint(0.0))


def _bounded(tilts: FloatArray, chances: FloatArray) -> Bets:
    """Bound the tilts so that after normalising they lie within the most loss and the most gain."""
    for _ in range(40):
        tilts = np.clip(tilts, _MOST_LOSS, _MOST_GAIN)
        tilts = tilts - np.log((chances * np.exp(tilts)).sum(axis=1, keepdims=True))
    odds = np.rint(np.exp(tilts) * ODDS_UNIT)
    tilts = np.log(odds / ODDS_UNIT)
    gains = (chances * np.exp(tilts) * tilts).sum(axis=1)
    return Bets(
        np.ascontiguousarray(odds.T.astype(np.uint16)),
        np.ascontiguousarray(tilts.T.astype(np.float32)),
        gains.astype(np.float32),
    )
