"""Exhaustive search of slices with one or two conditions, by prefix sums over tables of counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.slices.bins import Bins
from stream_app.core.slices.evidence import log_likelihood_ratio
from stream_app.core.slices.tables import PairTables, Table

__all__ = ["Box", "Candidates", "Items", "Limits", "corners", "ranges", "scan"]

_HEADROOM = 3.0
"""Nats by which the scan statistic may fall short of the level: the exact tail is smaller than its exponential."""


@dataclass(frozen=True, slots=True)
class Items:
    """The conditions that are considered of one feature, each a run of bins.

    Parameters
    ----------
    low, high : ndarray of int, shape (m,)
        Its first bin, and the one after its last.
    log_weight : ndarray of float, shape (m,)
        Log of its part of the level; the parts sum to at most 1.
    """

    low: IntArray
    high: IntArray
    log_weight: FloatArray


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest rows, error rate and evidence (nats) of a slice."""

    least: int
    floor: float
    evidence: float


@dataclass(frozen=True, slots=True)
class Box:
    """A slice as runs of bins of one or two features.

    Parameters
    ----------
    pair : Table
        The table: bins are fine where a feature stands alone, else coarse.
    rows, columns : tuple of int
        First bin and the one after the last, of the first and the second feature.
    log_weight : float
        Log of the slice's part of the level.
    """

    pair: Table
    rows: tuple[int, int]
    columns: tuple[int, int]
    log_weight: float


def ranges(numbers: int) -> tuple[IntArray, IntArray]:
    """Return all runs of bins but the one of all, first bins and ends."""
    low, high = np.triu_indices(numbers + 1, 1)
    part = high - low < numbers
    return low[part], high[part]


def items_of(numbers: int, counts: IntArray, least: int) -> Items:
    """Choose the conditions of a feature that hold enough rows, and divide its part of the level among them.

    Half goes to intervals without a lower or upper bound, categories and missing values, half to the many more
    intervals with both bounds: models mostly fail at the ends of a range.

    Parameters
    ----------
    numbers : int
        How many bins are in an order; the others are categories.
    counts : ndarray of int, shape (size,)
        Rows in each bin.
    least : int
        Fewest rows of a candidate.
    """
    low, high = ranges(numbers)
    single = np.arange(numbers, len(counts))
    low, high = np.concatenate((low, single)), np.concatenate((high, single + 1))
    before = np.concatenate(([0], np.cumsum(counts)))
    rows = before[high] - before[low]
    # What all rows fit is no condition.
    fit = (rows >= least) & (rows < before[-1])
    low, high = low[fit], high[fit]
    inner = (low > 0) & (high < numbers)
    many, few = int(inner.sum()), int((~inner).sum())
    log_weight = np.where(inner, -math.log(max(many, 1)), -math.log(max(few, 1)))
    return Items(low, high, log_weight - (math.log(2.0) if many and few else 0.0))


@dataclass(frozen=True, slots=True)
class Candidates:
    """Slices of one table that reach the limits.

    Parameters
    ----------
    pair : Table
        Counts of rows and errors over the bins of two features.
    rows, columns : Items
        The conditions that they are made of.
    row, column : ndarray of int, shape (m,)
        Which of them, a pair for each slice.
    score : ndarray of float, shape (m,)
        Scan statistic less the cost of the search, in nats.
    base : float
        Log of the table's part of the level.
    """

    pair: Table
    rows: Items
    columns: Items
    row: IntArray
    column: IntArray
    score: FloatArray
    base: float

    def box(self, at: int) -> Box:
        """Return one slice."""
        row, column = int(self.row[at]), int(self.column[at])
        return Box(
            self.pair,
            (int(self.rows.low[row]), int(self.rows.high[row])),
            (int(self.columns.low[column]), int(self.columns.high[column])),
            self.base + float(self.rows.log_weight[row] + self.columns.log_weight[column]),
        )

    def kept(self, sums: IntArray, totals: tuple[int, int], limits: Limits) -> "Candidates":
        """Return those that reach the limits by certain counts.

        Parameters
        ----------
        sums : ndarray of int, shape (2, rows + 1, columns + 1)
            Prefix sums of rows and errors, from `corners`.
        totals : tuple of int
            Rows and wrong rows of the whole.
        limits : Limits
            What to reach.
        """
        top, bottom = self.rows.low[self.row], self.rows.high[self.row]
        left, right = self.columns.low[self.column], self.columns.high[self.column]
        n, wrong = (
            part[bottom, right] - part[top, right] - part[bottom, left] + part[top, left] for part in sums
        )
        fit = np.flatnonzero((n >= limits.least) & (wrong >= limits.floor * n))
        row, column = self.row[fit], self.column[fit]
        weight = self.base + self.rows.log_weight[row] + self.columns.log_weight[column]
        score = log_likelihood_ratio(n[fit], wrong[fit], *totals) + weight
        enough = score >= limits.evidence - _HEADROOM
        return Candidates(
            self.pair, self.rows, self.columns, row[enough], column[enough], score[enough], self.base
        )


def scan(
    tables: PairTables, bins: Sequence[Bins], totals: tuple[int, int], limits: Limits
) -> list[Candidates]:
    """Find all slices that reach the limits.

    Parameters
    ----------
    tables : PairTables
        Counts of the window.
    bins : sequence of Bins
        Of each feature.
    totals : tuple of int
        Rows and wrong rows of the window.
    limits : Limits
        What to reach.

    Returns
    -------
    list of Candidates
        Of each table that has any.
    """
    d = len(bins)
    alone, coarse = [], []
    for i, one in enumerate(bins):
        counts = tables.tables[d, i][0].sum(axis=1)
        alone.append(items_of(one.ordered_fine, counts, limits.least))
        counts = np.bincount(one.coarse_of, counts).astype(np.int64)
        coarse.append(items_of(one.ordered, counts, limits.least))
    only = Items(np.array([0]), np.array([1]), np.array([0.0]))
    base = _bases(d)
    found = []
    for pair, table in tables.tables.items():
        rows, columns = (only, alone[pair[1]]) if pair[0] == d else (coarse[pair[0]], coarse[pair[1]])
        if not (len(rows.low) and len(columns.low)):
            continue
        sums = corners(table)
        column, row = np.divmod(_worse(sums, rows, columns, limits.floor), len(rows.low))
        every = Candidates(pair, rows, columns, row, column, np.empty(0), base[pair[0] == d])
        some = every.kept(sums, totals, limits)
        if len(some.row):
            found.append(some)
    return found


def _bases(features: int) -> Mapping[bool, float]:
    """Divide the level: half to features alone, half to pairs."""
    pairs = features * (features - 1) // 2
    half = math.log(2.0) if pairs else 0.0
    return {True: -half - math.log(features), False: -half - math.log(max(pairs, 1))}


def corners(table: IntArray) -> IntArray:
    """Return how many rows and wrong rows are above and left of each corner: boxes are differences of four."""
    sums = np.zeros((2, table.shape[0] + 1, table.shape[1] + 1), np.int64)
    sums[:, 1:, 1:] = table.cumsum(axis=0).cumsum(axis=1).transpose(2, 0, 1)
    sums[0] += sums[1]
    return sums


def _worse(sums: IntArray, rows: Items, columns: Items, floor: float) -> npt.NDArray[np.intp]:
    """Return which boxes, of shape (columns, rows), may have this error rate.

    Of all that the search does this is done most often. Single precision halves the time, and a little tolerance
    makes up for it; whole lines are gathered, which is several times as fast as single cells.
    """
    excess = (sums[1] - floor * sums[0]).astype(np.float32)
    strips = np.ascontiguousarray((excess[rows.high] - excess[rows.low]).T)
    boxes = strips[columns.high] - strips[columns.low]
    return np.flatnonzero(boxes >= -1e-3 - 1e-6 * float(sums[0, -1, -1]))
