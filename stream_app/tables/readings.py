"""Tables of readings: which column is time, source, channel or truth, and the rows as numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME
from stream_app.tables.cells import (
    LabelColumn,
    Where,
    as_labels,
    is_missing,
    is_number,
    labels,
    numbers,
    times,
)
from stream_app.tables.columns import COMMAND_LINE, LABEL_NAMES, OptionNames, find_time, listed, require
from stream_app.tables.table import BLOCK, FIRST, Block, Table

__all__ = ["Columns", "Layout", "ReadingRows", "ReadingTable", "find_layout"]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the user says about a table; what is left out is found out.

    Parameters
    ----------
    time : str or None
        Column with the event time. Left out: the one column called time, ts, timestamp, datetime, date, date_time
        or event_time, else the one column of dates.
    source : str or None
        Column with the source's name. Left out: the column called source, else the file's name.
    channels : tuple of str
        Columns to send. Left out: every numeric column that is nothing else.
    labels : tuple of str
        Ground-truth columns. Left out: those called anomaly, changepoint or label.
    delimiter : str or None
        Between the cells of a CSV file. Left out: found in its first lines.
    name : str or None
        Name of the source for all rows, in place of a column or the file's name.
    period : float or None
        Seconds between rows of a table that has no time column.
    option_names : OptionNames
        How messages name these options.
    """

    time: str | None = None
    source: str | None = None
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    delimiter: str | None = None
    name: str | None = None
    period: float | None = None
    option_names: OptionNames = field(default=COMMAND_LINE, repr=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """What every column of one table means; `time` is None when rows are counted, `source` when one name holds."""

    time: str | None
    source: str | None
    channels: tuple[str, ...]
    labels: tuple[str, ...]


def find_layout(options: Columns, sample: Mapping[str, Sequence[Any]], file: str) -> Layout:
    """Settle the meaning of each column from the options and the first rows.

    Parameters
    ----------
    options : Columns
    sample : mapping of column to its first values
    file : str
        For messages.

    Raises
    ------
    SourceError
        When a named column is missing, or nothing or more than one thing fits.

    Examples
    --------
    >>> find_layout(Columns(), {"datetime": ["2020-03-09"], "flow": ["1"], "anomaly": ["0"]}, "a.csv")
    Layout(time='datetime', source=None, channels=('flow',), labels=('anomaly',))
    """
    _require(options, sample, file)
    time = options.time
    if time is None and options.period is None:
        time = find_time(
            sample, file, f", or count rows with {options.option_names.period}", options.option_names
        )
    source = options.source
    if source is None and options.name is None and "source" in sample and time != "source":
        source = "source"
    labels = options.labels or tuple(
        c for c in sample if c.casefold() in LABEL_NAMES and c not in {time, source, *options.channels}
    )
    taken = {time, source, *labels}
    channels = options.channels or tuple(
        c for c, cells in sample.items() if c not in taken and _numeric(cells)
    )
    if not channels:
        raise SourceError(
            f"{file}: no numeric column to send; name them with {options.option_names.channels} (has: {listed(sample)})"
        )
    return Layout(time, source, channels, labels)


def _numeric(cells: Sequence[Any]) -> bool:

    first = next((cell for cell in cells if not is_missing(cell)), None)
    return is_number(first)


def _require(options: Columns, sample: Mapping[str, Sequence[Any]], file: str) -> None:
    names = options.option_names
    by_option = {
        names.time: (options.time,),
        names.source: (options.source,),
        names.channels: options.channels,
        names.labels: options.labels,
    }
    require(by_option, sample, file)
    if options.period is not None and not options.period > 0.0:
        raise SourceError(f"{names.period} {options.period:g}: expected more than 0 seconds")
    if options.time is not None and options.period is not None:
        raise SourceError(
            f"{names.time} and {names.period} exclude each other: rows have a time or are counted"
        )


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

    Raises
    ------
    SourceError
        From `batches`: when the file cannot be read or a cell makes no sense; names file and line.
    """

    table: Table
    columns: Columns
    name: str

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
        layout: Layout | None = None
        rows = 0
        for block in self.table.blocks(BLOCK):
            if layout is None:
                layout = self._layout(block)
            yield block, self._readings(block, layout, rows)
            rows += len(block.lines)
        if layout is None:
            raise SourceError(f"{self.table.label}: no rows")

    def _layout(self, block: Block) -> Layout:
        options = self.columns
        if block.labels and not options.labels:
            options = replace(options, labels=tuple(sorted(block.labels)))
        return find_layout(options, block.sample, self.table.label)

    def _readings(self, block: Block, layout: Layout, before: int) -> ReadingRows:
        n = len(block.lines)

        def where(row: int) -> str:
            return self.table.place(block.lines[row])

        if layout.time is None:
            ts = FIRST + np.arange(before, before + n, dtype=np.float64) * (self.columns.period or 1.0)
        else:
            ts = times(block.column(layout.time), layout.time, where)
        if layout.source is None:
            names: tuple[str, ...] = (self.columns.name or self.name,)
            source = np.zeros(n, dtype=np.int64)
        else:
            names, source = _sources(block.column(layout.source), layout.source, where)
        values = np.empty((n, len(layout.channels)))
        for i, name in enumerate(layout.channels):
            values[:, i] = numbers(block.column(name), name, where)
        truth = {
            name.removeprefix("labels."): as_labels(labels(block.column(name), name, where))
            for name in layout.labels
        }
        return ReadingRows(names, source, ts, layout.channels, values, truth)


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
