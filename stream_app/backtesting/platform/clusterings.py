"""Clusterings of the windows of a platform: what is like the earlier ones, and what is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from stream_app.backtesting.platform.rows import Rows
from stream_app.backtesting.platform.silhouette import NOISE, mean_silhouette
from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.errors import DataError, MissingExtraError

__all__ = ["CLUSTERINGS", "Answer", "fence", "require_scikit_learn"]

MOST_CLUSTERS = 8
NEIGHBOURS = 10
"""Rows within reach that make a row one of a dense place."""
USUAL_SHARE = 0.05
"""Share of the earlier rows that a cluster holds at least to count as usual; the largest always does."""
MEASURED_TO_CHOOSE = 1000
"""Rows that are measured to choose the number of clusters."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of all rows.

    Parameters
    ----------
    clusters : ndarray of shape (n,)
        The cluster, or class, of each row; -1 of none.
    unusual : ndarray of shape (n,)
        Whether it takes each for an incident.
    """

    clusters: IntArray
    unusual: BoolArray


Clustering: TypeAlias = Callable[[Rows, int], Answer]
"""Learns from the earlier rows, without labels, and answers for all; takes a seed."""


def require_scikit_learn() -> None:
    """Make sure that scikit-learn is there.

    Raises
    ------
    MissingExtraError
        If it is not.
    """
    if find_spec("sklearn") is None:
        raise MissingExtraError("this model needs", "scikit-learn", "models")


def fence(scores: FloatArray) -> float:
    """Return beyond which score a row is far out: the upper quartile and three times the distance of the quartiles.

    It needs no label, and a quarter of the rows may be unusual without moving it far.

    References
    ----------
    Tukey, J. W. (1977). Exploratory data analysis, ch. 2.

    Examples
    --------
    >>> fence(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    10.0
    """
    low, high = np.quantile(scores, [0.25, 0.75])
    return float(high + 3.0 * (high - low))


def _k_means(rows: Rows, seed: int) -> Answer:
    cluster = _sklearn("cluster")
    return _by_centres(
        rows, lambda k: cluster.KMeans(k, n_init=10, random_state=seed).fit_predict(rows.earlier)
    )


def _birch(rows: Rows, _seed: int) -> Answer:
    cluster = _sklearn("cluster")
    # Small clusters half as wide as a dense place: the whole of one would be a single small cluster.
    radius = _reach(rows.earlier) / 2.0
    return _by_centres(
        rows, lambda k: cluster.Birch(threshold=radius, n_clusters=k).fit_predict(rows.earlier)
    )


def _agglomerative(rows: Rows, _seed: int) -> Answer:
    cluster = _sklearn("cluster")
    return _by_centres(rows, lambda k: cluster.AgglomerativeClustering(k).fit_predict(rows.earlier))


def _mixture(rows: Rows, seed: int) -> Answer:
    mixture = _sklearn("mixture")
    found: dict[int, Any] = {}

    def fit(k: int) -> IntArray:
        # Variances alone: the covariances of fifty features would take more rows than an incident has.
        found[k] = mixture.GaussianMixture(k, covariance_type="diag", reg_covar=1e-3, random_state=seed)
        clusters: IntArray = found[k].fit_predict(rows.earlier)
        return clusters

    clusters = _best(rows.earlier, fit)
    model = found[int(clusters.max()) + 1] if int(clusters.max()) + 1 in found else found[max(found)]
    usual = _usual(model.predict(rows.earlier))
    # The density under the usual components alone: an incident among the earlier rows does not make the next one usual.
    joint = _log_densities(model, rows.features)[:, usual]
    scores = -np.logaddexp.reduce(joint, axis=1)
    return Answer(model.predict(rows.features), scores > fence(scores[rows.fitted]))


def _dbscan(rows: Rows, _seed: int) -> Answer:
    cluster = _sklearn("cluster")
    reach = _reach(rows.earlier)
    model = cluster.DBSCAN(eps=reach, min_samples=NEIGHBOURS).fit(rows.earlier)
    core = model.core_sample_indices_
    if not len(core):
        raise DataError(f"no cluster: no window has {NEIGHBOURS} others within {reach:.3g}")
    clusters = model.labels_[core]
    distances, nearest = KDTree(rows.earlier[core]).query(rows.features)
    found = np.where(distances <= reach, clusters[nearest], NOISE)
    return Answer(found, ~np.isin(found, _usual(model.labels_)))


CLUSTERINGS: Mapping[str, Clustering] = {
    "k-means": _k_means,
    "Gaussian mixture": _mixture,
    "DBSCAN": _dbscan,
    "Birch": _birch,
    "agglomerative": _agglomerative,
}
"""The clusterings by name."""


def _sklearn(module: str) -> Any:
    require_scikit_learn()
    return import_module(f"sklearn.{module}")


def _best(x: FloatArray, fit: Callable[[int], IntArray]) -> IntArray:
    """Return the clusters of the number of clusters, up to 8, with the largest mean silhouette; of equals the fewest."""
    distinct = len(np.unique(x, axis=0))
    if distinct < 3:
        raise DataError(f"the earlier part has {distinct} different windows; two clusters need at least 3")
    found = [fit(k) for k in range(2, min(MOST_CLUSTERS, distinct - 1) + 1)]
    widths = [mean_silhouette(x, clusters, MEASURED_TO_CHOOSE) for clusters in found]
    if all(width is None for width in widths):
        raise DataError("one cluster: no number of clusters divides the windows")
    return found[int(np.argmax([-2.0 if width is None else width for width in widths]))]


def _by_centres(rows: Rows, fit: Callable[[int], IntArray]) -> Answer:
    """Answer by the distance to the centres of clusters: each row is of the nearest, and unusual if far from those that are usual."""
    clusters = _best(rows.earlier, fit)
    names = np.unique(clusters)
    centres = np.array([rows.earlier[clusters == name].mean(axis=0) for name in names])
    distances = cdist(rows.features, centres)
    usual = np.isin(names, _usual(clusters))
    nearest_usual = distances[:, usual].min(axis=1)
    found = distances.argmin(axis=1)
    return Answer(found, ~usual[found] | (nearest_usual > fence(nearest_usual[rows.fitted])))


def _usual(clusters: IntArray) -> IntArray:
    """Return the clusters that hold so many rows that they count as usual."""
    names, sizes = np.unique(clusters[clusters != NOISE], return_counts=True)
    kept: IntArray = names[sizes >= min(USUAL_SHARE * len(clusters), sizes.max())]
    return kept


def _reach(x: FloatArray) -> float:
    """Return the distance within which nine in ten rows have ten others: the bend of the curve of these distances is about there."""
    if len(x) <= NEIGHBOURS:
        raise DataError(f"the earlier part has {len(x)} windows; density takes more than {NEIGHBOURS}")
    distances, _ = KDTree(x).query(x, k=NEIGHBOURS + 1)
    # Where nearly all rows are equal, any distance is far.
    return max(float(np.quantile(distances[:, -1], 0.9)), 1e-9)


def _log_densities(model: Any, x: FloatArray) -> FloatArray:
    """Return of each row the log density under each component with its weight."""
    variances = model.covariances_
    squared = ((x[:, None, :] - model.means_[None]) ** 2 / variances[None]).sum(axis=2)
    constant = np.log(2.0 * np.pi * variances).sum(axis=1)
    densities: FloatArray = np.log(model.weights_) - 0.5 * (squared + constant)
    return densities
