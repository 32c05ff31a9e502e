"""Tables of queries that have ended, and of changes: Trino's ``system.runtime.queries``, or what was kept of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from producers.platform.queries import MAX_TEXT, ended_query, known
from producers.platform.records import ChangeMade, Record
from producers.platform.table_reader import TableReader, TimedReader
from stream_app.errors import DataError, SourceError
from stream_app.tables.cells import is_missing, is_number
from stream_app.tables.clock import Clock, find_clock
from stream_app.tables.columns import listed
from stream_app.tables.format import AS_FOUND, FileFormat
from stream_app.tables.left_out import LeftOut
from stream_app.tables.table import BLOCK, Block, Table, first_rows
from stream_app.tables.time_forms import ISO

__all__ = ["ChangeTable", "QueryRows", "QueryTable", "is_changes", "is_queries"]

_ENDED = frozenset({"FINISHED", "FAILED"})

_MOMENTS = {
    "ended": ("end", "endtime", "ended", "finished"),
    "created": ("created", "createtime", "createdat"),
    "started": ("started", "executionstarttime", "startedat"),
}
_NAMES = {
    "id": ("queryid", "id"),
    "query": ("query", "querytext", "sql"),
    "queryState": ("state", "querystate"),
    "updateType": ("updatetype",),
    "user": ("user", "username"),
    "source": ("source",),
    "catalog": ("catalog",),
    "schema": ("schema",),
    "queryType": ("querytype",),
    "environment": ("environment",),
    "name": ("errorcode", "errorname"),
    "type": ("errortype",),
    "peakUserMemoryBytes": ("peakusermemorybytes", "peakmemorybytes", "peakmemory"),
    "physicalInputBytes": ("physicalinputbytes", "inputbytes"),
    "physicalInputRows": ("physicalinputrows", "inputrows"),
    "totalBytes": ("totalbytes",),
    "totalRows": ("totalrows",),
    "completedSplits": ("completedsplits", "splits"),
}
"""Columns by what they mean, in small letters, without underscores."""

_DURATION = re.compile(
    r"(cpu|wall|queued|resourcewaiting|analysis|planning|execution)(?:time)?(ms|millis|seconds|s)?"
)
_SECONDS = {"ms": 0.001, "millis": 0.001}


def is_queries(sample: Mapping[str, Sequence[Any]]) -> bool:
    """Whether a table is of queries, by its columns.

    Examples
    --------
    >>> is_queries({"query_id": ["q1"], "state": ["FINISHED"], "end": ["2026-01-01"]}), is_queries({"time": [1.0]})
    (True, False)
    """
    there = {_plain(column) for column in sample}
    return "queryid" in there and not there.isdisjoint(_MOMENTS["ended"])


def is_changes(sample: Mapping[str, Sequence[Any]]) -> bool:
    """Whether a table is of changes, by its columns."""
    return {"kind", "what"} <= {column.casefold() for column in sample}


@dataclass(slots=True)
class QueryRows:
    """Rows of queries, read by the meaning of their columns.

    Parameters
    ----------
    label : str
        What the table is called in messages.
    form : FileFormat
        What the user says of its times.
    """

    label: str
    form: FileFormat = AS_FOUND
    _clocks: dict[str, Clock] = field(default_factory=dict)

    def read(self, block: Block, left: LeftOut, table: Table | None = None) -> Iterator[Record]:
        """Return the queries of some rows; those that make no sense are left out.

        Parameters
        ----------
        block : Block
        left : LeftOut
            Where they are counted.
        table : Table, optional
            Says where a row stands.

        Raises
        ------
        SourceError
            If the columns lack the id or the end of queries.
        """
        meaning = _meaning(block.columns)
        for part in ("id", "ended"):
            if part not in meaning:
                raise SourceError(
                    f"{self.label}: no column {'query_id' if part == 'id' else 'end'} (has: {listed(block.columns)})"
                )
        times = {
            part: self._clock(block, meaning[part]).times(block.column(meaning[part])).tolist()
            for part in _MOMENTS
            if part in meaning
        }
        durations = _durations(block.columns)
        for row in range(len(block.lines)):
            cells = {
                part: None if is_missing(cells := block.column(column)[row]) else cells
                for part, column in meaning.items()
                if part not in _MOMENTS
            }
            moments = {part: None if np.isnan(column[row]) else column[row] for part, column in times.items()}
            spent = {
                part: float(block.column(column)[row]) * factor
                for part, (column, factor) in durations.items()
                if is_number(block.column(column)[row]) and not is_missing(block.column(column)[row])
            }
            try:
                yield _query(cells, moments, spent)
            except DataError as error:
                where = self.label if table is None else table.place(block.lines[row])
                left.add(str(error), 1, where)

    def _clock(self, block: Block, column: str) -> Clock:
        cells = [cell for cell in block.column(column) if not is_missing(cell)]
        if not cells:
            return Clock(ISO)
        if column not in self._clocks:
            self._clocks[column] = find_clock(cells, column, self.label, self.form)
        return self._clocks[column]


@dataclass(frozen=True, slots=True)
class QueryTable(TableReader):
    """A file of queries; make records of it with `records`."""

    def records(self) -> Iterator[Record]:
        """Read all queries, then give them in the order of their ends.

        Raises
        ------
        SourceError
            If the file cannot be read, or a column is missing.
        """
        rows = QueryRows(self.table.label, self.form)
        found = [
            record for block in self.table.blocks(BLOCK) for record in rows.read(block, self.left, self.table)
        ]
        yield from sorted(found, key=lambda record: record.ts)


@dataclass(frozen=True, slots=True)
class ChangeTable(TimedReader):
    """A file of changes: time, kind, what, and perhaps version and nodes with commas or blanks between."""

    def records(self) -> Iterator[Record]:
        """Read all changes, then give them in the order of time.

        Raises
        ------
        SourceError
            If the file cannot be read, or no column is the time.
        """
        sample = first_rows(self.table).sample
        time = self.time_of(sample)
        found: list[Record] = []
        for block, clock in self.timed(time):
            columns = {name.casefold(): cells for name, cells in block.columns.items()}
            ts = clock.times(block.column(time))
            for row, line in enumerate(block.lines):
                texts = {name: _text(cells[row]) for name, cells in columns.items()}
                if np.isnan(ts[row]) or not texts.get("kind") or not texts.get("what"):
                    self.left.add("a change without a time, kind or what", 1, self.table.place(line))
                    continue
                nodes = tuple(filter(None, re.split(r"[\s,;]+", texts.get("nodes", ""))))
                found.append(
                    ChangeMade(float(ts[row]), texts["kind"], texts["what"], texts.get("version", ""), nodes)
                )
        yield from sorted(found, key=lambda record: record.ts)


def _query(cells: Mapping[str, Any], moments: Mapping[str, float | None], spent: dict[str, float]) -> Record:
    state = str(cells.get("queryState") or "FINISHED").upper()
    ended, created, started = (moments.get(part) for part in ("ended", "created", "started"))
    if state not in _ENDED or ended is None:
        raise DataError("a query that has not ended")
    for part, begin in (("wallTime", created), ("executionTime", started)):
        if begin is not None and ended >= begin:
            spent.setdefault(part, round(ended - begin, 6))
    numbers = {
        part: float(cell)
        for part, cell in cells.items()
        if part.endswith(("Bytes", "Rows", "Splits")) and is_number(cell)
    }
    parts = {
        "metadata": known("metadata", {**cells, "queryState": state}),
        "context": known("context", cells),
        "statistics": known("statistics", {**numbers, **spent}),
    }
    failure = {part: str(cells[part]) for part in ("name", "type") if cells.get(part) is not None}
    return ended_query(
        str(cells["id"] or ""), str(cells.get("query") or ""), parts, ended, created, started, failure or None
    )


def _plain(column: str) -> str:
    return column.rpartition(".")[2].replace("_", "").casefold()


def _meaning(columns: Mapping[str, Any]) -> dict[str, str]:
    there = {_plain(column): column for column in columns}
    return {
        part: there[name]
        for part, names in {**_MOMENTS, **_NAMES}.items()
        for name in reversed(names)
        if name in there
    }


def _durations(columns: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    """Return columns of durations, by their names in Trino's events, and what makes seconds of their numbers."""
    out = {}
    for column in columns:
        found = _DURATION.fullmatch(_plain(column))
        if found is not None:
            name = "resourceWaiting" if found[1] == "resourcewaiting" else found[1]
            out[f"{name}Time"] = (column, _SECONDS.get(found[2] or "", 1.0))
    return out


def _text(cell: Any) -> str:
    return "" if is_missing(cell) else str(cell).strip()[:MAX_TEXT]
