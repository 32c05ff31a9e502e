"""A model from the registry, ready to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.errors import UnusableModelError
from stream_app.model_registry.version import RegisteredVersion

__all__ = ["LoadedModel"]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A registered model that was loaded; made by `ModelRegistry.load`.

    Parameters
    ----------
    version : RegisteredVersion
        Which one it is.
    estimator : object
        What answers: an estimator, or a booster with its interface.
    classes : tuple of str
        Labels as streams spell them, in the order of the probabilities; empty where answers are values.
    features : tuple of str
        What it takes, in this order.
    """

    version: RegisteredVersion
    estimator: Any
    classes: tuple[str, ...]
    features: tuple[str, ...]

    def predict(self, rows: npt.ArrayLike) -> npt.NDArray[Any]:
        """Answer for some rows.

        Parameters
        ----------
        rows : array-like of float (n, features)

        Returns
        -------
        ndarray (n,)
            Labels as the model was taught them, or values.

        Raises
        ------
        UnusableModelError
            If it cannot, or answers nonsense.
        """
        table = self._table(rows)
        found = self._asked(self.estimator.predict, table)
        answers = found.ravel()
        if answers.shape != (len(table),):
            raise UnusableModelError(
                f"{self.version.label} gives {found.shape} answers for {len(table):,} rows"
            )
        if answers.dtype.kind == "f" and not np.isfinite(answers).all():
            raise UnusableModelError(f"{self.version.label} answers NaN or infinity")
        return answers

    def predict_proba(self, rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Say how probable each class is.

        Returns
        -------
        ndarray (n, classes)
            In the order of `classes`.

        Raises
        ------
        UnusableModelError
            If it cannot, or answers nonsense.
        """
        table = self._table(rows)
        if not hasattr(self.estimator, "predict_proba"):
            raise UnusableModelError(f"{self.version.label} gives no probabilities")
        found = self._asked(self.estimator.predict_proba, table)
        if found.shape != (len(table), len(self.classes)):
            raise UnusableModelError(
                f"{self.version.label} gives probabilities of the shape {found.shape}; "
                f"expected {(len(table), len(self.classes))}"
            )
        if not np.isfinite(found).all():
            raise UnusableModelError(f"{self.version.label} gives probabilities that are NaN or infinite")
        return found.astype(np.float64, copy=False)

    def expect(self, *, features: Sequence[str] | None = None, classes: Sequence[str] | None = None) -> None:
        """See that it fits a stream.

        Parameters
        ----------
        features : sequence of str, optional
            What the stream has: the model may take no others, in whatever order.
        classes : sequence of str, optional
            Labels of the stream, as `label_text` spells them: the model must know just these.

        Raises
        ------
        UnusableModelError
            If it does not; names what is missing or too much.
        """
        if features is not None and (missing := sorted(set(self.features) - set(features))):
            raise UnusableModelError(
                f"{self.version.label} takes features that are not there: {_some(missing)}; there are {_some(sorted(features))}"
            )
        if classes is not None and set(classes) != set(self.classes):
            raise UnusableModelError(
                f"{self.version.label} has the classes {_some(sorted(self.classes))}; expected {_some(sorted(classes))}"
            )

    def _table(self, rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
        table = np.asarray(rows, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != len(self.features):
            raise UnusableModelError(
                f"{self.version.label} takes {len(self.features)} features a row; the rows have the shape {table.shape}"
            )
        return table

    def _asked(self, question: Any, table: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        try:
            return np.asarray(question(table))
        except Exception as error:
            reason = (str(error).splitlines() or [""])[0][:300]
            raise UnusableModelError(
                f"{self.version.label} cannot answer: {type(error).__name__}: {reason}"
            ) from error


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:5])
    return f"{shown}, … ({len(names)})" if len(names) > 5 else shown or "none"
