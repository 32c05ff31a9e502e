"""Tables of readings: the rows as numbers, with what was left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME
from stream_app.tables.cells import LabelColumn, Where, as_labels, is_missing, labels, mark_numbers, switches
from stream_app.tables.clock import Clock, find_clock
from stream_app.tables.file_table import FileTable
from stream_app.tables.layout import Columns, Layout, find_layout
from stream_app.tables.left_out import TOLERATED, LeftOut
from stream_app.tables.long import LongTable
from stream_app.tables.spread import Spread, find_spread, tells_apart
from stream_app.tables.table import BLOCK, FIRST, About, Block, Table
from stream_app.tables.understood import Understood, understand

__all__ = ["ReadingRows", "ReadingTable"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReadingRows:
    """Some rows of a table of readings.

    Parameters
    ----------
    names : tuple of str
        Sources.
    source : ndarray of int (n,)
        Index into `names`.
    ts : ndarray (n,)
        Event time, epoch seconds.
    channels : tuple of str
    values : ndarray (n, d)
        NaN where nothing was measured.
    labels : mapping of str to ndarray of object (n,)
        Ground truth: text, numbers, booleans; None where there is none.
    """

    names: tuple[str, ...]
    source: npt.NDArray[np.int64]
    ts: npt.NDArray[np.float64]
    channels: tuple[str, ...]
    values: npt.NDArray[np.float64]
    labels: Mapping[str, LabelColumn] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadingTable:
    """Readings from one table.

    Parameters
    ----------
    table : Table
    columns : Columns
        What the user says about its columns.
    name : str
        Source of the rows where neither a column nor `columns` names one.
    left : LeftOut
        Where rows without a time and cells that are no numbers are counted.

    Raises
    ------
    SourceError
        From `batches`: when the file cannot be read, or more than one cell of a column in twenty makes no sense; names
        file and line.
    """

    table: Table
    columns: Columns
    name: str
    left: LeftOut = field(default_factory=LeftOut, compare=False, repr=False)

    @property
    def total(self) -> int | None:
        """How many rows the file has, by its line ends."""
        return self.table.count()

    @property
    def identity(self) -> str:
        """The file, its size, when it was last changed, and the meaning given to its columns."""
        return f"{self.table.version} {self.columns} {self.name}"

    def batches(self) -> Iterator[ReadingRows]:
        """Read from the beginning."""
        for _, readings in self.pairs():
            yield readings

    def pairs(self) -> Iterator[tuple[Block, ReadingRows]]:
        """Read from the beginning; gives the cells as they stand beside what was made of them."""
        reader: _Reader | None = None
        for block in self.table.blocks(BLOCK):
            if reader is None:
                reader = self._reader(block)
            self.left.add_broken(block, self.table)
            pair = reader.read(block)
            if len(pair[1].ts):
                yield pair
        if reader is None:
            raise SourceError(f"{self.table.label}: no rows")

    def understood(self) -> Understood:
        """Say what the columns were taken for, by the first rows.

        Raises
        ------
        SourceError
            As from `batches`.
        """
        block = next(self.table.blocks(BLOCK), None)
        if block is None:
            raise SourceError(f"{self.table.label}: no rows")
        reader, table = self._reader(block), self.table
        about = table.about if isinstance(table, FileTable | LongTable) else About("")
        if reader.mixed is not None:
            about = replace(about, notes=(*about.notes, self._mixed_note(block, reader.layout, reader.mixed)))
        return understand(block, reader.layout, reader.clock, reader.spread, about)

    def _mixed_note(self, block: Block, layout: Layout, column: str) -> str:
        some = ", ".join(list(dict.fromkeys(map(str, block.column(column))))[:3])
        return (
            f"rows of the same time differ in the column {column!r} ({some}) and are taken for one source: say "
            f"{self.columns.option_names.source} {column}, or --long {column},{layout.channels[0]} if it names channels"
        )

    def layout(self, block: Block) -> Layout:
        """Return what the columns mean, by the first rows."""
        options = self.columns
        if block.labels and not options.labels:
            options = replace(options, labels=tuple(sorted(block.labels)))
        return find_layout(options, block.sample, self.table.label)

    def clock(self, block: Block, layout: Layout) -> Clock | None:
        """Return what reads the times, by the first rows; None where rows are counted."""
        if layout.time is None:
            return None
        if isinstance(self.table, LongTable):
            return Clock("s")
        cells = block.column(layout.time)
        try:
            return find_clock(cells, layout.time, self.table.label, self.columns.format)
        except SourceError as error:
            if isinstance(self.table, FileTable):
                raise
            # A frame has no options of files.
            raise SourceError(
                f"{str(error).partition(';')[0]}; make it a column of datetimes first"
            ) from None

    def _reader(self, block: Block) -> "_Reader":
        layout = self.layout(block)
        reader = _Reader(self, layout, self.clock(block, layout))
        reader.look(block)
        return reader


@dataclass(slots=True)
class _Reader:
    """One pass over a table, from its first block to its last."""

    source: ReadingTable
    layout: Layout
    clock: Clock | None
    spread: Spread | None = None
    mixed: str | None = None
    rows: int = 0
    bad: dict[str, int] = field(default_factory=dict)

    def look(self, block: Block) -> None:
        """See in the first block whether stamps are coarser than readings."""
        if self.clock is None or self.layout.time is None:
            return
        keys = None if self.layout.source is None else block.column(self.layout.source)
        # A clock of its own: what it read so far tells the hours of autumn apart.
        clock = replace(self.clock, _last={})
        ts = clock.times(block.column(self.layout.time), keys)
        if keys is None and self.source.columns.name is None:
            self.mixed = self._mixed(block, ts)
        if self.mixed is None:
            values = [block.column(name) for name in self.layout.channels]
            self.spread = find_spread(ts, keys, values)

    def _mixed(self, block: Block, ts: FloatArray) -> str | None:
        """Return the column in which rows of the same time differ, as those of several sources do."""
        layout = self.layout
        taken = {layout.time, *layout.channels, *layout.labels}
        return next(
            (c for c, cells in block.columns.items() if c not in taken and tells_apart(ts, cells)), None
        )

    def read(self, block: Block) -> tuple[Block, ReadingRows]:
        """Read the next block; rows without a time are left out of both."""
        block, ts, names, source = self._when(block)
        n = len(block.lines)

        def where(row: int) -> str:
            return self.source.table.place(block.lines[row])

        layout = self.layout
        values = np.empty((n, len(layout.channels)))
        for i, name in enumerate(layout.channels):
            values[:, i] = self._numbers(block, name)
        truth = {
            name.removeprefix("labels."): as_labels(labels(block.column(name), name, where))
            for name in layout.labels
        }
        return block, ReadingRows(names, source, ts, layout.channels, values, truth)

    def _when(self, block: Block) -> tuple[Block, FloatArray, tuple[str, ...], npt.NDArray[np.int64]]:
        n, layout, columns = len(block.lines), self.layout, self.source.columns
        self.rows += n
        if self.clock is None or layout.time is None:
            before = self.rows - n
            ts = FIRST + np.arange(before, before + n, dtype=np.float64) * (columns.period or 1.0)
        else:
            cells = block.column(layout.time)
            ts = self.clock.times(cells, None if layout.source is None else block.column(layout.source))
            bad = np.isnan(ts)
            if bad.any():
                message = "{!r} is no moment between 1970 and 2099, or not in the form of the rows before it"
                self._tolerate(block, layout.time, bad, message, "row left out, without a time")
                block, ts = block.take(~bad), ts[~bad]
        if layout.source is None:
            names: tuple[str, ...] = (columns.name or self.source.name,)
            source = np.zeros(len(ts), dtype=np.int64)
        else:
            names, source = _sources(
                block.column(layout.source),
                layout.source,
                lambda row: self.source.table.place(block.lines[row]),
            )
        if self.spread is not None:
            ts = self.spread.apply(ts, names, source)
        return block, ts, names, source

    def _numbers(self, block: Block, name: str) -> FloatArray:
        cells = block.column(name)
        if name in self.layout.switches:
            cells = switches(cells)
        out, bad = mark_numbers(cells)
        if bad.any():
            message = "{!r} is not a number; leave the column out of the channels"
            self._tolerate(block, name, bad, message, "cell taken as missing, no number")
        out[np.isinf(out)] = np.nan
        return out

    def _tolerate(
        self, block: Block, column: str, bad: npt.NDArray[np.bool_], message: str, reason: str
    ) -> None:
        """Count cells that make no sense; too many of them are an error."""
        first = int(np.argmax(bad))
        cell, where = (
            str(block.column(column)[first])[:40],
            self.source.table.place(block.lines[first]),
        )
        count = int(bad.sum())
        self.bad[column] = self.bad.get(column, 0) + count
        # In a frame, which has types, each cell is meant; and its rows are those of the result.
        typed = not isinstance(self.source.table, FileTable | LongTable)
        if typed or self.bad[column] * TOLERATED > self.rows:
            raise SourceError(f"{where}: column {column!r}: {message.format(cell)}")
        self.source.left.add(f"column {column!r}: {reason}, like {cell!r}", count, where)


def _sources(column: Sequence[Any], name: str, where: Where) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Give a number to the names of sources in order of their first row."""
    seen: dict[str, int] = {}
    codes = np.empty(len(column), dtype=np.int64)
    for row, cell in enumerate(column):
        if is_missing(cell):
            raise SourceError(f"{where(row)}: column {name!r}: the source is missing")
        text = str(cell).strip()
        if len(text) > MAX_NAME:
            raise SourceError(
                f"{where(row)}: column {name!r}: the source has more than {MAX_NAME} characters"
            )
        codes[row] = seen.setdefault(text, len(seen))
    return tuple(seen), codes
