"""Clusterings and classifiers of the windows of a platform, side by side."""

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from stream_app.backtesting.platform.classifiers import CLASSIFIERS, classify
from stream_app.backtesting.platform.clusterings import CLUSTERINGS, Answer
from stream_app.backtesting.platform.online import SUPERVISED, run_online
from stream_app.backtesting.platform.rows import Rows, evenly
from stream_app.backtesting.platform.silhouette import MOST_MEASURED, NOISE, mean_silhouette
from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.platform.online_models import ONLINE_MODELS
from stream_app.errors import DataError, StreamgaugeError

__all__ = ["MOST_WINDOWS", "Comparison", "Family", "ModelRow", "compare_models", "figures_of"]

MOST_WINDOWS = 20_000
"""The newest windows that are compared: a fortnight of minutes."""

Family = Literal["detector", "clustering", "online clustering", "classifier", "online classifier"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """How one model did.

    Parameters
    ----------
    name : str
    family : str
        What kind of model it is.
    clusters : int or None
        Into how many clusters, or classes, it puts the windows.
    silhouette : float or None
        How well these are apart; see `mean_silhouette`.
    precision, recall, f1 : float or None
        Of the later windows that it takes for incidents, held against the labels; None without labels.
    outcome : str
        Why there is no figure; empty where there are all that can be.
    """

    name: str
    family: Family
    clusters: int | None = None
    silhouette: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The models side by side, and what a picture of their clusters takes.

    Parameters
    ----------
    rows : tuple of ModelRow
    windows, earlier, left_out : int
        Windows that were compared; those of them that were learned from; those with a missing feature.
    incidents : int or None
        Later windows with an incident; None without labels.
    points : ndarray of shape (m, 2)
        Some windows, evenly spaced, on their first two principal components.
    explained : tuple of float
        Share of the variance on each of these.
    clusters : dict of str to ndarray of shape (m,)
        Their clusters, by model; -1 of none.
    truth : ndarray of shape (m,) or None
        Whether there was an incident in each.
    problem : str
        Why nothing could be compared; empty otherwise.
    """

    rows: tuple[ModelRow, ...]
    windows: int = 0
    earlier: int = 0
    left_out: int = 0
    incidents: int | None = None
    points: FloatArray = field(default_factory=lambda: np.empty((0, 2)))
    explained: tuple[float, float] = (0.0, 0.0)
    clusters: dict[str, IntArray] = field(default_factory=dict)
    truth: BoolArray | None = None
    problem: str = ""


def compare_models(
    features: FloatArray,
    labels: BoolArray | None = None,
    *,
    split: float = 0.6,
    seed: int = 0,
    detector: BoolArray | None = None,
    names: Collection[str] | None = None,
) -> Comparison:
    """Let every model learn from the earlier windows and judge the later ones.

    Clusterings learn without labels. They take a window for an incident that is far from all clusters that hold a
    twentieth of the earlier windows or more; how far is far, the earlier windows say (`fence`). Of the numbers of clusters
    from 2 to 8 the one with the largest mean silhouette is taken. Classifiers learn from the labels of the earlier
    windows. Online models go through all windows in their order, and are told no labels of the later ones.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        A row a window, in the order of time, as `window_features` gives them. Of more than `MOST_WINDOWS` the newest.
    labels : ndarray of shape (n,), optional
        Whether there was an incident in each.
    split : float
        Share of the windows that are learned from.
    seed : int
        Of whatever draws.
    detector : ndarray of shape (n,), optional
        Whether the platform's own detector had an incident open, to stand beside the models.
    names : collection of str, optional
        Which of the models; all by default.

    Returns
    -------
    Comparison
        Where a model cannot be run, its row says why.

    Raises
    ------
    DataError
        If the shapes do not fit, `split` is no share, or there is no such model.

    Examples
    --------
    >>> usual = np.random.default_rng(0).normal(size=(500, 4))
    >>> usual[450:460] += 8.0
    >>> compared = compare_models(usual, np.arange(500) // 10 == 45, names=["k-means", "linear SVM"])
    >>> [(row.name, row.recall, row.outcome) for row in compared.rows]
    [('k-means', 1.0, ''), ('linear SVM', None, 'no labels to learn from: the earlier part has no incidents')]
    """
    if features.ndim != 2 or (labels is not None and len(labels) != len(features)):
        raise DataError(f"expected a row of features for each label, got shape {features.shape}")
    if not 0.0 < split < 1.0:
        raise DataError(f"split {split:g}: expected the earlier part's share, between 0 and 1")
    chosen = _chosen(names)
    newest = slice(max(0, len(features) - MOST_WINDOWS), None)
    features = features[newest]
    labels = None if labels is None else labels[newest]
    try:
        rows = Rows.prepare(features, labels, split)
    except DataError as error:
        return Comparison(
            tuple(ModelRow(name, family, outcome=str(error)) for name, family in chosen),
            windows=len(features),
            problem=str(error),
        )
    compared = [
        _run(name, family, partial(_answer, name, family, features, rows, seed), rows)
        for name, family in chosen
    ]
    if detector is not None:
        flags = detector[newest][rows.places]
        own = _run("platform detector", "detector", partial(Answer, flags.astype(np.int64), flags), rows)
        compared.insert(0, own)
    shown = evenly(len(rows.features), MOST_MEASURED)
    points, explained = _principal(rows.features[shown])
    return Comparison(
        tuple(row for row, _ in compared),
        len(rows.features),
        rows.begin,
        len(features) - len(rows.features),
        None if rows.labels is None else int(rows.labels[rows.begin :].sum()),
        points,
        explained,
        {row.name: answer.clusters[shown] for row, answer in compared if answer is not None},
        None if rows.labels is None else rows.labels[shown],
    )


_MODELS: tuple[tuple[str, Family], ...] = (
    *((name, "clustering") for name in CLUSTERINGS),
    *((name, "online clustering") for name in ONLINE_MODELS if name not in SUPERVISED),
    *((name, "classifier") for name in CLASSIFIERS),
    *((name, "online classifier") for name in ONLINE_MODELS if name in SUPERVISED),
)


def _chosen(names: Collection[str] | None) -> list[tuple[str, Family]]:
    known = [name for name, _ in _MODELS]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise DataError(f"unknown model {unknown[0]!r}; known are {', '.join(known)}")
    return [(name, family) for name, family in _MODELS if names is None or name in names]


def _answer(name: str, family: Family, features: FloatArray, rows: Rows, seed: int) -> Answer:
    if family == "clustering":
        return CLUSTERINGS[name](rows, seed)
    if family == "classifier":
        return classify(name, rows, seed)
    return run_online(name, features, rows)


def _run(
    name: str, family: Family, answer: Callable[[], Answer], rows: Rows
) -> tuple[ModelRow, Answer | None]:
    try:
        with warnings.catch_warnings():
            # What does not converge shows in its figures.
            warnings.simplefilter("ignore")
            said = answer()
    except (StreamgaugeError, ValueError, ArithmeticError) as error:
        return ModelRow(name, family, outcome=str(error)), None
    clusters = said.clusters
    figures = figures_of(
        said.unusual[rows.begin :], None if rows.labels is None else rows.labels[rows.begin :]
    )
    precision, recall, f1, outcome = figures
    row = ModelRow(
        name,
        family,
        len(np.unique(clusters[clusters != NOISE])),
        mean_silhouette(rows.features, clusters),
        precision,
        recall,
        f1,
        outcome,
    )
    return row, said


def figures_of(
    said: BoolArray, truth: BoolArray | None
) -> tuple[float | None, float | None, float | None, str]:
    """Return precision, recall and F1 of what was taken for an incident, and why one of them is missing.

    Examples
    --------
    >>> figures_of(np.array([True, True, False]), np.array([True, False, True]))
    (0.5, 0.5, 0.5, '')
    """
    if truth is None:
        return None, None, None, ""
    hits = int((said & truth).sum())
    told, true = int(said.sum()), int(truth.sum())
    precision = hits / told if told else None
    if not true:
        return precision, None, None, "the later part has no incidents"
    outcome = "" if told else "takes no later window for an incident"
    return precision, hits / true, 2.0 * hits / (told + true), outcome


def _principal(x: FloatArray) -> tuple[FloatArray, tuple[float, float]]:
    """Return rows on their first two principal components, and the shares of the variance there."""
    centred = x - x.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    # A direction and its opposite are the same component: the larger loading is positive.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    points = np.zeros((len(x), 2))
    points[:, : min(2, len(sizes))] = (left * sizes * signs)[:, :2]
    shares = np.zeros(2)
    total = float((sizes**2).sum())
    if total > 0.0:
        shares[: min(2, len(sizes))] = (sizes[:2] ** 2) / total
    return points, (float(shares[0]), float(shares[1]))
