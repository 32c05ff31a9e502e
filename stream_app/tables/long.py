"""Long tables, with a reading a row (time, sensor, value), as tables with a channel a column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.tables.cells import is_missing, mark_numbers
from stream_app.tables.clock import find_clock
from stream_app.tables.columns import find_time, listed
from stream_app.tables.file_table import FileTable
from stream_app.tables.format import Long
from stream_app.tables.table import BLOCK, About, Block, first_rows

__all__ = ["LongTable"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Rows:
    """All readings of a long table; `texts` are the cells that are no numbers, by row."""

    ts: FloatArray
    source: IntArray
    channel: IntArray
    value: FloatArray
    line: IntArray
    sources: list[str]
    channels: list[str]
    texts: dict[int, Any]
    timeless: list[tuple[int, Any]]
    broken: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class LongTable:
    """A table with a reading a row, turned into one with a column a channel; its times are epoch seconds.

    Readings of one time and source become a row; rows are in the order of their times. A second reading of a channel at
    the same time has a row of its own. All readings are in memory, 40 bytes each.

    Parameters
    ----------
    table : FileTable
    long : Long
        Its columns.
    """

    table: FileTable
    long: Long

    @property
    def path(self) -> Path:
        """The file."""
        return self.table.path

    @property
    def label(self) -> str:
        """What the table is called in messages."""
        return self.table.label

    @property
    def version(self) -> str:
        """What names the content."""
        return self.table.version

    @property
    def about(self) -> About:
        """What people may want to know of the file."""
        said = self.table.about
        return About(
            said.container, notes=(*said.notes, f"a reading a row: {self.long.channel!r} names the channel")
        )

    def place(self, line: int) -> str:
        """Say for a message where the first reading of a row stands."""
        return self.table.place(line)

    def count(self) -> int | None:
        """Say nothing: how many rows readings become is known at the end."""
        return None

    def blocks(self, size: int) -> Iterator[Block]:
        """Read the whole table, then give at most `size` rows at a time."""
        time, source = self._columns()
        rows = self._read(time, source)
        order, begins = _grouped(rows)
        ends = np.append(begins[1:], len(order))
        for first in range(0, len(begins), size):
            some = slice(first, first + size)
            inside = order[begins[first] : ends[some][-1]]
            row = np.repeat(np.arange(len(begins[some])), ends[some] - begins[some])
            values = np.full((len(begins[some]), len(rows.channels)), np.nan)
            values[row, rows.channel[inside]] = rows.value[inside]
            cells: dict[str, list[Any]] = {
                name: values[:, i].tolist() for i, name in enumerate(rows.channels)
            }
            if rows.texts:
                for at, index in zip(row.tolist(), inside.tolist(), strict=True):
                    if index in rows.texts:
                        cells[rows.channels[rows.channel[index]]][at] = rows.texts[index]
            heads = order[begins[some]]
            columns: dict[str, Sequence[Any]] = {time: rows.ts[heads].tolist()}
            if source is not None:
                columns[source] = [rows.sources[code] for code in rows.source[heads].tolist()]
            broken = () if first else rows.broken
            yield Block({**columns, **cells}, rows.line[heads].tolist(), broken=broken)
        if rows.timeless:
            names = [*([] if source is None else [source]), *rows.channels]
            nothing = dict.fromkeys(names, [None] * len(rows.timeless))
            yield Block(
                {time: [cell for _, cell in rows.timeless], **nothing}, [line for line, _ in rows.timeless]
            )

    def _columns(self) -> tuple[str, str | None]:
        """Return the columns of time and source."""
        sample = first_rows(self.table).sample
        for name in (self.long.channel, self.long.value):
            if name not in sample:
                raise SourceError(f"{self.label}: --long: no column {name!r}; there is {listed(sample)}")
        rest = {c: cells for c, cells in sample.items() if c not in {self.long.channel, self.long.value}}
        time = self.long.time or find_time(rest, self.label)
        source = self.long.source or ("source" if "source" in rest and time != "source" else None)
        for option, said in (("--time-column", time), ("--source-column", source)):
            if said is not None and said not in rest:
                raise SourceError(f"{self.label}: {option}: no column {said!r}; there is {listed(sample)}")
        return time, source

    def _read(self, time: str, source: str | None) -> _Rows:
        clock = None
        sources: dict[str, int] = {}
        channels: dict[str, int] = {}
        parts: list[tuple[FloatArray, IntArray, IntArray, FloatArray, IntArray]] = []
        texts: dict[int, Any] = {}
        timeless: list[tuple[int, Any]] = []
        broken: list[tuple[int, str]] = []
        before = 0
        for block in self.table.blocks(BLOCK):
            broken += block.broken
            cells = block.column(time)
            whose: Sequence[Any] = [self.label] * len(cells) if source is None else block.column(source)
            if clock is None:
                clock = find_clock(cells, time, self.label, self.table.format)
            # One reading a channel: the repeated hour of autumn is told apart for each of them.
            keys = list(zip(whose, block.column(self.long.channel), strict=True))
            ts = clock.times(cells, keys)
            value, bad = mark_numbers(block.column(self.long.value))
            channel, code = _codes(block.column(self.long.channel), channels), _codes(whose, sources)
            if (channel < 0).any():
                where = self.place(block.lines[int(np.argmax(channel < 0))])
                raise SourceError(
                    f"{where}: column {self.long.channel!r}: the name of the channel is missing"
                )
            known = ~np.isnan(ts)
            timeless += [(block.lines[i], cells[i]) for i in np.flatnonzero(~known).tolist()]
            places = before + np.cumsum(known) - 1
            raw = block.column(self.long.value)
            texts |= {int(places[i]): raw[i] for i in np.flatnonzero(bad & known).tolist()}
            line = np.array(block.lines, dtype=np.int64)
            parts.append((ts[known], code[known], channel[known], value[known], line[known]))
            before += int(known.sum())
        ts, code, channel, value, line = (np.concatenate(part) for part in zip(*parts, strict=True))
        return _Rows(ts, code, channel, value, line, list(sources), list(channels), texts, timeless, broken)


def _codes(cells: Sequence[Any], known: dict[str, int]) -> IntArray:
    """Give each name a number, in order of their first rows; -1 where there is none."""
    codes = {
        cell: -1 if is_missing(cell) else known.setdefault(str(cell).strip(), len(known))
        for cell in dict.fromkeys(cells)
    }
    return np.array([codes[cell] for cell in cells], dtype=np.int64)


def _grouped(rows: _Rows) -> tuple[IntArray, IntArray]:
    """Return readings in the order of the rows they become, and where each row begins among them."""
    n = len(rows.ts)
    if not n:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.lexsort((np.arange(n), rows.channel, rows.source, rows.ts))
    keys = (rows.ts[order], rows.source[order], rows.channel[order])
    begins = np.concatenate(([True], np.any([key[1:] != key[:-1] for key in keys], axis=0)))
    begin = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    again = np.empty(n, dtype=np.int64)
    again[order] = np.arange(n) - begin
    order = np.lexsort((rows.channel, again, rows.source, rows.ts))
    rowkeys = (rows.ts[order], rows.source[order], again[order])
    first = np.concatenate(([True], np.any([key[1:] != key[:-1] for key in rowkeys], axis=0)))
    return order.astype(np.int64), np.flatnonzero(first).astype(np.int64)
