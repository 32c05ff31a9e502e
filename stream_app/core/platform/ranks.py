"""How rare a standardised value is beside those of its own past: ranks in a histogram, and a tail beyond them.

The histogram has bins of equal width in the inverse hyperbolic sine of the value, so that it reaches from a tenth of a standard deviation to
a thousand. Ranks hold for any distribution: counts, shares, mixtures of jobs and rest. Beyond the upper three hundredths excesses are
generalised Pareto, their mean and shape learned and drawn to those of nearly normal noise where they are few. What the past has only few
independent values of is judged by the predictive distribution: the fewer, the less rare. A value that never varied has no tail: leaving it
after n windows is as rare as one in n + 1, Laplace's rule of succession.

References
----------
J. Pickands (1975), Statistical inference using extreme order statistics; J. R. M. Hosking and J. R. Wallis (1987), Parameter and quantile
estimation for the generalized Pareto distribution; J. Aitchison and I. R. Dunsmore (1975), Statistical Prediction Analysis.
"""

import math
from typing import Any

import numpy as np

from stream_app.core.kernel import kernel

__all__ = ["BINS", "TAIL", "bin_of", "count", "fit_tails", "nats_above", "normal_score"]

BINS = 63
_MIDDLE = 31
_PER_UNIT = 4.0  # bins in a unit of asinh: 0.25 standard deviations near 0, a fourth of the value far from it
_LAST = 7.75  # asinh of the farthest bin
_TAIL_SHARE = 0.03
_LEAST_TAIL = 10.0
_NO_TAIL = 0.25  # a tail that holds more than this share of all is no tail
_PRIOR_EXCESS = 0.4  # mean of a normal variable's excess over its upper 3 %
_PRIOR_SHAPE = 0.1
_EXCESS_WEIGHT = 5.0
_SHAPE_WEIGHT = 30.0  # shapes of fewer excesses say little
_HEAVIEST = 0.5

TAIL = np.dtype([("from", np.float32), ("share", np.float32), ("scale", np.float32), ("shape", np.float32)])
"""Where a tail begins, which share of the values is in it, and its generalised Pareto distribution."""


@kernel
def _place(u: float) -> float:
    return _PER_UNIT * min(max(math.asinh(u), -_LAST), _LAST)


@kernel
def bin_of(u: float) -> int:
    """Return the bin of a standardised value.

    >>> bin_of(0.0), bin_of(1e9), bin_of(-1e9)
    (31, 62, 0)
    """
    return min(max(_MIDDLE + int(math.floor(_place(u) + 0.5)), 0), BINS - 1)  # noqa: RUF046 a float in a kernel


@kernel
def count(histogram: Any, at: int, most: float, total: float) -> float:
    """Add a value to a histogram of so many; halve all where they become more than `most`; return how many there are."""
    histogram[at] += 1.0
    total += 1.0
    if total > most:
        for b in range(BINS):
            histogram[b] *= 0.5
        total *= 0.5
    return total


@kernel
def fit_tails(histogram: Any, total: float, tails: Any) -> None:
    """Fit the lower and the upper tail: element 0 and 1 of `tails`."""
    wanted = max(_LEAST_TAIL, _TAIL_SHARE * total)
    for side in range(2):
        sign = 1.0 if side == 1 else -1.0
        above = 0.0
        b = BINS - 1
        while b >= 0:
            above += histogram[b if side == 1 else BINS - 1 - b]
            if above >= wanted:
                break
            b -= 1
        start = math.sinh((b - _MIDDLE - 0.5) / _PER_UNIT)
        mean = 0.0
        square = 0.0
        for k in range(max(b, 0), BINS):
            n = histogram[k if side == 1 else BINS - 1 - k]
            excess = math.sinh((k - _MIDDLE) / _PER_UNIT) - start
            mean += n * excess
            square += n * excess * excess
        weight = above + _EXCESS_WEIGHT
        centre = mean / max(above, 1e-9)
        spread = square / max(above, 1e-9) - centre * centre
        shape = 0.5 * (1.0 - centre * centre / max(spread, 1e-12))
        shape = (above * max(shape, -0.5) + _SHAPE_WEIGHT * _PRIOR_SHAPE) / (above + _SHAPE_WEIGHT)
        shape = min(max(shape, 0.01), _HEAVIEST)
        tail = tails[side]
        tail["from"] = sign * start
        tail["share"] = above / max(total, 1.0)
        tail["scale"] = max((mean + _EXCESS_WEIGHT * _PRIOR_EXCESS) / weight * (1.0 - shape), 1e-6)
        tail["shape"] = shape


@kernel
def nats_above(
    u: float,
    histogram: Any,
    total: float,
    independent: float,
    tails: Any,
    side: int,
    known_scale: bool,  # noqa: FBT001
) -> float:
    """Return minus the logarithm of the share of values as high as `u` (`side` 1), or as low (0).

    Parameters
    ----------
    u : float
        The value.
    histogram, total : array of shape (BINS,), float
        Values of the past, and how many they are.
    independent : float
        How many of them are as good as independent.
    tails : array of TAIL, shape (2,)
        See `fit_tails`.
    side : int
        Which tail.
    known_scale : bool
        Whether a value that never varied has a scale nevertheless, and so a tail.
    """
    at = bin_of(u)
    beyond = 0.0
    if side == 1:
        for b in range(at + 1, BINS):
            beyond += histogram[b]
    else:
        for b in range(at):
            beyond += histogram[b]
    part = min(max(0.5 + (at - _MIDDLE - _place(u)) * (1.0 if side == 1 else -1.0), 0.0), 1.0)
    beyond += part * histogram[at]
    known = min(independent, total) + 1.0
    rank = -math.log((beyond + 0.5) / (total + 1.0))
    tail = tails[side]
    away = u - tail["from"] if side == 1 else tail["from"] - u
    if not 0.0 < tail["share"] <= _NO_TAIL or away <= 0.0:
        nats = min(rank, math.log(known + 1.0))
        if known_scale and beyond < 1.0 and abs(u) > 1.0:
            pareto = math.log1p(_PRIOR_SHAPE * (abs(u) - 1.0) / _PRIOR_EXCESS) / _PRIOR_SHAPE
            nats += _EXCESS_WEIGHT * math.log1p(pareto / _EXCESS_WEIGHT)
        return float(nats)
    share = tail["share"]
    pareto = math.log1p(tail["shape"] * away / tail["scale"]) / tail["shape"]
    # As many excesses as are independent stand behind the tail.
    behind = share * known + _EXCESS_WEIGHT
    nats = -math.log(share) + behind * math.log1p(pareto / behind)
    if beyond >= 1.0:
        # What happened is no rarer than it was.
        nats = min(nats, -math.log((beyond - 0.5) / (total + 1.0)))
    return float(nats)


@kernel
def normal_score(nats: float) -> float:
    """Return the score that a standard normal variable exceeds as rarely; 0 for what is as frequent as not.

    By Hastings (1955), Approximations for Digital Computers, to 4.5e-4.

    >>> round(normal_score(-math.log(0.025)), 2), normal_score(0.1)
    (1.96, 0.0)
    """
    if nats <= 0.6931471805599453:
        return 0.0
    t = math.sqrt(2.0 * nats)
    top = 2.515517 + t * (0.802853 + t * 0.010328)
    return max(0.0, t - top / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))))
