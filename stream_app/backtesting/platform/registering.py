"""Classifiers of the windows of a platform as registered models."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.backtesting.platform.classifiers import CLASSIFIERS, raw_classifier
from stream_app.backtesting.platform.comparison import figures_of
from stream_app.backtesting.platform.rows import MOST_FITTED, evenly
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.platform.window_features import FEATURE_NAMES
from stream_app.core.slices import weak_slices
from stream_app.errors import DataError, MissingExtraError
from stream_app.model_registry import (
    ModelRegistry,
    RegisteredVersion,
    fingerprint,
    reference_statistics,
)

__all__ = ["register_classifiers"]


def register_classifiers(
    registry: ModelRegistry,
    name: str,
    features: FloatArray,
    labels: BoolArray,
    ends: npt.ArrayLike,
    *,
    source: str,
    split: float = 0.6,
    seed: int = 0,
) -> list[RegisteredVersion]:
    """Train each classifier on the earlier windows, judge it on the later ones, and register it.

    A registered classifier takes the features as `window_features` gives them, and is judged as it is kept: its figures may
    differ a little from those of `compare_models`, which scales all models' features once.

    Parameters
    ----------
    registry : ModelRegistry
    name : str
        Of the registered model, of which each classifier becomes a version; the one with the largest F1 is the challenger.
    features : ndarray of shape (n, len(FEATURE_NAMES))
        A row a window, in the order of time.
    labels : ndarray of bool, shape (n,)
        Whether there was an incident in each.
    ends : array-like of shape (n,)
        Their ends, in epoch seconds.
    source : str
        Where they came from.
    split : float
        Share of the windows that are learned from.
    seed : int
        Of whatever draws.

    Returns
    -------
    list of RegisteredVersion
        In the order of their F1, the best first. Those whose library is not installed are left out.

    Raises
    ------
    DataError
        If there is nothing to learn from, or to judge by.
    """
    windows = _Windows.of(features, labels, np.asarray(ends, dtype=np.float64), split)
    found: list[tuple[float, RegisteredVersion]] = []
    missing: MissingExtraError | None = None
    for classifier in CLASSIFIERS:
        try:
            model = raw_classifier(classifier, seed)
        except MissingExtraError as error:
            missing = error
            continue
        with warnings.catch_warnings():
            # What does not converge shows in its figures.
            warnings.simplefilter("ignore")
            model.fit(windows.x[windows.fitted], windows.labels[windows.fitted].astype(np.int64))
            told = np.asarray(model.predict(windows.x[windows.begin :])).ravel() == 1
        found.append(_registered(registry, name, classifier, model, windows, told, source, split, seed))
    if not found:
        raise missing or DataError("no classifier to register")
    found.sort(key=lambda one: -one[0])
    best = registry.challenge(name, found[0][1].number)
    return [best, *(version for _, version in found[1:])]


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows with all their features, and without those features that never vary."""

    x: FloatArray
    labels: BoolArray
    ends: FloatArray
    names: tuple[str, ...]
    begin: int

    @classmethod
    def of(cls, features: FloatArray, labels: BoolArray, ends: FloatArray, split: float) -> "_Windows":
        if not 0.0 < split < 1.0:
            raise DataError(f"split {split:g}: expected the earlier part's share, between 0 and 1")
        places = np.flatnonzero(np.isfinite(features).all(axis=1))
        begin = int(split * len(places))
        earlier, later = labels[places[:begin]], labels[places[begin:]]
        for part, known in (("earlier", earlier), ("later", later)):
            if not known.any() or known.all():
                raise DataError(
                    f"the {part} part has {'only' if len(known) and known.all() else 'no'} incidents, so no classifier can be "
                    f"{'trained' if part == 'earlier' else 'judged'}: {len(known):,} windows"
                )
        varying = np.ptp(features[places[:begin]], axis=0) > 0.0
        names = tuple(name for name, varies in zip(FEATURE_NAMES, varying, strict=True) if varies)
        return cls(features[places][:, varying], labels[places], ends[places], names, begin)

    @property
    def fitted(self) -> npt.NDArray[np.int64]:
        return evenly(self.begin, MOST_FITTED)


def _registered(
    registry: ModelRegistry,
    name: str,
    classifier: str,
    model: Any,
    windows: _Windows,
    told: BoolArray,
    source: str,
    split: float,
    seed: int,
) -> tuple[float, RegisteredVersion]:
    truth = windows.labels[windows.begin :]
    precision, recall, f1, _ = figures_of(told, truth)
    figures = {"precision": precision, "recall": recall, "f1": f1, "accuracy": float((told == truth).mean())}
    taught = windows.fitted
    version = registry.log(
        name,
        model,
        params={"model": classifier, "split": split, "seed": seed, "most_fitted": MOST_FITTED},
        metrics={key: figure for key, figure in figures.items() if figure is not None},
        data=fingerprint(
            windows.x[taught],
            windows.names,
            labels=windows.labels[taught],
            times=windows.ends[taught],
            source=source,
        ),
        slices=weak_slices(windows.names, windows.x[windows.begin :], told != truth),
        reference=reference_statistics(windows.x[taught], windows.names),
    )
    return f1 or 0.0, version
