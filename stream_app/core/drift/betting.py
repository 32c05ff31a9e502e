"""Bets against "nothing has changed": what each kind of change would make of one observation's rank.

An observation enters as the bin of the reference's quantiles it falls into. A bet is a function of the
bin whose mean under the reference is at most one, that is an e-value: large where the bet's kind of
change makes the bin more likely. Bets are exponential tilts of the normal score ``z`` of the bin, with
the normaliser taken from the reference counts, so that they are e-values for whatever distribution the
reference has.

Logarithms are fixed-point integers (`UNIT` to one nat): sums of integers are exact, so that evidence
does not depend on where batches are cut.

References
----------
Shin, Ramdas, Rinaldo (2024). E-detectors: a nonparametric framework for sequential change detection.
New England Journal of Statistics in Data Science 2(2).
Vovk (2021). Testing randomness online. Statistical Science 36(4).
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from stream_app.core.arrays import FloatArray, IntArray

__all__ = [
    "BINS",
    "PAIR_BINS",
    "UNIT",
    "BetFamily",
    "Bets",
    "channel_bets",
    "log_normalisers",
    "normal_scores",
    "pair_bets",
    "pair_bins",
    "score_table",
]

BetFamily: TypeAlias = Literal["level", "scale", "shape", "correlation"]

BINS = 64
"""Quantile bins of a channel: coarse enough for a small state, fine enough to lose under 1 % of power."""

PAIR_BINS = 36
"""Six bins each of the sum and the difference of two normal scores, regardless of their signs."""

UNIT = 1 << 16
"""Fixed-point steps in one nat of evidence."""

MOST_GAIN = 1.0
"""No single observation earns more than one nat: a drift lasts, a handful of outliers is an anomaly."""

MOST_LOSS = -3.0
"""Nor may one observation wipe out more evidence than this."""

_PAIR_SIDE = 6
_PAIR_STEP = 0.45


@dataclass(frozen=True, slots=True)
class Bets:
    """A set of bets on the bins of one kind of observation.

    Parameters
    ----------
    families : tuple of str
        What each bet speaks for; length k.
    tilts : ndarray of float, shape (k, bins)
        Logarithm of each bet before its normaliser is taken off.
    gains : ndarray of float, shape (k,)
        Nats that each bet earns per event if the change it bets on has happened.
    odds : ndarray of float, shape (k, bins)
        The tilts' exponentials.
    table : ndarray of int32, shape (bins + 1, k)
        The tilts in fixed point by bin; the last row, of zeros, is for what is missing.
    """

    families: tuple[BetFamily, ...]
    tilts: FloatArray
    gains: FloatArray
    odds: FloatArray
    table: npt.NDArray[np.int32]


@cache
def score_table() -> FloatArray:
    """Return the scores of all bins and, for a missing value, zero; shape (`BINS` + 1,)."""
    scores = np.append(normal_scores(), 0.0)
    scores.flags.writeable = False
    return scores


@cache
def normal_scores() -> FloatArray:
    """Return the standard normal quantiles of the bins' middles, shape (`BINS`,)."""
    scores: FloatArray = ndtri((np.arange(BINS) + 0.5) / BINS)
    scores.flags.writeable = False
    return scores


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

    Returns
    -------
    Bets
        Fourteen bets.

    Examples
    --------
    >>> bets = channel_bets(0.25)
    >>> bets.tilts.shape, bets.families.count("level")
    ((14, 64), 6)
    """
    z = normal_scores()
    levels = [sign * size * min_effect * z for size in (1.0, 2.0, 4.0) for sign in (1.0, -1.0)]
    scales = [0.5 * z * z * (1.0 - ratio**-2) for ratio in (0.6, 0.8, 1.25, 1.6)]
    skewness = (z**3 - 3.0 * z) / np.sqrt(6.0)
    kurtosis = (z**4 - 6.0 * z * z + 3.0) / np.sqrt(24.0)
    shapes = [sign * 0.35 * direction for direction in (skewness, kurtosis) for sign in (1.0, -1.0)]
    uniform = np.full(BINS, 1.0 / BINS)
    families: list[BetFamily] = ["level"] * len(levels)
    families += ["scale"] * len(scales)
    families += ["shape"] * len(shapes)
    return _bounded(tuple(families), np.array(levels + scales + shapes), uniform)


@cache
def pair_bets() -> Bets:
    """Return the bets on a pair of channels: correlation up or down, slightly or much.

    With correlation r the sum of two scores has variance 2 (1 + r), the difference 2 (1 - r), and the two are
    independent if the scores are normal. Both are brought to variance one in the reference; a bet is the
    likelihood ratio of their bins if one of the variances were larger and the other smaller.

    Returns
    -------
    Bets
        Four bets over `PAIR_BINS` bins.
    """
    edges = np.append(np.arange(_PAIR_SIDE) * _PAIR_STEP, np.inf)

    def chances(variance: float) -> FloatArray:
        inside: FloatArray = 2.0 * np.diff(ndtr(edges / np.sqrt(variance)))
        return inside

    def joint(correlation: float) -> FloatArray:
        cells: FloatArray = chances(1.0 + correlation)[:, None] * chances(1.0 - correlation)[None, :]
        return cells.ravel()

    tilts = np.array([np.log(joint(sign * size) / joint(0.0)) for size in (0.3, 0.6) for sign in (1.0, -1.0)])
    return _bounded(("correlation",) * 4, tilts, joint(0.0))


def pair_bins(total: FloatArray, difference: FloatArray) -> IntArray:
    """Return the bins of pairs of scores.

    Parameters
    ----------
    total, difference : ndarray of float
        Sum and difference of two scores, each brought to unit variance; any shape, finite; overwritten.

    Returns
    -------
    ndarray of int
        Bins from 0 to ``PAIR_BINS - 1``.

    Examples
    --------
    >>> pair_bins(np.array([0.1, 3.0, 0.1]), np.array([0.1, 0.1, -3.0])).tolist()
    [0, 30, 5]
    """
    both, one = _side(total), _side(difference)
    both *= np.uint8(_PAIR_SIDE)
    both += one
    bins: IntArray = both.astype(np.intp)
    return bins


def _side(values: FloatArray) -> npt.NDArray[np.uint8]:
    np.abs(values, out=values)
    values *= 1.0 / _PAIR_STEP
    np.minimum(values, _PAIR_SIDE - 1.0, out=values)
    return values.astype(np.uint8)


def log_normalisers(bets: Bets, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return what to take off each bet so that its mean under the reference is one, in fixed point.

    Rounded up, so that the mean is never above one. Every bin is given half an observation on top
    (Krichevsky and Trofimov's estimator), shared evenly.

    Parameters
    ----------
    bets : Bets
        k bets over b bins.
    counts : ndarray of int, shape (channels, b)
        How often the reference fell into each bin.

    Returns
    -------
    ndarray of int32, shape (channels, k)
        Logarithms of the normalisers times `UNIT`.
    """
    weights = counts + 0.5 / counts.shape[1]
    weights /= weights.sum(axis=1, keepdims=True)
    means = (weights[:, None, :] * bets.odds).sum(axis=2)
    fixed: npt.NDArray[np.int32] = np.ceil(np.log(means) * UNIT).astype(np.int32)
    return fixed


def _bounded(families: tuple[BetFamily, ...], tilts: FloatArray, weights: FloatArray) -> Bets:
    """Bound the tilts so that after normalising they lie within `MOST_LOSS` and `MOST_GAIN`."""
    for _ in range(40):
        tilts = np.clip(tilts, MOST_LOSS, MOST_GAIN)
        tilts = tilts - np.log((weights * np.exp(tilts)).sum(axis=1, keepdims=True))
    gains = (weights * np.exp(tilts) * tilts).sum(axis=1)
    fixed = np.floor(tilts * UNIT)
    table = np.vstack((fixed.T, np.zeros(len(families)))).astype(np.int32)
    return Bets(families, fixed / UNIT, gains, np.exp(fixed / UNIT), table)
