"""How many of the last events were bad, channel by channel, with a begin and an end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from stream_app.core.arrays import BoolArray, IntArray

__all__ = ["TrailingCount", "Transition"]


@dataclass(frozen=True, slots=True)
class Transition:
    """Begin or end of a condition of one column at one row."""

    row: int
    column: int
    begins: bool
    statistic: float
    threshold: float


class TrailingCount:
    """Count flags over the last rows; a column is active from ``begin`` flags on until it is down to ``end``.

    Parameters
    ----------
    window : int
        Rows counted.
    columns : int
        Columns at the start.

    Notes
    -----
    While there is no flag, an update costs one look at the flags, and nothing is kept. Memory else: ``window`` bytes
    a column.

    Examples
    --------
    >>> count = TrailingCount(window=3, columns=1)
    >>> flags = np.array([[1], [1], [0], [0], [0]], dtype=bool)
    >>> [(t.row, t.begins) for t in count.update(flags, np.array([2]), np.array([0]))]
    [(1, True), (4, False)]
    """

    __slots__ = ("active", "history", "window")

    def __init__(self, window: int, columns: int) -> None:
        self.window = window
        # The flags of the last rows; None while none of them is set, which is nearly always.
        self.history: BoolArray | None = None
        self.active: BoolArray = np.zeros(columns, dtype=np.bool_)

    @classmethod
    def restored(cls, window: int, history: BoolArray | None, active: BoolArray) -> Self:
        """Rebuild from what a state holds; the arrays are taken over."""
        made = cls.__new__(cls)
        made.window, made.history, made.active = window, history, active
        return made

    def grow(self, columns: int) -> None:
        """Add columns without flags at the end."""
        if self.history is not None:
            self.history = np.hstack([self.history, np.zeros((self.window, columns), dtype=np.bool_)])
        self.active = np.append(self.active, np.zeros(columns, dtype=np.bool_))

    @property
    def calm(self) -> bool:
        """Whether nothing was flagged lately: rows without flags change nothing then."""
        return self.history is None

    def update(self, flags: BoolArray, begin: IntArray, end: IntArray) -> list[Transition]:
        """Take rows of flags.

        Parameters
        ----------
        flags : ndarray of bool, shape (n, d)
            Bad values.
        begin, end : ndarray of int, shape (d,)
            Counts at which a column becomes active, and at or below which it no longer is.

        Returns
        -------
        list of Transition
            Ordered by column, then row.
        """
        window, history = self.window, self.history
        if history is None:
            if not np.count_nonzero(flags):
                return []
            history = np.zeros((window, len(self.active)), dtype=np.bool_)
        everything = np.vstack([history, flags])
        running = np.cumsum(everything, axis=0, dtype=np.int64)
        count = running[window:] - running[:-window]
        recent = everything[-window:]
        self.history = recent.copy() if np.count_nonzero(recent) else None
        found: list[Transition] = []
        touched = self.active | (count >= begin).any(axis=0)
        for column in np.flatnonzero(touched).tolist():
            found += self._column(column, count[:, column], int(begin[column]), int(end[column]))
        return found

    def _column(self, column: int, count: IntArray, begin: int, end: int) -> Iterator[Transition]:
        row = 0
        while row < len(count):
            active = bool(self.active[column])
            hits = np.flatnonzero(count[row:] <= end if active else count[row:] >= begin)
            if len(hits) == 0:
                return
            row += int(hits[0])
            self.active[column] = not active
            yield Transition(row, column, not active, float(count[row]), float(begin))
            row += 1
