"""Files, directories and globs as one source: file after file, in natural order of their names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from producers.batch import Readings
from stream_app.tables.files import find_tables
from stream_app.tables.layout import Columns
from stream_app.tables.left_out import LeftOut
from stream_app.tables.readings import ReadingTable

__all__ = ["FileGroup", "Files", "SelectiveGroup"]


class _Part(Protocol):
    """One of several files."""

    @property
    def total(self) -> int | None: ...

    @property
    def identity(self) -> str: ...


One = TypeVar("One", bound=_Part)


@dataclass(frozen=True, slots=True)
class FileGroup(Generic[One]):
    """What several files are together, whatever is in them.

    Parameters
    ----------
    tables : tuple of Source
        One a file.
    """

    tables: tuple[One, ...]

    @property
    def total(self) -> int | None:
        """How many rows all files have; those that will be left out are among them."""
        counts = [table.total for table in self.tables]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def identity(self) -> str:
        """All files with their sizes and times of change."""
        return "\n".join(table.identity for table in self.tables)


@dataclass(frozen=True, slots=True)
class SelectiveGroup(FileGroup[One]):
    """Several files whose rows are left out where they are no events.

    Parameters
    ----------
    tables : tuple of Source
        One a file.
    left : LeftOut
        The rows of all of them that are no events.
    """

    left: LeftOut

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of the rows read so far were no events, by reason and first place."""
        return self.left.summary


@dataclass(frozen=True, slots=True)
class Files(SelectiveGroup[ReadingTable]):
    """Several files, replayed one after another.

    Each file is a source of its own, named after the file (below the given directory), unless a column or
    ``--source`` says otherwise.

    Parameters
    ----------
    tables : tuple of ReadingTable
    left : LeftOut
        Their rows without a time, and their cells that are no numbers.

    Examples
    --------
    >>> Files.find(["no/such.csv"], Columns())
    Traceback (most recent call last):
    stream_app.errors.SourceError: no/such.csv: no such file or directory
    """

    @classmethod
    def find(cls, paths: Sequence[str], columns: Columns) -> "Files":
        """Gather the files that paths, directories and globs name.

        Raises
        ------
        SourceError
            When a path is not there, has an unknown ending, or holds no file of a known format.
        """
        left = LeftOut()
        found = find_tables(paths, columns.format)
        return cls(tuple(ReadingTable(table, columns, name, left) for table, name in found), left)

    def batches(self) -> Iterator[Readings]:
        """Read file after file."""
        for table in self.tables:
            for rows in table.batches():
                yield Readings.of_rows(rows)
