"""Files of metrics, queries and changes as one source, in the order of time."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from producers.platform.metric_tables import (
    NAMES,
    VALUES,
    LongMetrics,
    StackedMetrics,
    WideMetrics,
    is_stacked,
)
from producers.platform.query_tables import ChangeTable, QueryTable, is_changes, is_queries
from producers.platform.records import PlatformRecords, Record
from producers.platform.wire_files import WireFile, is_wire
from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import opened
from stream_app.tables.csv_file import CsvTable
from stream_app.tables.file_table import FileTable
from stream_app.tables.files import find_tables
from stream_app.tables.format import FileFormat
from stream_app.tables.json_file import JsonDocument, JsonLines
from stream_app.tables.left_out import LeftOut
from stream_app.tables.long import LongTable
from stream_app.tables.table import READ_ERRORS, TableFile, first_rows, unreadable

__all__ = ["PlatformFiles"]

MAX_FILES = 200
"""Files that are read side by side."""


class _Part(Protocol):
    def records(self) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class PlatformFiles:
    """Files of a platform, read side by side: what is in them comes in the order of time.

    Make it with `PlatformFiles.find`. Which of these a file holds is found out by its first rows:

    - metrics, a sample a row: columns of time, name and value, all others are labels;
    - metrics, a column a series, with one line of names or several;
    - queries: columns as in Trino's ``system.runtime.queries``;
    - changes: columns of time, kind, what, version and nodes;
    - records, an object a line: samples, Trino's events, changes.

    Tables are in memory and sorted by time, records are read line by line.

    Parameters
    ----------
    platform : str
        Name of the source.
    parts : tuple
        One a file.
    identity : str
        All files, with their sizes and times of change.
    left : LeftOut
        Rows that are no records.
    """

    platform: str
    parts: tuple[_Part, ...]
    identity: str
    left: LeftOut

    @classmethod
    def find(
        cls, paths: Sequence[str], platform: str, form: FileFormat, *, time: str | None = None
    ) -> "PlatformFiles":
        """Gather the files that paths, directories and globs name.

        Parameters
        ----------
        paths : sequence of str
        platform : str
            Name of the source.
        form : FileFormat
            What the user says of how they are written.
        time : str or None
            Column with the time of metrics and changes; found if None.

        Raises
        ------
        SourceError
            If one is not there, of no known format, or its columns are in doubt.
        """
        tables = [table for table, _ in find_tables(paths, form)]
        if len(tables) > MAX_FILES:
            raise SourceError(
                f"{len(tables)} files; at most {MAX_FILES} are read side by side: join those of metrics first"
            )
        left = LeftOut()
        parts = tuple(_part(table, form, left, time) for table in tables)
        identity = "\n".join(table.version for table in tables)
        return cls(platform, parts, f"{identity}\n{form} {time} as {platform}", left)

    @property
    def total(self) -> int | None:
        """How many records there are is not known before all were read."""
        return None

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of the rows read so far were no records, by reason and first place."""
        return self.left.summary

    def batches(self) -> Iterator[PlatformRecords]:
        """Read all files side by side.

        Raises
        ------
        SourceError
            If one cannot be read, or no row of all is a record.
        """
        self.left.clear()
        records = heapq.merge(*(part.records() for part in self.parts), key=lambda record: record.ts)
        return self.left.check(PlatformRecords.batches(self.platform, records))


def _part(table: FileTable | LongTable, form: FileFormat, left: LeftOut, time: str | None) -> _Part:
    """Find out what a file holds."""
    if isinstance(table, LongTable):
        table = table.table
    file = table.file
    if isinstance(file, JsonLines | JsonDocument) and is_wire(_first_line(file)):
        return WireFile(file, left)
    if isinstance(file, CsvTable) and is_stacked(file, form):
        return StackedMetrics(file, form, left)
    sample = first_rows(table).sample
    if is_queries(sample):
        return QueryTable(table, form, left)
    if is_changes(sample):
        return ChangeTable(table, form, left, time)
    there = {column.casefold() for column in sample}
    long = not there.isdisjoint(NAMES) and not there.isdisjoint(VALUES)
    return LongMetrics(table, form, left, time) if long else WideMetrics(table, form, left, time)


def _first_line(file: TableFile) -> bytes:
    try:
        with opened(file.path)[0] as lines:
            return next((line for line in lines if line.strip()), b"").removeprefix(b"\xef\xbb\xbf")
    except READ_ERRORS as error:
        raise unreadable(file.path, error) from None
