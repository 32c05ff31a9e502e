"""A table of any format as a source of readings: columns are given their meaning, cells are read."""

import gzip
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
import numpy.typing as npt

from producers.batch import Readings, as_labels
from producers.sources import cells
from producers.sources.columns import Columns, Layout, find_layout
from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME

__all__ = [
    "BLOCK",
    "READ_ERRORS",
    "Block",
    "Table",
    "TableFile",
    "TableSource",
    "count_lines",
    "first_rows",
    "opened",
    "unreadable",
]

READ_ERRORS = (OSError, EOFError, zlib.error, UnicodeDecodeError)
"""What reading a file, compressed or not, can end with."""

BLOCK = 4096
"""Rows read at a time."""

SAMPLE = 100
"""Rows at the beginning that tell what the columns mean."""

FIRST = 1_700_000_000.0
"""Event time of the first row where rows are counted, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as the file has them.

    Parameters
    ----------
    columns : mapping of column to its cells
        Text, numbers or None, all of one length.
    lines : sequence of int
        Line (or row) of the file of each row, counted from 1.
    labels : frozenset of str
        Columns that the format itself marks as ground truth.
    """

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    labels: frozenset[str] = field(default=frozenset())

    def column(self, name: str) -> Sequence[Any]:
        """Return the cells of a column, None where the block has not got it."""
        return self.columns.get(name) or [None] * len(self.lines)

    @property
    def sample(self) -> dict[str, Sequence[Any]]:
        """The first cells of each column, which tell what it means."""
        return {name: column[:SAMPLE] for name, column in self.columns.items()}


class Table(Protocol):
    """Rows with named columns: a file, or a frame in memory."""

    @property
    def label(self) -> str:
        """What the table is called in messages."""

    @property
    def version(self) -> str:
        """What names the content: another one where that changes."""

    def place(self, line: int) -> str:
        """Say for a message where a row stands; `line` is one of `Block.lines`."""

    def blocks(self, size: int) -> Iterator[Block]:
        """Read the rows from the beginning, at most `size` at a time."""

    def count(self) -> int | None:
        """Count the rows without reading them; for showing progress, so it need not be exact."""


@dataclass(frozen=True, slots=True)
class TableFile(ABC):
    """A file of rows; one short file a format."""

    path: Path

    @property
    def label(self) -> str:
        """The path, as it was given."""
        return str(self.path)

    @property
    def version(self) -> str:
        """The path, the size, and when the file was last changed.

        Raises
        ------
        SourceError
            When it cannot be looked at.
        """
        try:
            stat = self.path.stat()
        except OSError as error:
            raise SourceError(f"{self.path}: {error.strerror}") from None
        return f"{self.path.resolve()} {stat.st_size} {stat.st_mtime_ns}"

    def place(self, line: int) -> str:
        """Name the file and the line."""
        return f"{self.path}:{line}"

    @abstractmethod
    def blocks(self, size: int) -> Iterator[Block]:
        """Read the file from its beginning, at most `size` rows at a time."""

    @abstractmethod
    def count(self) -> int | None:
        """Count the rows without reading them; for showing progress, so it need not be exact."""


def first_rows(table: Table) -> Block:
    """Read the rows that tell what the columns mean.

    Raises
    ------
    SourceError
        When the file cannot be read, or has no rows.
    """
    first = next(table.blocks(SAMPLE), None)
    if first is None:
        raise SourceError(f"{table.label}: no rows")
    return first


@dataclass(frozen=True, slots=True)
class TableSource:
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

    def batches(self) -> Iterator[Readings]:
        """Read from the beginning."""
        for _, readings in self.pairs():
            yield readings

    def pairs(self) -> Iterator[tuple[Block, Readings]]:
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
        said = self.columns
        if block.labels and not said.labels:
            said = replace(said, labels=tuple(sorted(block.labels)))
        return find_layout(said, block.sample, self.table.label)

    def _readings(self, block: Block, layout: Layout, before: int) -> Readings:
        n = len(block.lines)

        def where(row: int) -> str:
            return self.table.place(block.lines[row])

        if layout.time is None:
            ts = FIRST + np.arange(before, before + n, dtype=np.float64) * (self.columns.period or 1.0)
        else:
            ts = cells.times(block.column(layout.time), layout.time, where)
        if layout.source is None:
            names: tuple[str, ...] = (self.columns.name or self.name,)
            source = np.zeros(n, dtype=np.int64)
        else:
            names, source = _sources(block.column(layout.source), layout.source, where)
        values = np.empty((n, len(layout.channels)))
        for i, name in enumerate(layout.channels):
            values[:, i] = cells.numbers(block.column(name), name, where)
        truth = {
            name.removeprefix("labels."): as_labels(cells.labels(block.column(name), name, where))
            for name in layout.labels
        }
        return Readings(names, source, ts, layout.channels, values, truth)


def _sources(
    column: Sequence[Any], name: str, where: cells.Where
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Give a number to the names of sources in order of their first row."""
    seen: dict[str, int] = {}
    codes = np.empty(len(column), dtype=np.int64)
    for row, cell in enumerate(column):
        if cells.is_missing(cell):
            raise SourceError(f"{where(row)}: column {name!r}: the source is missing")
        text = str(cell).strip()
        if len(text) > MAX_NAME:
            raise SourceError(
                f"{where(row)}: column {name!r}: the source has more than {MAX_NAME} characters"
            )
        codes[row] = seen.setdefault(text, len(seen))
    return tuple(seen), codes


def opened(path: Path) -> BinaryIO:
    """Open a file of text, which may be compressed: then its name ends in ``.gz``."""
    return cast("BinaryIO", gzip.open(path)) if path.suffix.casefold() == ".gz" else path.open("rb")


def unreadable(path: Path, error: Exception) -> SourceError:
    """Say why a file cannot be read; for `READ_ERRORS`."""
    if isinstance(error, UnicodeDecodeError):
        reason = "not UTF-8 text"
    elif isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    else:
        reason = f"damaged: {error}"
    return SourceError(f"{path}: {reason}")


def count_lines(path: Path) -> int:
    """Count the lines of a file, reading it in large pieces.

    Raises
    ------
    SourceError
        When the file cannot be read.
    """
    try:
        with opened(path) as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    except READ_ERRORS as error:
        raise unreadable(path, error) from None
