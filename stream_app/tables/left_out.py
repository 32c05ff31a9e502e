"""Rows that are no events: left out, counted by their reason, and the first of each named."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME
from stream_app.tables.cells import (
    BoolArray,
    FloatArray,
    IntArray,
    LabelColumn,
    as_labels,
    mark_entities,
    mark_numbers,
    mark_texts,
)
from stream_app.tables.clock import Clock
from stream_app.tables.table import Block, Table

__all__ = ["TOLERATED", "BlockReader", "LeftOut"]

TOLERATED = 20
"""One cell of a column of numbers in so many may be none."""

B = TypeVar("B", bound=Sized)


@dataclass(slots=True)
class LeftOut:
    """How many rows were left out why.

    Examples
    --------
    >>> left = LeftOut()
    >>> left.add("no entity", 3, "shop.csv:17")
    >>> left.counts, left.first
    ({'no entity': 3}, {'no entity': 'shop.csv:17'})
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, count: int, where: str) -> None:
        """Count rows."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.first.setdefault(reason, where)

    def add_broken(self, block: Block, table: Table) -> None:
        """Count lines that are no rows."""
        for line, why in block.broken:
            # What a decoder says differs from line to line.
            self.add(why.partition(": ")[0], 1, table.place(line))

    def clear(self) -> None:
        """Forget what was counted, for reading once more."""
        self.counts.clear()
        self.first.clear()

    @property
    def total(self) -> int:
        """How many, for whatever reason."""
        return sum(self.counts.values())

    @property
    def summary(self) -> Mapping[str, int]:
        """How many, by reason and first place."""
        return {f"{reason} (first: {self.first[reason]})": n for reason, n in self.counts.items()}

    def problem(self, taken: int, before: int = 0) -> str | None:
        """Say that more rows were left out than taken, and why; None where they were not.

        Parameters
        ----------
        taken : int
            Rows that were taken.
        before : int
            How many of those that were left out belong to an earlier reading.

        Examples
        --------
        >>> left = LeftOut()
        >>> left.add("no entity", 3, "shop.csv:17")
        >>> left.problem(3), left.problem(2)
        (None, 'most rows were left out: 2 were taken; 3, no entity (first: shop.csv:17)')
        >>> left.problem(0)
        'no row was taken: 3, no entity (first: shop.csv:17)'
        """
        if self.total - before <= taken:
            return None
        reasons = "; ".join(f"{n:,}, {reason}" for reason, n in self.summary.items())
        return (
            f"most rows were left out: {taken:,} were taken; {reasons}"
            if taken
            else f"no row was taken: {reasons}"
        )

    def check(self, batches: Iterable[B]) -> Iterator[B]:
        """Hand batches on, and see at their end that not every row was left out.

        Raises
        ------
        SourceError
            When no row of all is an event.
        """
        before, events = self.total, 0
        for batch in batches:
            events += len(batch)
            yield batch
        if not events and (problem := self.problem(events, before)) is not None:
            raise SourceError(problem)


@dataclass(slots=True)
class BlockReader:
    """Reads the columns of one block; each row with a cell that makes no sense is left out, for the first reason found.

    Parameters
    ----------
    table : Table
        Names the place of a row.
    block : Block
    left : LeftOut
        Where rows are counted.

    Attributes
    ----------
    kept : ndarray of bool, shape (rows,)
    """

    table: Table
    block: Block
    left: LeftOut
    kept: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        self.kept = np.ones(len(self.block.lines), dtype=np.bool_)

    def refuse(self, bad: BoolArray, reason: str) -> None:
        """Leave out some rows."""
        fresh = np.flatnonzero(bad & self.kept)
        if len(fresh):
            self.left.add(reason, len(fresh), self.table.place(self.block.lines[int(fresh[0])]))
            self.kept[fresh] = False

    def entities(
        self, name: str, clean: Callable[[str], str], anonymous: str | None, *, what: str = "entity"
    ) -> tuple[tuple[str, ...], IntArray]:
        """Read whose each row is: the names, and of each row the number of its name."""
        names, codes, bad = mark_entities(self.block.column(name), clean, anonymous)
        for reason, mask in bad.items():
            self.refuse(mask, reason.replace("entity", what))
        return names, codes

    def times(self, name: str, clock: Clock, sources: Sequence[Any] | None = None) -> FloatArray:
        """Read moments into epoch seconds."""
        ts = clock.times(self.block.column(name), sources)
        self.refuse(np.isnan(ts), f"column {name!r}: no moment between 1970 and 2099")
        return ts

    def texts(self, name: str, longest: int = MAX_NAME) -> LabelColumn:
        """Read texts, None where there is none."""
        out, bad = mark_texts(self.block.column(name), longest)
        self.refuse(bad, f"column {name!r}: no text of at most {longest} characters")
        return out

    def numbers(self, name: str) -> FloatArray:
        """Read numbers, NaN where there is none; they may be infinite."""
        out, bad = mark_numbers(self.block.column(name))
        self.refuse(bad, f"column {name!r}: no number")
        return out

    def ids(self, begin: str, column: str | None) -> LabelColumn:
        """Read the ids of rows; where there is none, it is `begin` and the line."""
        ids = as_labels([f"{begin}:{line}" for line in self.block.lines])
        if column is None:
            return ids
        own = self.texts(column)
        return np.where(own == None, ids, own)  # noqa: E711 cell by cell
