"""Change of the mix of predicted classes."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from stream_app.core.arrays import IntArray
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

__all__ = ["ClassMixDrift"]

_VERSION = 1


class ClassMixDrift:
    """Drift of predicted classes: each window against the first ones.

    Gives the population stability index over classes; for its reading see `stream_app.core.twosample.psi`. A model that
    calls everything the same, or a world that has changed, shows in it before any label comes.

    Parameters
    ----------
    learn : int
        First predictions, the reference.
    window : int
        Predictions in a window; windows do not overlap.

    Raises
    ------
    DataError
        If one of them is below 1.

    Notes
    -----
    Each class counts as seen once more than it was, on both sides, so that new and rare classes count a finite amount.
    With nothing changed, k classes give about ``(k - 1) (1 / window + 1 / learn)``. About 0.1 µs a prediction.

    Examples
    --------
    >>> drift = ClassMixDrift(learn=100, window=50)
    >>> drift.update(np.array([0, 1] * 75))
    [(149, 0.0)]
    >>> [(row, round(psi, 2)) for row, psi in drift.update(np.array([0] * 50))]
    [(49, 1.89)]
    """

    def __init__(self, *, learn: int, window: int) -> None:
        if learn < 1 or window < 1:
            raise DataError(f"a class mix of {window} against {learn} predictions; expected at least 1")
        self.learn = learn
        self.window = window
        self.psi: float | None = None
        """Index of the last complete window."""
        self._reference: IntArray = np.zeros(0, dtype=np.int64)
        self._counts: IntArray = np.zeros(0, dtype=np.int64)
        self._left = learn
        self._learned = False

    def update(self, classes: IntArray) -> list[tuple[int, float]]:
        """Take predicted classes, shape (n,), as codes.

        Returns
        -------
        list of (row, psi)
            For each window that they complete.
        """
        found: list[tuple[int, float]] = []
        at = 0
        while at < len(classes):
            part = classes[at : at + self._left]
            self._counts = _added(self._counts, np.bincount(part))
            at += len(part)
            self._left -= len(part)
            if self._left == 0:
                if self._learned:
                    self.psi = _index(self._reference, self._counts)
                    found.append((at - 1, self.psi))
                else:
                    self._reference, self._learned = self._counts, True
                self._counts = np.zeros(0, dtype=np.int64)
                self._left = self.window
        return found

    def state(self) -> dict[str, Any]:
        """Give the state as plain data."""
        return {
            "version": _VERSION,
            "psi": self.psi,
            "reference": self._reference,
            "counts": self._counts,
            "left": self._left,
            "learned": self._learned,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, learn: int, window: int) -> Self:
        """Rebuild from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the class mix")
        drift = cls(learn=learn, window=window)
        try:
            drift.psi = None if state["psi"] is None else float(state["psi"])
            drift._reference = np.array(state["reference"], dtype=np.int64).reshape(-1)
            drift._counts = np.array(state["counts"], dtype=np.int64).reshape(-1)
            drift._left, drift._learned = max(1, int(state["left"])), bool(state["learned"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the class mix's state is damaged: {error}") from error
        return drift


def _added(counts: IntArray, more: IntArray) -> IntArray:
    k = max(len(counts), len(more))
    return np.pad(counts, (0, k - len(counts))) + np.pad(more, (0, k - len(more)))


def _index(reference: IntArray, counts: IntArray) -> float:
    k = max(len(reference), len(counts))
    p, q = (np.pad(side, (0, k - len(side))) + 1.0 for side in (reference, counts))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())
