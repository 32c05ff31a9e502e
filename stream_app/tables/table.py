"""A table of any format: blocks of rows as they stand, each with its place."""

import lzma
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import opened

__all__ = [
    "BLOCK",
    "COUNTED_TIME",
    "FIRST",
    "READ_ERRORS",
    "About",
    "Block",
    "CountedTable",
    "Table",
    "TableFile",
    "count_lines",
    "first_rows",
    "unreadable",
    "without_broken",
]

READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, BadZipFile, UnicodeError)
"""What reading a file, compressed or not, can end with."""

BLOCK = 4096
"""Rows read at a time."""

SAMPLE = 100
"""Rows at the beginning that tell what the columns mean."""

FIRST = 1_700_000_000.0
"""Event time of the first row where rows are counted, epoch seconds."""


_MOST_BROKEN = 16 * BLOCK
"""Lines that are no rows, one after another; a file that has more of them than rows is read no further."""


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
    broken : sequence of (int, str)
        Lines before or among these rows that are no rows, and why.
    """

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    labels: frozenset[str] = field(default=frozenset())
    broken: Sequence[tuple[int, str]] = ()

    def column(self, name: str) -> Sequence[Any]:
        """Return the cells of a column, None where the block has not got it."""
        return self.columns.get(name) or [None] * len(self.lines)

    def take(self, kept: npt.NDArray[np.bool_]) -> "Block":
        """Return some of the rows."""
        rows = np.flatnonzero(kept).tolist()
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[row] for row in rows])

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
class About:
    """What people may want to know of a file.

    Parameters
    ----------
    container : str
        Its format, with compression, encoding and delimiter where there are such.
    units : mapping of str to str
        Units by column, where it says them.
    notes : tuple of str
        What was guessed or passed over.
    """

    container: str
    units: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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

    @property
    @abstractmethod
    def about(self) -> About:
        """What people may want to know of it."""

    def place(self, line: int) -> str:
        """Name the file and the line."""
        return f"{self.path}:{line}"

    @abstractmethod
    def blocks(self, size: int) -> Iterator[Block]:
        """Read the file from its beginning, at most `size` rows at a time."""

    @abstractmethod
    def count(self) -> int | None:
        """Count the rows without reading them; for showing progress, so it need not be exact."""


COUNTED_TIME = "--period"
"""Name of the column of times that `CountedTable` makes up; no file has one that is called so."""


@dataclass(frozen=True, slots=True)
class CountedTable:
    """A table whose rows get times, so many seconds apart, in the column `COUNTED_TIME`.

    Parameters
    ----------
    table : Table
    period : float
        Seconds between rows.
    """

    table: Table
    period: float

    @property
    def label(self) -> str:
        """What the table is called in messages."""
        return self.table.label

    @property
    def version(self) -> str:
        """What names the content."""
        return f"{self.table.version} {self.period}"

    def place(self, line: int) -> str:
        """Say for a message where a row stands."""
        return self.table.place(line)

    def blocks(self, size: int) -> Iterator[Block]:
        """Read the rows from the beginning, at most `size` at a time."""
        before = 0
        for block in self.table.blocks(size):
            rows = len(block.lines)
            times = [FIRST + self.period * (before + row) for row in range(rows)]
            columns: Mapping[str, Sequence[Any]] = {**block.columns, COUNTED_TIME: times}
            yield replace(block, columns=columns)
            before += rows

    def count(self) -> int | None:
        """Count the rows without reading them."""
        return self.table.count()


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


def without_broken(blocks: Iterable[Block], place: Callable[[int], str]) -> Iterator[Block]:
    """Hand on blocks that have rows, the broken lines of those without any with the next or the last; see that most lines are rows.

    Parameters
    ----------
    blocks : iterable of Block
    place : callable
        Says where a line stands.

    Raises
    ------
    SourceError
        At the end, if more lines were broken than rows taken.
    """
    held: Block | None = None
    pending: list[tuple[int, str]] = []
    first: tuple[int, str] | None = None
    rows = broken = 0
    for block in blocks:
        rows, broken = rows + len(block.lines), broken + len(block.broken)
        if block.broken:
            first = first or block.broken[0]
            pending += block.broken
        if len(pending) > _MOST_BROKEN and broken > rows:
            break
        if not block.lines:
            continue
        if held is not None:
            yield held
        held = replace(block, broken=tuple(pending)) if pending else block
        pending = []
    if held is not None:
        yield replace(held, broken=(*held.broken, *pending)) if pending else held
    if first is not None and broken > rows:
        line, why = first
        raise SourceError(f"{place(line)}: {why}; {broken:,} lines are no rows, and {rows:,} are")


def unreadable(path: Path, error: Exception) -> SourceError:
    """Say why a file cannot be read; for `READ_ERRORS`."""
    if isinstance(error, UnicodeError):
        name = getattr(error, "encoding", "utf-8").upper().replace("UTF8", "UTF-8")
        reason = f"not {name} text; say its encoding with --encoding"
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
        with opened(path)[0] as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    except READ_ERRORS as error:
        raise unreadable(path, error) from None
