"""Tables of metrics: a sample a row, or a column a series."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform.exposition import parse_labels
from producers.platform.records import Record, Sample, scrapes
from producers.platform.table_reader import TableReader, TimedReader
from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import opened_text
from stream_app.tables.cells import is_missing, mark_numbers
from stream_app.tables.clock import Clock
from stream_app.tables.columns import begins_with_number, listed
from stream_app.tables.format import FileFormat
from stream_app.tables.table import BLOCK, READ_ERRORS, Block, TableFile, first_rows, unreadable

__all__ = ["NAMES", "VALUES", "LongMetrics", "StackedMetrics", "WideMetrics", "is_stacked"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int32]
Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]

NAMES = ("__name__", "name", "metric_name", "metric")
"""Columns with the name of a metric, in any case; the first that is there."""

VALUES = ("value", "metric_value")

_OBJECTS = frozenset({"labels", "tags", "dimensions"})
"""Columns whose cells may hold all labels, as an object or as JSON."""

_SERIES = re.compile(r"([^{}]*)\{(.*)\}")
_LEVELS = 8
"""Lines of names above a table, at most."""


@dataclass(slots=True)
class _Samples:
    """All samples of a file: times, number of the series, values; and the series."""

    series: dict[Key, int] = field(default_factory=dict)
    parts: list[tuple[FloatArray, IntArray, FloatArray]] = field(default_factory=list)

    def code(self, name: str, labels: Mapping[str, str]) -> int:
        """Return the number of a series."""
        return self.series.setdefault((name, tuple(sorted(labels.items()))), len(self.series))

    def add(self, ts: FloatArray, code: IntArray, value: FloatArray) -> None:
        """Keep what is there."""
        kept = np.isfinite(value) & ~np.isnan(ts)
        self.parts.append((ts[kept], code[kept], value[kept]))

    def records(self, refuse: Callable[[str], None]) -> Iterator[Record]:
        """Return scrapes in the order of time; samples of one moment keep the order of the file."""
        if not self.parts:
            return
        ts, code, value = (np.concatenate(column) for column in zip(*self.parts, strict=True))
        self.parts.clear()
        order = np.argsort(ts, kind="stable")
        ts, code, value = ts[order], code[order], value[order]
        named = [(name, dict(labels)) for name, labels in self.series]
        begins = np.flatnonzero(np.diff(ts, prepend=-np.inf))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(ts)], strict=True):
            moment = float(ts[begin])
            some = zip(code[begin:end].tolist(), value[begin:end].tolist(), strict=True)
            samples = (Sample(named[which][0], named[which][1], number) for which, number in some)
            yield from scrapes(moment, samples, refuse)


@dataclass(frozen=True, slots=True)
class LongMetrics(TimedReader):
    """A table with a sample a row: time, name, value; all other columns are labels."""

    def records(self) -> Iterator[Record]:
        """Read all samples, then give them in the order of time.

        Raises
        ------
        SourceError
            If the file cannot be read, or no column is the time.
        """
        sample = first_rows(self.table).sample
        name, value = _one(NAMES, sample) or NAMES[0], _one(VALUES, sample) or VALUES[0]
        others = {column: cells for column, cells in sample.items() if column not in {name, value}}
        time = self.time_of(others)
        samples = _Samples()
        codes: dict[tuple[Any, ...], int] = {}
        known: list[str] = []
        for block, clock in self.timed(time):
            labels = [column for column in block.columns if column not in {name, value, time}]
            if labels != known:
                # Lines of JSON may have other labels further down.
                codes, known = {}, labels
            rows = list(
                zip(*(map(_hashable, block.column(column)) for column in (name, *labels)), strict=True)
            )
            for row in dict.fromkeys(rows):
                if row not in codes:
                    codes[row] = (
                        -1
                        if is_missing(row[0])
                        else samples.code(str(row[0]).strip(), _labels(labels, row[1:]))
                    )
            code = np.array([codes[row] for row in rows], dtype=np.int32)
            # The repeated hour of autumn is told apart for each series.
            ts = clock.times(block.column(time), code.tolist())
            number, bad = mark_numbers(block.column(value))
            self.refuse_times(block, ts, time)
            self.refuse(block, bad, f"column {value!r}: no number")
            self.refuse(block, code < 0, f"column {name!r}: a metric without a name")
            number[bad | (code < 0)] = np.nan
            samples.add(ts, code, number)
        yield from samples.records(partial(self.left.add, count=1, where=self.table.label))


@dataclass(frozen=True, slots=True)
class WideMetrics(TimedReader):
    """A table with a column a series, called by its name or like ``node_load1{instance="w1"}``."""

    def records(self) -> Iterator[Record]:
        """Read all samples, then give them in the order of time.

        Raises
        ------
        SourceError
            If the file cannot be read, or no column is the time, or none has numbers.
        """
        sample = first_rows(self.table).sample
        time = self.time_of(sample)
        columns = [name for name, cells in sample.items() if name != time and begins_with_number(cells)]
        if not columns:
            raise SourceError(
                f"{self.table.label}: no column has numbers, so none is a metric (has: {listed(sample)})"
            )
        yield from _wide(self, self.timed(time), time, {name: _series(name) for name in columns})


@dataclass(frozen=True, slots=True)
class StackedMetrics(TableReader):
    """A CSV file with a column a series, and several lines of names above it, as pandas writes columns of several levels.

    The first cell of each line says what it names: ``metric`` or ``name`` is the metric, others are labels. The line above the
    rows has nothing but the name of the time.
    """

    table: TableFile

    def records(self) -> Iterator[Record]:
        """Read all samples, then give them in the order of time.

        Raises
        ------
        SourceError
            If the file cannot be read, or no line names the metrics.
        """
        try:
            with opened_text(self.table.path, self.form.encoding)[0] as file:
                rows = csv.reader(file, delimiter=self.form.delimiter or ",")
                head: list[list[str]] = []
                for row in rows:
                    if _ends_head(row):
                        break
                    head.append(row)
                names = self._names(head)
                time = row[0]
                yield from _wide(self, self.clocked(self._blocks(rows, time, list(names)), time), time, names)
        except csv.Error as error:
            raise SourceError(f"{self.table.path}: {error}; is it a table at all?") from None
        except READ_ERRORS as error:
            raise unreadable(self.table.path, error) from None

    def _names(self, head: Sequence[Sequence[str]]) -> dict[str, Key]:
        """Return the series of each column, by its number."""
        levels = {row[0].strip(): row[1:] for row in head}
        name = _one(NAMES, levels)
        if name is None:
            raise SourceError(
                f"{self.table.path}: no line above the table begins with metric or name (they begin with {listed(levels)})"
            )
        labels = [level for level in levels if level != name]
        out: dict[str, Key] = {}
        for i, metric in enumerate(levels[name], start=1):
            pairs = ((label, levels[label][i - 1].strip()) for label in labels)
            out[str(i)] = (metric.strip(), tuple((label, text) for label, text in pairs if text))
        return out

    def _blocks(self, rows: Any, time: str, columns: Sequence[str]) -> Iterator[Block]:
        while some := list(islice(rows, BLOCK)):
            lines = range(rows.line_num - len(some) + 1, rows.line_num + 1)
            for row, line in zip(some, lines, strict=True):
                if len(row) != len(columns) + 1:
                    raise SourceError(
                        f"{self.table.path}:{line}: {len(row)} cells, but the lines of names have {len(columns) + 1}"
                    )
            cells = list(zip(*some, strict=True))
            yield Block(dict(zip((time, *columns), cells, strict=True)), list(lines))


def is_stacked(table: TableFile, form: FileFormat) -> bool:
    """Whether a CSV file has several lines of names, the last with the name of the time only."""
    try:
        with opened_text(table.path, form.encoding)[0] as file:
            rows = list(islice(csv.reader(file, delimiter=form.delimiter or ","), _LEVELS))
    except (csv.Error, SourceError, *READ_ERRORS):
        return False
    ends = next((i for i, row in enumerate(rows) if _ends_head(row)), 0)
    return ends >= 2 and len({len(row) for row in rows[: ends + 1]}) == 1


def _ends_head(row: Sequence[str]) -> bool:
    return len(row) > 1 and bool(row[0].strip()) and not any(cell.strip() for cell in row[1:])


def _wide(
    source: TableReader, blocks: Iterator[tuple[Block, Clock]], time: str, series: Mapping[str, Key]
) -> Iterator[Record]:
    samples = _Samples()
    codes = {column: samples.code(name, dict(labels)) for column, (name, labels) in series.items()}
    for block, clock in blocks:
        ts = clock.times(block.column(time))
        source.refuse_times(block, ts, time)
        table = np.empty((len(ts), len(codes)))
        for i, column in enumerate(codes):
            number, bad = mark_numbers(block.column(column))
            source.refuse(block, bad, "a cell of a metric is no number")
            number[bad] = np.nan
            table[:, i] = number
        code = np.tile(np.array(list(codes.values()), dtype=np.int32), len(ts))
        samples.add(np.repeat(ts, len(codes)), code, table.ravel())
    yield from samples.records(partial(source.left.add, count=1, where=source.table.label))


def _one(names: Sequence[str], there: Mapping[str, Any]) -> str | None:
    """Return the first of some names that is there, as it is written there."""
    known = {column.casefold(): column for column in reversed(list(there))}
    return next((known[name] for name in names if name in known), None)


def _series(header: str) -> Key:
    """Read the header of a column."""
    found = _SERIES.fullmatch(header.strip())
    labels = None if found is None else parse_labels(found[2])
    if found is None or labels is None:
        return header.strip(), ()
    name = labels.pop("__name__", "")
    return found[1].strip() or name, tuple(sorted(labels.items()))


def _hashable(cell: Any) -> Any:
    return tuple(cell.items()) if isinstance(cell, dict) else tuple(cell) if isinstance(cell, list) else cell


def _labels(columns: Sequence[str], cells: Sequence[Any]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=True):
        if is_missing(cell):
            continue
        if column.casefold() in _OBJECTS and (pairs := _pairs(cell)) is not None:
            labels.update({str(key): str(value) for key, value in pairs if value is not None})
        else:
            labels[column.removeprefix("labels.").removeprefix("tags.")] = str(cell).strip()
    labels.pop("__name__", None)
    return labels


_READERS: tuple[Callable[[str], Any], ...] = (json.loads, lambda text: parse_labels(text.strip("{}")))


def _pairs(cell: Any) -> Sequence[tuple[Any, Any]] | None:
    """Return all labels of a cell, None where it holds something else."""
    if isinstance(cell, tuple):
        return cell if all(isinstance(pair, tuple) and len(pair) == 2 for pair in cell) else None
    if isinstance(cell, str):
        for read in _READERS:
            try:
                found = read(cell)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return list(found.items())
    return None
