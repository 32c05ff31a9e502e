"""Runs of equal values: a sensor that is stuck."""

import math
from collections.abc import Iterator
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import special

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.quality.trailing import Transition

__all__ = ["StuckRuns", "improbable_repeats", "longest_ordinary_run", "run_lengths"]


def longest_ordinary_run(x: FloatArray, chance: float, least: int) -> int:
    """Return the length of a run of equal values from which on a channel is stuck.

    The largest of ``least``, twice the longest run of the reference (sensors dwell, so repeats come in
    clusters), and the length that a run passes with probability ``chance`` when each value repeats the one
    before independently, as often as the reference lets expect.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Reference values in order, finite.
    chance : float
        Probability that an ordinary run is as long.
    least : int
        Shortest length.

    Returns
    -------
    int
        0 when the reference is constant: nothing can be said then.

    Examples
    --------
    >>> longest_ordinary_run(np.arange(100.0), chance=1e-6, least=20)
    20
    >>> longest_ordinary_run(np.repeat(np.arange(10.0), 30), chance=1e-6, least=20) > 60
    True
    """
    repeats = x[1:] == x[:-1]
    if len(x) < 2 or repeats.all():
        return 0
    borders = np.flatnonzero(~repeats)
    longest = int(np.diff(np.concatenate([[-1], borders, [len(x) - 1]])).max())
    by_chance = improbable_repeats(int(np.count_nonzero(repeats)), len(repeats), chance) + 1
    return max(least, 2 * longest + 1, by_chance)


def improbable_repeats(hits: int, trials: int, chance: float) -> int:
    """Return how many hits in a row are less probable than ``chance``, after so many hits in so many trials.

    The predictive probability of m hits is the mean of ``p**m`` over what the trials leave possible for p,
    Beta(hits + 1, trials - hits + 1).

    Parameters
    ----------
    hits, trials : int
        What was seen.
    chance : float
        Probability.

    Returns
    -------
    int

    Examples
    --------
    >>> improbable_repeats(0, 299, 1e-6), improbable_repeats(150, 300, 1e-6)
    (3, 21)
    """
    a, b = hits + 1.0, trials - hits + 1.0
    low, high = 0, 1
    while special.betaln(a + high, b) - special.betaln(a, b) > math.log(chance):
        low, high = high, 2 * high
    while low + 1 < high:
        middle = (low + high) // 2
        probable = special.betaln(a + middle, b) - special.betaln(a, b) > math.log(chance)
        low, high = (middle, high) if probable else (low, middle)
    return high


def run_lengths(resets: BoolArray, carried: npt.ArrayLike, first: int) -> tuple[IntArray, IntArray]:
    """Count rows since the last reset, along the first axis.

    Parameters
    ----------
    resets : ndarray of bool, shape (n, ...)
        Rows at which the count starts again.
    carried : array_like of int, shape (...)
        Counts before the first row.
    first : int
        The count at a reset.

    Returns
    -------
    length : ndarray of int, shape (n, ...)
    start : ndarray of int, shape (n, ...)
        Row of the last reset, -1 before the first.

    Examples
    --------
    >>> run_lengths(np.array([False, True, False, False]), 5, 1)[0]
    array([6, 1, 2, 3])
    """
    if len(resets) == 1:  # by far the most of what comes alone; the sums below cost five times as much
        return np.where(resets, first, np.add(carried, 1)), np.where(resets, 0, -1)
    index = np.arange(len(resets)).reshape((-1,) + (1,) * (resets.ndim - 1))
    start = np.maximum.accumulate(np.where(resets, index, -1), axis=0)
    return index - start + np.where(start < 0, carried, first), start


class StuckRuns:
    """Follow the run of equal values of each column.

    Missing values neither prolong nor end a run.

    Parameters
    ----------
    columns : int
        Columns at the start.

    Examples
    --------
    >>> runs = StuckRuns(1)
    >>> x = np.array([[1.0], [2.0], [2.0], [2.0], [3.0]])
    >>> [(t.row, t.begins) for t in runs.update(np.arange(5.0), x, np.array([3]), 0.0)]
    [(3, True), (4, False)]
    """

    __slots__ = ("active", "last", "length", "longest", "since")

    def __init__(self, columns: int) -> None:
        self.last: FloatArray = np.full(columns, np.nan)
        self.since: FloatArray = np.full(columns, np.nan)
        self.length: IntArray = np.zeros(columns, dtype=np.int64)
        self.longest: IntArray = np.zeros(columns, dtype=np.int64)
        self.active: BoolArray = np.zeros(columns, dtype=np.bool_)

    @classmethod
    def restored(
        cls, last: FloatArray, since: FloatArray, length: IntArray, longest: IntArray, active: BoolArray
    ) -> Self:
        """Rebuild from what a state holds; the arrays are taken over."""
        made = cls.__new__(cls)
        made.last, made.since, made.length, made.longest, made.active = last, since, length, longest, active
        return made

    def grow(self, columns: int) -> None:
        """Add columns at the end."""
        fresh = StuckRuns(columns)
        for name in self.__slots__:
            setattr(self, name, np.append(getattr(self, name), getattr(fresh, name)))

    def update(self, ts: FloatArray, x: FloatArray, limit: IntArray, seconds: float) -> list[Transition]:
        """Take rows.

        Parameters
        ----------
        ts : ndarray, shape (n,)
            Event times.
        x : ndarray, shape (n, d)
            Values; NaN is missing.
        limit : ndarray of int, shape (d,)
            Run lengths that are stuck, at least 2; 0: the column is not judged.
        seconds : float
            Time for which a stuck run must last, too.

        Returns
        -------
        list of Transition
            Ordered by column, then row.
        """
        if len(x) == 0:
            return []
        missing = np.isnan(x)
        complete = not np.count_nonzero(missing)
        seen = ~missing
        filled = x if complete else _filled(x, seen, self.last)
        changes = np.empty(x.shape, dtype=np.bool_)
        np.not_equal(filled[1:], filled[:-1], out=changes[1:])
        changes[0] = filled[0] != self.last
        if not complete:
            changes &= seen
        self.last = filled[-1].copy()
        if np.count_nonzero(changes) == changes.size and not np.count_nonzero(self.active):
            self.since.fill(ts[-1])
            self.length.fill(1)
            np.maximum(self.longest, 1, out=self.longest)
            return []
        length, start = run_lengths(changes, self.length, 1)
        if not complete:
            length = _without_missing(start, seen, self.length)
        carried = self.since
        self.since, self.length = np.where(start[-1] < 0, carried, ts[start[-1]]), length[-1].copy()
        longest = np.maximum.reduce(length)
        self.longest = np.maximum(self.longest, longest)
        found: list[Transition] = []
        for column in np.flatnonzero(self.active | ((limit > 0) & (longest >= limit))).tolist():
            since = np.where(start[:, column] < 0, carried[column], ts[start[:, column]])
            stuck = seen[:, column] & (length[:, column] >= limit[column]) & (ts - since >= seconds)
            found += self._transitions(
                column, changes[:, column], stuck, length[:, column], int(limit[column])
            )
        return found

    def _transitions(
        self, column: int, changes: BoolArray, stuck: BoolArray, length: IntArray, limit: int
    ) -> Iterator[Transition]:
        at = 0
        while at < len(length):
            active = bool(self.active[column])
            # A stuck run ends where the value changes, whatever the times say.
            hits = np.flatnonzero(changes[at:] if active else stuck[at:])
            if len(hits) == 0:
                return
            at += int(hits[0])
            self.active[column] = not active
            yield Transition(at, column, not active, float(length[at]), float(limit))
            at += 1


def _filled(x: FloatArray, seen: BoolArray, last: FloatArray) -> FloatArray:
    """Put the value before it in the place of each missing one; NaN where there is none yet."""
    at = np.maximum.accumulate(np.where(seen, np.arange(len(x))[:, None], -1), axis=0)
    filled: FloatArray = np.where(at < 0, last, np.take_along_axis(x, np.maximum(at, 0), axis=0))
    return filled


def _without_missing(start: IntArray, seen: BoolArray, carried: IntArray) -> IntArray:
    """Count the observed values since the start of each run, -1 standing for a run from before."""
    count = np.cumsum(seen, axis=0, dtype=np.int64)
    before = np.take_along_axis(count, np.maximum(start, 0), axis=0) - 1
    return count - np.where(start < 0, -carried, before)
