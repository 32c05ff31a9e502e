"""Channels that disappear: no value for many events while the source goes on."""

from typing import Self

import numpy as np

from stream_app.core.arrays import BoolArray, IntArray
from stream_app.core.quality.runs import run_lengths
from stream_app.core.quality.trailing import Transition

__all__ = ["Absences"]


class Absences:
    """Count events since the last value of each column.

    Parameters
    ----------
    columns : int
        Columns at the start.

    Examples
    --------
    >>> missing = np.array([[True], [True], [True], [False]])
    >>> [(t.row, t.begins) for t in Absences(1).update(missing, np.array([2]))]
    [(1, True), (3, False)]
    """

    __slots__ = ("gone", "length")

    def __init__(self, columns: int) -> None:
        self.length: IntArray = np.zeros(columns, dtype=np.int64)
        self.gone: BoolArray = np.zeros(columns, dtype=np.bool_)

    @classmethod
    def restored(cls, length: IntArray, gone: BoolArray) -> Self:
        """Rebuild from what a state holds; the arrays are taken over."""
        made = cls.__new__(cls)
        made.length, made.gone = length, gone
        return made

    def grow(self, columns: int) -> None:
        """Add columns at the end."""
        self.length = np.append(self.length, np.zeros(columns, dtype=np.int64))
        self.gone = np.append(self.gone, np.zeros(columns, dtype=np.bool_))

    @property
    def calm(self) -> bool:
        """Whether every column has a value in the last row: rows without missing ones change nothing then."""
        return not np.count_nonzero(self.length)

    def update(self, missing: BoolArray, limit: IntArray) -> list[Transition]:
        """Take rows of missing flags; a column is gone from ``limit`` missing rows on until its next value.

        Parameters
        ----------
        missing : ndarray of bool, shape (n, d)
            Missing values.
        limit : ndarray of int, shape (d,)
            Rows without a value that are too many.

        Returns
        -------
        list of Transition
            Ordered by column, then row.
        """
        if len(missing) == 0 or (self.calm and not np.count_nonzero(missing)):
            return []
        length, _ = run_lengths(~missing, self.length, 0)
        self.length = length[-1].copy()
        found: list[Transition] = []
        for column in np.flatnonzero(self.gone | (length.max(axis=0) >= limit)).tolist():
            at = 0
            while at < len(length):
                gone = bool(self.gone[column])
                hits = np.flatnonzero(
                    length[at:, column] == 0 if gone else length[at:, column] >= limit[column]
                )
                if len(hits) == 0:
                    break
                at += int(hits[0])
                self.gone[column] = not gone
                found.append(
                    Transition(at, column, not gone, float(length[at, column]), float(limit[column]))
                )
        return found
