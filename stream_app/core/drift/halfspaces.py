"""Position of an event among many channels: its distance, and the sides of random hyperplanes.

The share of events on one side of every hyperplane tells a distribution apart from any other (Cramér and
Wold). Averaged over random hyperplanes through the reference, the squared difference of two samples' shares
is the projection-averaged Cramér-von Mises distance, a bounded relative of the energy distance.

References
----------
Cramér, Wold (1936). Some theorems on distribution functions. Journal of the London Mathematical Society 11.
Székely, Rizzo (2013). Energy statistics. Journal of Statistical Planning and Inference 143(8).
Kim, Balakrishnan, Wasserman (2020). Robust multivariate nonparametric tests via projection averaging. Annals of
Statistics 48(6).
Ledoit, Wolf (2004). A well-conditioned estimator for large-dimensional covariance matrices. J. Multivariate Analysis 88;
Schaefer, Strimmer (2005). A shrinkage approach to large-scale covariance matrix estimation. Stat. Appl. Genet. Mol. Biol. 4.
"""

from math import sqrt
from typing import Any

import numpy as np

from stream_app.core.kernel import kernel

__all__ = ["PLANES", "fit_projection", "product", "project", "sides_of", "squared_distance"]

PLANES = 128
"""Hyperplanes: the distance of two samples is then known to a tenth of itself, which is far below their chance."""

_WORD = 64  # sides in an integer


@kernel
def fit_projection(projection: Any, scores: Any, directions: Any) -> None:
    """Fit whitened coordinates to a sample, and turn random directions in them into directions of the scores.

    Parameters
    ----------
    projection : ndarray, shape (d, d + PLANES)
        Written: from scores to whitened coordinates, then to coordinates along the directions.
    scores : ndarray, shape (n, d)
        Normal scores of the ranks of each event.
    directions : ndarray, shape (d, PLANES)
        Unit vectors in whitened coordinates.
    """
    d = len(projection)
    _shrunk_correlation(projection, scores)
    _inverted_cholesky(projection)
    for j in range(d):
        for p in range(PLANES):
            along = 0.0
            for k in range(j, d):
                along += float(projection[j, k]) * float(directions[k, p])
            projection[j, d + p] = along


@kernel
def _shrunk_correlation(matrix: Any, scores: Any) -> None:
    """Write the lower triangle of the correlation, shrunk towards independence by the share of noise in it."""
    n, d = scores.shape
    for i in range(d):
        for j in range(i + 1):
            moment = 0.0
            for row in range(n):
                moment += float(scores[row, i]) * float(scores[row, j])
            matrix[i, j] = moment / n
    squares = noise = 0.0
    for i in range(d):
        for j in range(i):
            scale = sqrt(float(matrix[i, i]) * float(matrix[j, j]))
            r = max(-1.0, min(1.0, float(matrix[i, j]) / scale)) if scale > 0.0 else 0.0
            matrix[i, j] = r
            squares += r * r
            noise += (1.0 - r * r) ** 2 / n
    intensity = min(1.0, max(noise / squares, 1.0 / max(n, 2))) if squares > 0.0 else 1.0
    for i in range(d):
        matrix[i, i] = 1.0
        for j in range(i):
            matrix[i, j] = (1.0 - intensity) * float(matrix[i, j])


@kernel
def _inverted_cholesky(matrix: Any) -> None:
    """Turn the lower triangle of a correlation matrix C = L L' into the inverse of L, transposed."""
    d = len(matrix)
    for j in range(d):
        for i in range(j, d):
            rest = float(matrix[i, j])
            for k in range(j):
                rest -= float(matrix[i, k]) * float(matrix[j, k])
            matrix[i, j] = sqrt(max(rest, 1e-6)) if i == j else rest / float(matrix[j, j])
    for j in range(d):
        matrix[j, j] = 1.0 / float(matrix[j, j])
        for i in range(j + 1, d):
            rest = 0.0
            for k in range(j, i):
                rest -= float(matrix[i, k]) * float(matrix[k, j])
            matrix[i, j] = rest / float(matrix[i, i])
    for i in range(d):
        for j in range(i):
            matrix[j, i] = matrix[i, j]
            matrix[i, j] = 0.0


@kernel
def project(along: Any, scores: Any, projection: Any) -> None:
    """Write where scores lie in whitened coordinates and along the directions, shape (d + PLANES,)."""
    for k in range(len(along)):
        along[k] = 0.0
    for j in range(len(projection)):
        score = scores[j]
        row = projection[j]
        for k in range(len(along)):
            along[k] += score * row[k]


@kernel
def squared_distance(along: Any, d: int) -> float:
    """Return the squared Mahalanobis distance of what was projected."""
    distance = 0.0
    for k in range(d):
        distance += float(along[k]) * float(along[k])
    return distance


@kernel
def sides_of(sides: Any, along: Any, d: int, planes: Any) -> None:
    """Write as bits which hyperplanes lie below what was projected, shape (PLANES / 64,)."""
    for word in range(PLANES // _WORD):
        bits = np.uint64(0)
        for bit in range(_WORD):
            p = word * _WORD + bit
            if along[d + p] > planes[p]["threshold"]:
                bits |= np.uint64(1) << np.uint64(bit)
        sides[word] = bits


@kernel
def product(sides: Any, planes: Any) -> int:
    """Return the sum of the planes' weights over those that lie below an event."""
    total = 0
    for word in range(PLANES // _WORD):
        bits = sides[word]
        for bit in range(_WORD):
            below = int((bits >> np.uint64(bit)) & np.uint64(1))
            total += below * int(planes[word * _WORD + bit]["weight"])
    return total
