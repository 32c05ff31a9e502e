"""Classifiers of the windows of a platform, learned from labels of the earlier ones."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from stream_app.backtesting.platform.clusterings import Answer, require_scikit_learn
from stream_app.backtesting.platform.rows import Rows
from stream_app.errors import DataError, MissingExtraError

__all__ = ["CLASSIFIERS", "classify", "raw_classifier"]


def classify(name: str, rows: Rows, seed: int) -> Answer:
    """Learn from the earlier rows and answer for all.

    Incidents are rare, so both classes weigh the same in each of these models.

    Raises
    ------
    DataError
        If there is nothing to learn from: no labels, or all the same.
    MissingExtraError
        If the library of the model is not installed.
    """
    make = CLASSIFIERS[name]
    if rows.labels is None:
        raise DataError("no labels to learn from")
    truth = rows.labels[rows.fitted]
    if truth.all() or not truth.any():
        raise DataError(
            f"no labels to learn from: the earlier part has {'only' if truth.all() else 'no'} incidents"
        )
    model = make(seed)
    model.fit(rows.earlier, truth.astype(np.int64))
    said = np.asarray(model.predict(rows.features)).astype(np.int64).ravel()
    return Answer(said, said == 1)


def raw_classifier(name: str, seed: int) -> Any:
    """Make a classifier that scales features by itself, as one has to that is kept without the windows it learned from.

    Raises
    ------
    MissingExtraError
        If the library of the model is not installed.
    """
    model = CLASSIFIERS[name](seed)
    if not hasattr(model, "get_metadata_routing"):  # CatBoost's trees need no scale
        return model
    return _sklearn("pipeline").make_pipeline(_sklearn("preprocessing").StandardScaler(), model)


def _linear_svm(seed: int) -> Any:
    return _sklearn("svm").LinearSVC(class_weight="balanced", random_state=seed, max_iter=5000)


def _rbf_svm(_seed: int) -> Any:
    return _sklearn("svm").SVC(class_weight="balanced")


def _forest(seed: int) -> Any:
    return _sklearn("ensemble").RandomForestClassifier(
        200, class_weight="balanced_subsample", min_samples_leaf=3, random_state=seed
    )


def _catboost(seed: int) -> Any:
    if find_spec("catboost") is None:
        raise MissingExtraError("this model needs", "CatBoost", "catboost")
    return import_module("catboost").CatBoostClassifier(
        iterations=300,
        depth=4,
        auto_class_weights="Balanced",
        random_seed=seed,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
    )


CLASSIFIERS: Mapping[str, Callable[[int], Any]] = {
    "linear SVM": _linear_svm,
    "RBF SVM": _rbf_svm,
    "random forest": _forest,
    "CatBoost": _catboost,
}
"""What makes the classifiers, by name, from a seed."""


def _sklearn(module: str) -> Any:
    require_scikit_learn()
    return import_module(f"sklearn.{module}")
