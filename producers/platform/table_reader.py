"""What readers of tables of metrics, queries and changes have in common: their file, its clock, and refusals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.tables.clock import Clock, find_clock
from stream_app.tables.columns import find_time, require
from stream_app.tables.format import FileFormat
from stream_app.tables.left_out import LeftOut
from stream_app.tables.table import BLOCK, Block, Table

__all__ = ["TableReader", "TimedReader"]


@dataclass(frozen=True, slots=True)
class TableReader:
    """A table from which records are made.

    Parameters
    ----------
    table : Table
    form : FileFormat
        What the user says of it.
    left : LeftOut
        Where rows that are no records are counted.
    """

    table: Table
    form: FileFormat
    left: LeftOut

    def clocked(self, blocks: Iterable[Block], time: str) -> Iterator[tuple[Block, Clock]]:
        """Return blocks of rows with what reads their times, found out by the first."""
        clock: Clock | None = None
        for block in blocks:
            clock = clock or find_clock(block.column(time), time, self.table.label, self.form)
            yield block, clock

    def refuse(self, block: Block, bad: npt.NDArray[np.bool_], reason: str) -> None:
        """Count rows of a block that are left out."""
        rows = np.flatnonzero(bad)
        if len(rows):
            self.left.add(reason, len(rows), self.table.place(block.lines[int(rows[0])]))

    def refuse_times(self, block: Block, ts: npt.NDArray[np.float64], time: str) -> None:
        """Count rows of a block that have no time."""
        self.refuse(block, np.isnan(ts), f"column {time!r}: no moment between 1970 and 2099")


@dataclass(frozen=True, slots=True)
class TimedReader(TableReader):
    """A table with a column of times.

    Parameters
    ----------
    table : Table
    form : FileFormat
        What the user says of it.
    left : LeftOut
        Where rows that are no records are counted.
    time : str or None
        Column with the time; found if None.
    """

    time: str | None = None

    def time_of(self, sample: Mapping[str, Sequence[Any]]) -> str:
        """Return the column of the time: the one that the user names, or the one that is it without doubt.

        Raises
        ------
        SourceError
            If there is none, or more than one.
        """
        if self.time is None:
            return find_time(sample, self.table.label)
        require({"--time-column": (self.time,)}, sample, self.table.label)
        return self.time

    def timed(self, time: str) -> Iterator[tuple[Block, Clock]]:
        """Return all blocks of rows with what reads their times."""
        return self.clocked(self.table.blocks(BLOCK), time)
