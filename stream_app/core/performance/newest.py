"""The newest rows of an endless table."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

__all__ = ["NewestRows"]

_VERSION = 1


class NewestRows:
    """The newest rows, in order; columns may be added at the end, where earlier rows have zeros.

    Parameters
    ----------
    capacity : int
        Number of newest rows that are kept.
    width : int
        Columns at first.

    Raises
    ------
    DataError
        If there is no room.

    Notes
    -----
    Rows are written into a table, and moved to its front when it is full: O(width) a row. It has no room at first, and
    doubles until it has room for twice as many as are kept: nearly all of the memory of a model is such tables.

    Examples
    --------
    >>> table = NewestRows(2, 1)
    >>> table.append(np.array([[1.0], [2.0], [3.0]]))
    >>> table.append(np.array([[4.0, 9.0]]))
    >>> table.rows
    array([[3., 0.],
           [4., 9.]])
    """

    def __init__(self, capacity: int, width: int) -> None:
        if capacity < 1 or width < 0:
            raise DataError(f"{capacity} rows of {width} columns cannot be kept; expected at least one row")
        self.capacity = capacity
        self._table: FloatArray = np.zeros((0, width))
        self._end = 0

    def __len__(self) -> int:
        return min(self._end, self.capacity)

    @property
    def rows(self) -> FloatArray:
        """The newest rows, the oldest of them first; a view, to be read only."""
        return self._table[self._end - len(self) : self._end]

    def append(self, rows: FloatArray) -> None:
        """Add rows, shape (n, width or more)."""
        wider = rows.shape[1] - self._table.shape[1]
        if wider > 0:
            self._table = np.pad(self._table, ((0, 0), (0, wider)))
        rows = rows[-self.capacity :]
        if self._end + len(rows) > len(self._table):
            kept = self.rows.copy()
            room = min(2 * self.capacity, 2 * (len(kept) + len(rows)))
            if room > len(self._table):
                self._table = np.zeros((room, self._table.shape[1]))
            self._end = len(kept)
            self._table[: self._end] = kept
        self._table[self._end : self._end + len(rows), : rows.shape[1]] = rows
        self._table[self._end : self._end + len(rows), rows.shape[1] :] = 0.0
        self._end += len(rows)

    def state(self) -> dict[str, Any]:
        """Give the rows as plain data."""
        return {"version": _VERSION, "rows": self.rows.copy()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], capacity: int) -> Self:
        """Rebuild from `state`; of more rows than there is room for now, the newest.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the newest rows")
        try:
            rows = np.asarray(state["rows"], dtype=np.float64)
            table = cls(capacity, rows.shape[1])
            table.append(rows)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise StateError(f"the state of the newest rows is damaged: {error}") from error
        return table
