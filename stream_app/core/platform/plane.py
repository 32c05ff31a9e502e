"""The newest windows as points in a plane: their features, projected on the two directions in which they spread most."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.window_features import FEATURE_NAMES
from stream_app.core.versions import expect_version
from stream_app.errors import StateError

__all__ = ["WindowPlane"]

_VERSION = 1
_WINDOWS = 500


class WindowPlane:
    """Keeps the features of the newest windows, and lays them into a plane by principal components.

    Examples
    --------
    >>> plane = WindowPlane()
    >>> for k in range(4):
    ...     features = np.zeros(len(FEATURE_NAMES))
    ...     features[:2] = 3.0 * k, k % 2
    ...     plane.add(features, open=k == 3)
    >>> plane.points().round(1).tolist()
    [[-4.5, -0.2, 0.0], [-1.5, 0.6, 0.0], [1.5, -0.6, 0.0], [4.5, 0.2, 1.0]]
    """

    def __init__(self) -> None:
        self._rows: npt.NDArray[np.float32] = np.zeros((0, len(FEATURE_NAMES) + 1), np.float32)

    def add(self, features: FloatArray, *, open: bool) -> None:  # noqa: A002 the word of incidents
        """Add a window, and whether an incident is open; one of which nothing is known is left out."""
        if np.isfinite(features).all():
            row = np.append(features, float(open)).astype(np.float32)
            self._rows = np.vstack([self._rows[1 - _WINDOWS :], row])

    def points(self) -> FloatArray:
        """Return of each window its place and whether an incident was open, shape (n, 3), the oldest first."""
        if len(self._rows) < 2:
            return np.zeros((0, 3))
        features = self._rows[:, :-1].astype(np.float64)
        features -= features.mean(axis=0)
        _, _, directions = np.linalg.svd(features, full_matrices=False)
        directions = directions[:2]
        # A direction and its opposite are as good: the largest part of each is positive, so that the picture does not flip.
        largest = np.abs(directions).argmax(axis=1)
        directions *= np.sign(directions[np.arange(2), largest])[:, None]
        return np.column_stack([features @ directions.T, self._rows[:, -1]])

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {"version": _VERSION, "rows": self._rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the newest windows")
        rows = np.array(state["rows"], dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._rows.shape[1] or not np.isfinite(rows).all():
            raise StateError("the stored features of windows are damaged; start the source anew")
        self._rows = rows[-_WINDOWS:]
