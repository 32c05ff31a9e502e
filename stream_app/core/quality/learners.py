"""Learning what is ordinary for the channels of a source, all of them together."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.compact import compact
from stream_app.core.quality.habits import HabitColumns, learn_habits, sigma_limits
from stream_app.core.quality.options import QualityOptions

__all__ = ["Learners", "Sample"]

Sample: TypeAlias = FloatArray | npt.NDArray[np.float32]

_THIN = 5
_NOTHING = np.empty(0, dtype=np.float32)
_LARGEST = float(np.finfo(np.float64).max)


class Learners:
    """Learn the habits of each channel, and widen them by the levels at which it dwells later.

    After the first ``learn`` observed values of a channel, every block of as many events widens the limits to where
    nine tenths of it (of every fifth value) lay. A level at which a channel has stayed for a good part of a block is
    a habit, however far from the first one: going there is a change, for detectors of change to tell, and no bad
    input any more.

    Parameters
    ----------
    options : QualityOptions
        ``learn`` and the limits.
    habits : HabitColumns, optional
        Learned before.

    Attributes
    ----------
    habits : HabitColumns
        Learned limits.
    rows, observed : list of int
        Events since each channel was added, and values among them while its first habits are learned.
    origin : ndarray, shape (d,)
        First value of each channel, from which its sample is counted; NaN before.

    Examples
    --------
    >>> learners = Learners(QualityOptions())
    >>> learners.grow(2)
    >>> learners.feed(np.random.default_rng(0).normal(size=(300, 2))), learners.learned(1)
    (True, True)
    """

    __slots__ = ("_fresh", "_parts", "habits", "observed", "options", "origin", "rows")

    def __init__(self, options: QualityOptions, habits: HabitColumns | None = None) -> None:
        self.options = options
        self.habits = HabitColumns.unknown(0) if habits is None else habits
        self.rows: list[int] = []
        self.observed: list[int] = []
        self.origin: FloatArray = np.empty(0)
        self._parts: list[list[Sample]] = []
        # Values as they came: to make them compact a few at a time would cost more than all the rest.
        self._fresh: list[list[FloatArray]] = []

    def grow(self, columns: int) -> None:
        """Add channels at the end."""
        self.habits.grow(columns)
        self.rows += [0] * columns
        self.observed += [0] * columns
        self.origin = np.append(self.origin, np.full(columns, np.nan))
        self._parts += [[] for _ in range(columns)]
        self._fresh += [[] for _ in range(columns)]

    def learned(self, column: int) -> bool:
        """Whether the first habits of a channel are learned."""
        return self.observed[column] >= self.options.learn

    @property
    def room(self) -> int:
        """Rows of which fewer leave all habits as they are, whatever is missing in them."""
        learn = self.options.learn
        return min(
            learn - (rows % learn if observed >= learn else observed)
            for rows, observed in zip(self.rows, self.observed, strict=True)
        )

    def until(self, x: FloatArray) -> int:
        """Return how many of these rows may be fed at once: to the first end of a channel's block, or all."""
        learn, stop = self.options.learn, len(x)
        for column, (rows, observed) in enumerate(zip(self.rows, self.observed, strict=True)):
            if observed >= learn:
                stop = min(stop, learn - rows % learn)
            elif stop > learn - observed:
                seen = np.flatnonzero(~np.isnan(x[:stop, column]))
                wanting = learn - observed
                if len(seen) >= wanting:
                    stop = int(seen[wanting - 1]) + 1
        return stop

    def feed(self, x: FloatArray) -> bool:
        """Take rows, no more than `until` allows; true when they changed habits.

        Parameters
        ----------
        x : ndarray, shape (n, d)
            Values; NaN is missing.

        Returns
        -------
        bool
        """
        learn = self.options.learn
        learning = [column for column, observed in enumerate(self.observed) if observed < learn]
        if learning:
            self._gather(x, learning)
        begun = set(learning)
        ended: list[int] = []
        for column, rows in enumerate(self.rows):
            if column not in begun:
                self._fresh[column].append(x[-rows % _THIN :: _THIN, column].copy())
                if (rows + len(x)) % learn == 0:
                    ended.append(column)
        self.rows = [rows + len(x) for rows in self.rows]
        first = [column for column in learning if self.observed[column] >= learn]
        if not (first or ended):
            return False
        self.sample()
        for column in first:
            known = self._known(column)
            self.habits.put(column, learn_habits(known, self.rows[column], self.options))
        widened = bool(ended) and self._widen(ended)
        for column in first + ended:
            self._parts[column] = []
        return bool(first) or widened

    def _gather(self, x: FloatArray, columns: Sequence[int]) -> None:
        """Add to the first samples of these columns, which leave out what is missing."""
        values, origin = x, self.origin
        if len(columns) < x.shape[1]:
            values, origin = x[:, columns], origin[columns]
        missing = np.isnan(values)
        if not np.count_nonzero(missing):
            unknown = np.isnan(origin)
            if np.count_nonzero(unknown):
                self.origin[columns] = origin = np.where(unknown, values[0], origin)
            away = compact(values, origin)
            # What one column has beyond single precision must not widen the others.
            if away.dtype == np.float32:
                for column, part in zip(columns, away.T.copy(), strict=True):
                    self._parts[column].append(part)
                    self.observed[column] += len(x)
                return
        for i, column in enumerate(columns):
            known = values[~missing[:, i], i]
            if self.observed[column] == 0 and len(known):
                self.origin[column] = known[0]
            self._parts[column].append(compact(known, self.origin[column]))
            self.observed[column] += len(known)

    def _known(self, column: int) -> FloatArray:
        (part,) = self._parts[column]
        sample = part.astype(np.float64) + self.origin[column]
        return np.compress(~np.isnan(sample), sample)

    def _widen(self, columns: Sequence[int]) -> bool:
        """Take in where channels have dwelt since: nine tenths of the block, with the first reach around them."""
        samples = [self._parts[column][0] for column in columns]
        block = np.full((len(columns), max(map(len, samples))), np.nan)
        for row, sample in zip(block, samples, strict=True):
            row[: len(sample)] = sample
        habits = self.habits
        low, high, scale = habits.low[columns], habits.high[columns], habits.scale[columns]
        with np.errstate(over="ignore"):
            # What is missing comes last.
            ordered = np.sort(block + self.origin[columns, None], axis=1)
            known = ordered.shape[1] - np.count_nonzero(np.isnan(ordered), axis=1)
            # A block of which half is missing says little of where the channel dwells.
            enough = 2 * _THIN * known >= self.options.learn
            last = np.maximum(known - 1, 0)
            rank = np.rint(0.05 * last).astype(np.int64)
            at = np.arange(len(columns))
            reach = np.minimum(self.options.sigma * scale, _LARGEST)
            lowest, highest = ordered[at, rank] - reach, ordered[at, last - rank] + reach
        # No comparison holds without a scale.
        wider = enough & ((lowest < low) | (highest > high))
        habits.low[columns] = np.where(wider, np.maximum(np.minimum(low, lowest), -_LARGEST), low)
        habits.high[columns] = np.where(wider, np.minimum(np.maximum(high, highest), _LARGEST), high)
        changed = bool(wider.any())
        for i in np.flatnonzero(enough & np.isnan(scale)).tolist():
            # Constant until now. A scale of its own begins with the first block that has one.
            column = columns[i]
            habits.low[column], habits.high[column], own = sigma_limits(
                self._known(column), self.options.sigma
            )
            habits.scale[column] = np.nan if own is None else own
            changed = True
        return changed

    def sample(self) -> tuple[Sample, list[int]]:
        """Return the samples so far, from their origins.

        Returns
        -------
        flat : ndarray of float32 or float64
            One column's after the other's; single precision if all of it fits.
        sizes : list of int
            Values of each column.
        """
        if any(self._fresh):
            sizes = [sum(map(len, pieces)) for pieces in self._fresh]
            away = compact(np.concatenate([*chain.from_iterable(self._fresh)]), self.origin.repeat(sizes))
            for parts, part in zip(self._parts, _cut(away, sizes), strict=True):
                parts.append(part)
            self._fresh = [[] for _ in self.rows]
        sizes = [sum(map(len, parts)) for parts in self._parts]
        flat: Sample = np.concatenate([_NOTHING, *chain.from_iterable(self._parts)])
        self._parts = [[part] for part in _cut(flat, sizes)]
        return flat, sizes

    def put_sample(self, flat: Sample, sizes: Sequence[int]) -> None:
        """Take back what `sample` gave.

        Raises
        ------
        ValueError
            If the sizes aren't those of the sample's parts.
        """
        if min(sizes, default=0) < 0 or sum(sizes) != len(flat):
            raise ValueError(f"a sample of {len(flat)} values does not have parts of {list(sizes)}")
        self._parts = [[part] for part in _cut(flat, sizes)]
        self._fresh = [[] for _ in sizes]


def _cut(flat: Sample, sizes: Sequence[int]) -> Iterator[Sample]:
    """Cut into parts, each in single precision if it fits, whatever the others hold."""
    fits = flat.dtype == np.float32
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        part = flat[start:stop]
        yield part if fits else compact(part.astype(np.float64), 0.0)
