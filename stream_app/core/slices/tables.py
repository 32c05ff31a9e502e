"""Counts of rows and errors in the bins of each feature and pair of features."""

from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np

from stream_app.core.arrays import BoolArray, IntArray

__all__ = ["PairTables", "Table"]

_AT_ONCE = 16_384  # rows that are counted together: more would not stay in the processor's cache

Table: TypeAlias = tuple[int, int]
"""Two features; or the number of features, and the feature that stands alone."""


class PairTables:
    """Tables of counts: of each feature in its fine bins, and of each pair in coarse ones.

    Rows are added, and taken out again.

    Parameters
    ----------
    coarse_of : sequence of ndarray of int
        The coarse bin of each fine bin, feature by feature.

    Attributes
    ----------
    tables : dict of tuple to ndarray of int, shape (bins, bins, 2)
        By table: how often the model was right and wrong. A feature alone is a table of one line, so that one search
        serves both.

    Notes
    -----
    Counts are whole numbers, so what was added and taken out leaves nothing behind. About 4 ns a row and pair.

    Examples
    --------
    >>> tables = PairTables([np.array([0, 1]), np.array([0, 0, 1])])
    >>> tables.add(np.array([[0, 1, 1], [2, 0, 0]]), np.array([True, False, True]))
    >>> tables.tables[(0, 1)][..., 1]
    array([[0, 1],
           [1, 0]])
    >>> tables.tables[(2, 1)][..., 0]
    array([[1, 0, 0]])
    """

    __slots__ = ("_coarse_of", "tables")

    def __init__(self, coarse_of: Sequence[IntArray]) -> None:
        self._coarse_of = tuple(coarse_of)
        d = len(self._coarse_of)
        sizes = [int(coarse[-1]) + 1 for coarse in self._coarse_of]
        self.tables: dict[Table, IntArray] = {
            (d, i): np.zeros((1, len(coarse), 2), np.int64) for i, coarse in enumerate(self._coarse_of)
        }
        for i, j in combinations(range(d), 2):
            self.tables[i, j] = np.zeros((sizes[i], sizes[j], 2), np.int64)

    def copy(self) -> "PairTables":
        """Return tables of their own with the same counts."""
        other = PairTables(())
        other._coarse_of = self._coarse_of
        other.tables = {pair: table.copy() for pair, table in self.tables.items()}
        return other

    def add(self, fine: IntArray, wrong: BoolArray, sign: int = 1) -> None:
        """Add rows, or take them out.

        Parameters
        ----------
        fine : ndarray of int, shape (d, n)
            The fine bin of each row, a line a feature.
        wrong : ndarray of bool, shape (n,)
            Whether the model was wrong.
        sign : int
            1 to add, -1 to take out.
        """
        for start in range(0, len(wrong), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            self._add(fine[:, part], wrong[part], sign)

    def _add(self, fine: IntArray, wrong: BoolArray, sign: int) -> None:
        d = len(self._coarse_of)
        coarse = [of[bins] for of, bins in zip(self._coarse_of, fine, strict=True)]
        last = [2 * bins + wrong for bins in coarse]
        for (i, j), table in self.tables.items():
            cells = fine[j] * 2 + wrong if i == d else coarse[i] * (2 * table.shape[1]) + last[j]
            np.add(table, sign * np.bincount(cells, minlength=table.size).reshape(table.shape), out=table)
