"""What trains a model: built-in trainers, and a user's function."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.errors import DataError, MissingExtraError, PluginError, SettingsError
from stream_app.labels import label_text
from stream_app.plugins import load_object

__all__ = ["BUILT_IN", "train"]

Values: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[Any]
Parameter: TypeAlias = float | int | str | bool
Trainer: TypeAlias = Callable[..., Any]

_PROBED = 200
"""Rows on which a fresh model is asked before it is believed."""


def _library(name: str, library: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtraError("training needs", library, extra) from None


def _sklearn(name: str) -> Any:
    return _library(f"sklearn.{name}", "scikit-learn", "models")


def _logistic(values: Values, labels: Labels, **parameters: Parameter) -> Any:
    # Its coefficients are shrunk alike, which asks for one scale; and it takes no missing values.
    steps = (
        _sklearn("impute").SimpleImputer(strategy="median", keep_empty_features=True),
        _sklearn("preprocessing").StandardScaler(),
        _sklearn("linear_model").LogisticRegression(**{"max_iter": 1000, **parameters}),
    )
    return _sklearn("pipeline").make_pipeline(*steps).fit(values, labels)


def _forest(values: Values, labels: Labels, **parameters: Parameter) -> Any:
    kind = _sklearn("ensemble").RandomForestClassifier
    return kind(**{"n_estimators": 100, "random_state": 0, "n_jobs": 1, **parameters}).fit(values, labels)


def _lightgbm(values: Values, labels: Labels, **parameters: Parameter) -> Any:
    kind = _library("lightgbm", "LightGBM", "lightgbm").LGBMClassifier
    _sklearn("base")
    usual = {"random_state": 0, "n_jobs": 1, "verbose": -1, "deterministic": True, "force_col_wise": True}
    return kind(**{**usual, **parameters}).fit(values, labels)


BUILT_IN: Mapping[str, Trainer] = MappingProxyType(
    {"logistic": _logistic, "forest": _forest, "lightgbm": _lightgbm}
)
"""Trainers by name, each with its library's usual settings and a seed."""


def train(
    trainer: str, values: Values, labels: Labels, parameters: Mapping[str, Parameter] = MappingProxyType({})
) -> Any:
    """Train a classifier, and see that it answers sensibly.

    Parameters
    ----------
    trainer : str
        A name of `BUILT_IN`, or ``module:function``.
    values : ndarray (n, features)
    labels : ndarray of str (n,)
    parameters : mapping of str to plain values
        Passed to the trainer by name.

    Returns
    -------
    object
        Fitted, with scikit-learn's interface: ``predict``, ``classes_`` and maybe ``predict_proba``.

    Raises
    ------
    DataError
        If all labels are the same one.
    SettingsError
        If there is no such trainer, or it takes no such parameter.
    PluginError
        If a user's function cannot be imported, raises, or returns nonsense.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(size=(200, 2))
    >>> model = train("logistic", values, np.where(values[:, 0] > 0, "high", "low"))
    >>> model.predict([[3.0, 0.0], [-3.0, 0.0]]).tolist()
    ['high', 'low']
    """
    known = sorted(set(labels.tolist()))
    if len(known) < 2:
        raise DataError(
            f"all {len(labels):,} rows to learn from have the label {known[0]!r}: nothing can be told apart"
        )
    if trainer in BUILT_IN:
        try:
            model = BUILT_IN[trainer](values, labels, **parameters)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"trainer {trainer}: {_first_line(error)}") from error
    else:
        model = _trained_by_user(trainer, values.copy(), labels.copy(), parameters)
    _check(model, values[:: max(1, len(values) // _PROBED)], known, trainer)
    return model


def _trained_by_user(
    trainer: str, values: Values, labels: Labels, parameters: Mapping[str, Parameter]
) -> Any:
    if ":" not in trainer:
        raise SettingsError(f"no trainer {trainer!r}; there is {', '.join(BUILT_IN)}, or module:function")
    function = load_object(trainer, f"trainer {trainer}")
    if not callable(function):
        raise PluginError(f"trainer {trainer}: a {type(function).__name__} cannot be called")
    try:
        return function(values, labels, **parameters)
    # A user's function may raise anything, and a call of sys.exit must not end us without a word.
    except (Exception, SystemExit) as error:
        raise PluginError(f"trainer {trainer} raised {type(error).__name__}: {_first_line(error)}") from error


def _check(model: Any, probe: Values, known: Sequence[str], trainer: str) -> None:
    """See that what a trainer returned answers, and with labels that it was taught."""
    label = f"trainer {trainer}: what it returned"
    if not callable(getattr(model, "predict", None)):
        raise PluginError(f"{label}, a {type(model).__name__}, has no predict")
    classes = getattr(model, "classes_", None)
    if classes is None:
        raise PluginError(f"{label}, a {type(model).__name__}, has no classes_: it is no fitted classifier")
    said = _asked(model.predict, probe, f"{label} cannot predict")
    if said.shape != (len(probe),):
        raise PluginError(f"{label} answers {len(probe)} rows with the shape {said.shape}")
    strange = sorted({*map(str, said.tolist()), *map(str, np.asarray(classes).tolist())} - set(known))
    if strange and {label_text(one) for one in strange} - set(known):
        raise PluginError(
            f"{label} knows the class {strange[0][:80]!r}, which was none of the labels ({', '.join(known[:5])})"
        )
    if not callable(getattr(model, "predict_proba", None)):
        return
    shares = _asked(model.predict_proba, probe, f"{label} cannot tell probabilities")
    if shares.shape != (len(probe), len(classes)):
        raise PluginError(
            f"{label} gives probabilities of the shape {shares.shape}; expected {(len(probe), len(classes))}"
        )
    if shares.dtype.kind not in "fiu" or not np.isfinite(shares).all():
        raise PluginError(f"{label} gives probabilities that are NaN or infinite")
    if (shares < -1e-6).any() or not np.allclose(shares.sum(axis=1), 1.0, atol=1e-3):
        raise PluginError(f"{label} gives probabilities that do not sum to 1")


def _asked(question: Callable[[Values], Any], probe: Values, failed: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(question(probe))
    # As above: it is the user's code that runs.
    except (Exception, SystemExit) as error:
        raise PluginError(f"{failed}: {type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
