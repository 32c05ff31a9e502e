"""Probability that a rate is the highest, and the expected loss of choosing it: exact, without simulation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from stream_app.core.arrays import FloatArray
from stream_app.errors import DataError

__all__ = ["Odds", "paired_odds", "unpaired_odds"]

_PRIOR = 0.5
"""Of each parameter of the Beta and Dirichlet distributions, as Jeffreys chose it."""

_REACH = 9.5
"""Standard deviations on either side of each density that are integrated over."""

_PANELS = 10
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True, slots=True)
class Odds:
    """Probability that each of some rates is the highest, and the expected loss of choosing it.

    Parameters
    ----------
    best : tuple of float
        Probability of each to be the highest.
    loss : tuple of float
        Expected loss of choosing each: by how much, on average over what is possible, the highest lies above it.
    """

    best: tuple[float, ...]
    loss: tuple[float, ...]


def unpaired_odds(right: Sequence[int], n: Sequence[int]) -> Odds:
    """Compare rates measured on independent trials.

    Each rate has a Beta distribution, from Jeffreys' prior and its trials. The integrals over them are done by
    Gauss-Legendre quadrature on the arcsine scale, where the densities are smooth and about equally wide whatever the
    rate: correct to about ten digits up to a million trials, to six at a hundred million, and the same at every call.

    Parameters
    ----------
    right, n : sequence of int, length k
        Successes and trials of each.

    Returns
    -------
    Odds

    Raises
    ------
    DataError
        If there are fewer than two, or counts make no sense.

    Notes
    -----
    About 0.5 ms for two.

    Examples
    --------
    >>> odds = unpaired_odds((900, 930), (1000, 1000))
    >>> round(odds.best[1], 4), [round(loss, 5) for loss in odds.loss]
    (0.992, [0.03, 3e-05])
    """
    if len(right) < 2 or len(right) != len(n) or any(not 0 <= r <= m for r, m in zip(right, n, strict=True)):
        raise DataError(f"{right} successes in {n} trials cannot be compared")
    a, b = np.array(right) + _PRIOR, np.array(n) - np.array(right) + _PRIOR
    angles, weights, low = _grid(a, b)
    x = np.sin(angles) ** 2
    cumulative = special.betainc(a[:, None], b[:, None], x)
    logs = (2.0 * a[:, None] - 1.0) * np.log(np.sin(angles)) + (2.0 * b[:, None] - 1.0) * np.log(
        np.cos(angles)
    )
    density = 2.0 * np.exp(logs - special.betaln(a, b)[:, None])
    best = []
    for i in range(len(a)):
        others = np.delete(cumulative, i, axis=0).prod(axis=0)
        best.append(float((weights * density[i] * others).sum()))
    # The mean of the highest: the integral of the chance that it lies above x.
    above = 1.0 - cumulative.prod(axis=0)
    highest = math.sin(low) ** 2 + float((weights * above * np.sin(2.0 * angles)).sum())
    loss = tuple(max(0.0, highest - float(mean)) for mean in a / (a + b))
    return Odds(tuple(min(1.0, p) for p in best), loss)


def _grid(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Nodes and weights, in arcsine angles, that resolve each of the densities; and where they begin."""
    centre = np.arctan2(np.sqrt(a), np.sqrt(b))
    width = 0.5 / np.sqrt(a + b)
    edges = centre[:, None] + width[:, None] * np.linspace(-_REACH, _REACH, _PANELS + 1)
    edges = np.unique(np.clip(edges, 0.0, math.pi / 2.0))
    half, middle = np.diff(edges) / 2.0, (edges[1:] + edges[:-1]) / 2.0
    angles = (middle[:, None] + half[:, None] * _NODES).ravel()
    return angles, (half[:, None] * _WEIGHTS).ravel(), float(edges[0])


def paired_odds(only_a: int, only_b: int, n: int) -> Odds:
    """Compare two versions that answered the same questions, by those where only one of them was right.

    The four outcomes of a pair have a Dirichlet distribution from Jeffreys' prior; the share of B among the pairs that
    tell them apart is then a Beta variable, independent of how many such pairs there are, so that everything is in closed
    form. With as many pairs it says far more than `unpaired_odds`, since hard questions are hard for both.

    Parameters
    ----------
    only_a, only_b : int
        Pairs where only A, and only B, was right.
    n : int
        Number of pairs, those that agree included.

    Returns
    -------
    Odds
        Of A, then B.

    Raises
    ------
    DataError
        If counts make no sense.

    References
    ----------
    McNemar, Q. (1947). Note on the sampling error of the difference between correlated proportions or percentages.
    Psychometrika 12.

    Examples
    --------
    >>> odds = paired_odds(only_a=10, only_b=40, n=1000)
    >>> round(odds.best[1], 6), round(odds.loss[0], 4)
    (0.999994, 0.0299)
    """
    if min(only_a, only_b) < 0 or only_a + only_b > n:
        raise DataError(f"{only_a} and {only_b} of {n} pairs cannot be compared")
    a, b = only_a + _PRIOR, only_b + _PRIOR
    apart = (a + b) / (n + 4.0 * _PRIOR)

    def gain(mine: float, other: float) -> tuple[float, float]:
        """Probability that one version wins more than half of the discordant pairs, and the mean excess."""
        more = float(special.betainc(other, mine, 0.5))
        mean = mine / (mine + other)
        return more, apart * max(0.0, 2.0 * mean * float(special.betainc(other, mine + 1.0, 0.5)) - more)

    (a_best, b_loss), (b_best, a_loss) = gain(a, b), gain(b, a)
    return Odds((a_best, b_best), (a_loss, b_loss))
