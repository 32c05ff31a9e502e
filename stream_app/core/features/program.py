"""Computation of all wanted features over the rows of an entity's windows.

Features over the same rows share what is taken out of them, and all features of one aggregation are computed in one
loop: a call for each would take longer than most of them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple, Self, TypeAlias

from stream_app.core.features.log import EntityLog
from stream_app.core.features.view import Aggregation

__all__ = ["Program", "Wanted"]

_SECOND = 1_000_000
_SUMMED = frozenset({Aggregation.SUM, Aggregation.MEAN})
_PICKED = frozenset({Aggregation.MIN, Aggregation.MAX, *_SUMMED})
_Place: TypeAlias = tuple[int, int] | None
_Job: TypeAlias = tuple[int, int, int, float]
"""Where the answer goes, which rows, which numbers or column of them, and the window's length in seconds."""


class Wanted(NamedTuple):
    """A wanted aggregate of a window.

    Parameters
    ----------
    aggregation : Aggregation
        Aggregation over the window.
    place : tuple of int, optional
        Plane and bit of the rows that count; None for all.
    column : int
        Of the numbers or marks; -1 where only events matter.
    seconds : float
        Length of the window; 0 where it has none of its own.
    """

    aggregation: Aggregation
    place: _Place
    column: int
    seconds: float


class _Rows:
    """The rows of each window, as far as they count, with what several features need of them."""

    __slots__ = ("at", "counts", "flags", "log", "numbers", "spans", "sums")

    def __init__(self, program: "Program", log: EntityLog, at: int, spans: Sequence[tuple[int, int]]) -> None:
        self.log = log
        self.at = at
        self.spans = [spans[window] for window, _ in program.picks]
        # Once for all windows: mostly an event has what all features look at, and there is nothing to leave out.
        low = min((begin for begin, _ in spans), default=0)
        high = max((end for _, end in spans), default=0)
        chosen = [None if place is None else log.select(place, low, high) for place in program.places]
        self.flags = [
            None
            if (flags := chosen[place]) is None
            else flags[spans[window][0] - low : spans[window][1] - low]
            for window, place in program.picks
        ]
        self.counts = [
            end - begin if flags is None else flags.count(1)
            for (begin, end), flags in zip(self.spans, self.flags, strict=True)
        ]
        self.numbers = [self.taken(log.numbers[column], pick) for pick, column in program.numbers]
        self.sums = {numbers: math.fsum(self.numbers[numbers]) for numbers in program.sums}

    def taken(self, column: Sequence[float], pick: int) -> Sequence[float]:
        """Return the rows of a column."""
        begin, end = self.spans[pick]
        flags = self.flags[pick]
        return column[begin:end] if flags is None else list(compress(column[begin:end], flags))

    def newest(self, pick: int) -> int:
        """Return the newest row, or -1."""
        begin, end = self.spans[pick]
        flags = self.flags[pick]
        if flags is None:
            return end - 1 if end > begin else -1
        found = flags.rfind(1)
        return begin + found if found >= 0 else -1


@dataclass(frozen=True, slots=True)
class Program:
    """Computation of features over windows.

    Parameters
    ----------
    places : list of (int, int) or None
        Which rows count.
    picks : list of (int, int)
        Which window, and which of those places.
    numbers : list of (int, int)
        Which of those picks, and which column of numbers of it.
    sums : list of int
        Which numbers are added up.
    jobs : list of (function, list)
        What to compute, by aggregation.
    """

    places: list[_Place]
    picks: list[tuple[int, int]]
    numbers: list[tuple[int, int]]
    sums: list[int]
    jobs: list[tuple["_Compute", list[_Job]]]

    @classmethod
    def of(cls, wanted: Iterable[tuple[int, int, Wanted]]) -> Self:
        """Collect the wanted aggregates with their windows and positions."""
        all_wanted = list(wanted)
        places = list(dict.fromkeys(one.place for _, _, one in all_wanted))
        picks = list(dict.fromkeys((window, places.index(one.place)) for _, window, one in all_wanted))
        numbers: dict[tuple[int, int], int] = {}
        sums: dict[int, None] = {}
        jobs: dict[Aggregation, list[_Job]] = {}
        for slot, window, one in all_wanted:
            pick, column = picks.index((window, places.index(one.place))), one.column
            if one.aggregation in _PICKED:
                column = numbers.setdefault((pick, column), len(numbers))
            if one.aggregation in _SUMMED:
                sums[column] = None
            jobs.setdefault(one.aggregation, []).append((slot, pick, column, one.seconds))
        by_kind = [(_COMPUTE[kind], some) for kind, some in jobs.items()]
        return cls(places, picks, list(numbers), list(sums), by_kind)

    def run(
        self, log: EntityLog, at: int, spans: Sequence[tuple[int, int]], count: int
    ) -> list[float | None]:
        """Return the values in their positions; values without a window stay None.

        Parameters
        ----------
        log : EntityLog
            Event log of the entity.
        at : int
            The reader's instant, in microseconds.
        spans : sequence of (int, int)
            First row of each window, and the one after its last.
        count : int
            How many answers there are.
        """
        found: list[float | None] = [None] * count
        rows = _Rows(self, log, at, spans)
        for compute, jobs in self.jobs:
            compute(rows, jobs, found)
        return found


_Compute: TypeAlias = Callable[[_Rows, list[_Job], list[float | None]], None]


def _count(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    counts = rows.counts
    for slot, pick, _, _ in jobs:
        found[slot] = float(counts[pick])


def _sum(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, _, numbers, _ in jobs:
        found[slot] = rows.sums[numbers]


def _mean(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, pick, numbers, _ in jobs:
        if count := rows.counts[pick]:
            found[slot] = rows.sums[numbers] / count


def _min(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, _, numbers, _ in jobs:
        found[slot] = min(rows.numbers[numbers], default=None)


def _max(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, _, numbers, _ in jobs:
        found[slot] = max(rows.numbers[numbers], default=None)


def _last(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, pick, column, _ in jobs:
        row = rows.newest(pick)
        if row >= 0:
            found[slot] = rows.log.numbers[column][row]


def _distinct(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, pick, column, _ in jobs:
        found[slot] = float(len(set(rows.taken(rows.log.marks[column], pick))))


def _time_since_last(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, pick, _, _ in jobs:
        row = rows.newest(pick)
        if row >= 0:
            found[slot] = (rows.at - rows.log.ts[row]) / _SECOND


def _rate(rows: _Rows, jobs: list[_Job], found: list[float | None]) -> None:
    for slot, pick, _, length in jobs:
        seconds, count = length, rows.counts[pick]
        if count and not seconds:
            begin, flags = rows.spans[pick][0], rows.flags[pick]
            seconds = (rows.at - rows.log.ts[begin if flags is None else begin + flags.find(1)]) / _SECOND
        found[slot] = count / seconds if count else 0.0


_COMPUTE: Mapping[Aggregation, _Compute] = {
    Aggregation.COUNT: _count,
    Aggregation.SUM: _sum,
    Aggregation.MEAN: _mean,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.LAST: _last,
    Aggregation.DISTINCT: _distinct,
    Aggregation.TIME_SINCE_LAST: _time_since_last,
    Aggregation.RATE: _rate,
}
