"""How well clusters are told apart, measured in one way for every model."""

import numpy as np
from scipy.spatial.distance import cdist

from stream_app.backtesting.platform.rows import evenly
from stream_app.core.arrays import FloatArray, IntArray

__all__ = ["MOST_MEASURED", "NOISE", "mean_silhouette"]

MOST_MEASURED = 2000
"""Rows that are measured, evenly spaced: each is held against each."""

NOISE = -1
"""The cluster of rows that are of none."""


def mean_silhouette(features: FloatArray, clusters: IntArray, most: int = MOST_MEASURED) -> float | None:
    """Return the mean silhouette width of some rows, evenly spaced.

    Of a row, it is how much nearer its own cluster is than the next, by the mean distance to their rows, as a share of
    the larger of both: 1 well apart, 0 between two, below 0 in the wrong one. A row that is alone in its cluster counts
    0, and so does one that is of no cluster: leaving those out would make noise a virtue.

    Parameters
    ----------
    features : ndarray of shape (n, d)
    clusters : ndarray of shape (n,)
        Numbers of the clusters; `NOISE` of none.
    most : int
        Rows that are measured.

    Returns
    -------
    float or None
        None where there are fewer than two clusters.

    Examples
    --------
    >>> mean_silhouette(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1]))
    0.899...

    References
    ----------
    Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation of cluster analysis. J.
    Computational and Applied Mathematics 20.
    """
    taken = evenly(len(features), most)
    x, of = features[taken], clusters[taken]
    names, sizes = np.unique(of[of != NOISE], return_counts=True)
    if len(names) < 2:
        return None
    inside = np.flatnonzero(of != NOISE)
    own = np.searchsorted(names, of[inside])
    distances = cdist(x[inside], x[inside])
    sums = np.column_stack([distances[:, own == cluster].sum(axis=1) for cluster in range(len(names))])
    rows = np.arange(len(inside))
    alone = sizes[own] == 1
    within = sums[rows, own] / np.where(alone, 1, sizes[own] - 1)
    between = sums / sizes
    between[rows, own] = np.inf
    nearest = between.min(axis=1)
    largest = np.maximum(within, nearest)
    width = np.divide(nearest - within, largest, out=np.zeros(len(inside)), where=(largest > 0.0) & ~alone)
    return float(width.sum() / len(x))
