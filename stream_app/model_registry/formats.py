"""How models are kept: scikit-learn's by skops, LightGBM's as text, CatBoost's in its own format; never pickled."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from stream_app.errors import MissingExtraError, UnusableModelError
from stream_app.model_registry.manifest import FormatName, Manifest
from stream_app.model_registry.skops_file import read_skops, write_skops

__all__ = ["WrittenModel", "features_of", "read_model", "write_model"]

FileName = Literal["model.skops", "model.txt", "model.cbm"]


@dataclass(frozen=True, slots=True)
class WrittenModel:
    """A file that a model was written to; see `Manifest`."""

    format: FormatName
    file: FileName
    library: str
    classes: tuple[Any, ...]
    features: int | None
    """How many it takes; None where the model does not say."""


_FILES: MappingProxyType[FormatName, tuple[FileName, str]] = MappingProxyType(
    {
        "scikit-learn": ("model.skops", "scikit-learn"),
        "lightgbm": ("model.txt", "lightgbm"),
        "catboost": ("model.cbm", "catboost"),
    }
)


def write_model(model: Any, folder: Path, *, trusted: Sequence[str] = ()) -> WrittenModel:
    """Write a fitted model to a folder.

    Parameters
    ----------
    model : object
        Of scikit-learn's interface, or a Booster of LightGBM.
    folder : Path
    trusted : sequence of str
        Full names of a user's own types that it may hold.

    Raises
    ------
    UnusableModelError
        If it is not fitted, or of types that are not let in.
    OSError
        If it cannot be written.
    """
    kind = _kind(model)
    name, library = _FILES[kind]
    path = folder / name
    if not callable(getattr(model, "predict", None)):
        raise UnusableModelError(f"a {type(model).__name__} is no model: it has no predict")
    try:
        classes = _classes(model)
        _WRITERS[kind](model, path, trusted)
    except (UnusableModelError, OSError, MissingExtraError):
        raise
    except Exception as error:
        raise UnusableModelError(
            f"a {type(model).__name__} cannot be kept: {_reason(error)}; models are of scikit-learn, LightGBM or CatBoost and fitted; "
            "types of your own are let in by registry.trusted_types"
        ) from error
    return WrittenModel(kind, name, f"{library} {version(library)}", classes, features_of(model))


def read_model(manifest: Manifest, path: Path, *, trusted: Sequence[str] = ()) -> Any:
    """Read a model from its file: something with ``predict``, and with ``predict_proba`` where the model had it.

    Parameters
    ----------
    manifest : Manifest
    path : Path
    trusted : sequence of str
        Full names of a user's own types that may be made: their code runs.

    Raises
    ------
    UnusableModelError
        If it cannot be read; names what is wrong.
    MissingExtraError
        If its library is not installed.
    """
    try:
        return _READERS[manifest.format](manifest, path, trusted)
    except MissingExtraError:
        raise
    except Exception as error:
        library = _FILES[manifest.format][1]
        made = (
            ""
            if (here := f"{library} {version(library)}") == manifest.library
            else (f"; it was written by {manifest.library}, here is {here}")
        )
        raise UnusableModelError(f"{path.name} cannot be loaded: {_reason(error)}{made}") from error


def features_of(model: Any) -> int | None:
    """Return how many features a model takes; None where it does not say."""
    # CatBoost's n_features_in_ is 0 in a model that was read.
    names = getattr(model, "feature_names_", None)
    found = getattr(model, "n_features_in_", None) if names is None else len(names)
    return None if found is None else int(found)


def _kind(model: Any) -> FormatName:
    package = type(model).__module__.partition(".")[0]
    return package if package in {"lightgbm", "catboost"} else "scikit-learn"  # type: ignore[return-value]


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _classes(model: Any) -> tuple[Any, ...]:
    """Labels of a classifier, in the order of its probabilities."""
    try:
        found = model.classes_
    except AttributeError:
        return ()
    labels = np.asarray(found)
    if labels.ndim != 1 or labels.dtype.kind not in "biufUO":
        raise UnusableModelError(
            f"a {type(model).__name__} answers several questions at once; one set of classes is expected"
        )
    return tuple(labels.tolist())


def _library(name: Literal["lightgbm", "catboost"]) -> Any:
    try:
        return import_module("lightgbm") if name == "lightgbm" else import_module("catboost")
    except ImportError:
        library = {"lightgbm": "LightGBM", "catboost": "CatBoost"}[name]
        raise MissingExtraError("this model needs", library, name) from None


class _Booster:
    """A LightGBM booster with scikit-learn's interface for values."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster
        self.n_features_in_ = booster.num_feature()

    def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        return np.asarray(self.booster.predict(rows))


class _Classifier(_Booster):
    """As `_Booster`, for classes."""

    def __init__(self, booster: Any, classes: npt.NDArray[Any]) -> None:
        super().__init__(booster)
        outputs = booster.num_model_per_iteration()
        if outputs != (1 if len(classes) == 2 else len(classes)):
            raise ValueError(f"it gives {outputs} figures for {len(classes)} classes")
        self.classes_ = classes

    def predict_proba(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        said = np.asarray(self.booster.predict(rows), dtype=np.float64)
        return np.column_stack((1.0 - said, said)) if said.ndim == 1 else said

    def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(rows).argmax(axis=1)])


def _write_sklearn(model: Any, path: Path, trusted: Sequence[str]) -> None:
    write_skops(model, path, trusted)


def _read_sklearn(_manifest: Manifest, path: Path, trusted: Sequence[str]) -> Any:
    return read_skops(path, trusted)


def _write_lightgbm(model: Any, path: Path, _trusted: Sequence[str]) -> None:
    booster = getattr(model, "booster_", model)
    path.write_text(booster.model_to_string(), encoding="utf-8")


def _read_lightgbm(manifest: Manifest, path: Path, _trusted: Sequence[str]) -> Any:
    booster = _library("lightgbm").Booster(model_file=str(path))
    if not manifest.classes:
        return _Booster(booster)
    whole = manifest.whole_classes
    return _Classifier(booster, np.array([int(name) if whole else name for name in manifest.classes]))


def _write_catboost(model: Any, path: Path, _trusted: Sequence[str]) -> None:
    model.save_model(str(path), format="cbm")


def _read_catboost(manifest: Manifest, path: Path, _trusted: Sequence[str]) -> Any:
    catboost = _library("catboost")
    kind = catboost.CatBoostClassifier if manifest.classes else catboost.CatBoostRegressor
    return kind().load_model(str(path), format="cbm")


_WRITERS = MappingProxyType(
    {"scikit-learn": _write_sklearn, "lightgbm": _write_lightgbm, "catboost": _write_catboost}
)
_READERS = MappingProxyType(
    {"scikit-learn": _read_sklearn, "lightgbm": _read_lightgbm, "catboost": _read_catboost}
)
