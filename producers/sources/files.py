"""Files, directories and globs as one source: file after file, in natural order of their names."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from os.path import commonpath
from pathlib import Path
from typing import Generic, TypeVar

from producers.batch import Readings, Source
from producers.sources.columns import Columns
from producers.sources.csv_file import CsvTable
from producers.sources.jsonl_file import JsonlTable
from producers.sources.parquet_file import ParquetTable
from producers.sources.table import TableFile, TableSource
from stream_app.errors import SourceError

__all__ = ["FORMATS", "Files", "Several", "find_tables"]

One = TypeVar("One", bound=Source)

FORMATS: dict[str, Callable[[Path, str | None], TableFile]] = {
    ".csv": CsvTable,
    ".csv.gz": CsvTable,
    ".tsv": lambda path, delimiter: CsvTable(path, delimiter or "\t"),
    ".tsv.gz": lambda path, delimiter: CsvTable(path, delimiter or "\t"),
    ".jsonl": lambda path, _: JsonlTable(path),
    ".jsonl.gz": lambda path, _: JsonlTable(path),
    ".ndjson": lambda path, _: JsonlTable(path),
    ".ndjson.gz": lambda path, _: JsonlTable(path),
    ".parquet": lambda path, _: ParquetTable(path),
}
"""Reader of each format, by the file's ending."""

TEXT = ".txt"
"""Ending of a table only where the file itself is named: in a directory it is more often something to read."""


@dataclass(frozen=True, slots=True)
class Several(Generic[One]):
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
class Files(Several[TableSource]):
    """Several files, replayed one after another.

    Each file is a source of its own, named after the file (below the given directory), unless a column or
    ``--source`` says otherwise.

    Parameters
    ----------
    tables : tuple of TableSource

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
        found = find_tables(paths, columns.delimiter)
        return cls(tuple(TableSource(table, columns, name) for table, name in found))

    def batches(self) -> Iterator[Readings]:
        """Read file after file."""
        for table in self.tables:
            yield from table.batches()


def find_tables(paths: Sequence[str], delimiter: str | None) -> list[tuple[TableFile, str]]:
    """Gather the files that paths, directories and globs name, each with a name for what is in it.

    Raises
    ------
    SourceError
        When a path is not there, has an unknown ending, or holds no file of a known format.
    """
    tables = []
    for path in paths:
        for file, name in _expand(path):
            ending = _ending(file)
            reader = CsvTable if ending == TEXT else FORMATS.get(ending)
            if reader is None:
                raise SourceError(f"{file}: unknown format; expected one of {' '.join(FORMATS)}")
            tables.append((reader(file, delimiter), name))
    if not tables:
        raise SourceError("no file to replay")
    return tables


def _ending(file: Path) -> str:
    """Return the ending that tells the format, with the one of compression."""
    endings = file.suffixes[-2:] if file.suffix.casefold() == ".gz" else file.suffixes[-1:]
    return "".join(endings).casefold()


def _bare(file: Path) -> Path:
    """Return the path without that ending."""
    return file.with_name(file.name[: len(file.name) - len(_ending(file))])


def _expand(path: str) -> list[tuple[Path, str]]:
    """Return each file with the name of its source."""
    given = Path(path)
    if given.is_dir():
        inside = (file for file in given.rglob("*") if file.is_file() and _ending(file) in FORMATS)
        found = [(file, _bare(file.relative_to(given)).as_posix()) for file in inside]
        if not found:
            raise SourceError(f"{path}: no file that ends in {' '.join(FORMATS)} in this directory")
    elif given.is_file():
        found = [(given, _bare(given).name)]
    elif has_magic(path):
        # Path.glob takes no absolute patterns.
        matching = [Path(name) for name in glob(path, recursive=True) if Path(name).is_file()]  # noqa: PTH207
        if not matching:
            raise SourceError(f"{path}: no file matches")
        base = commonpath([file.parent.absolute() for file in matching])
        found = [(file, _bare(file.absolute().relative_to(base)).as_posix()) for file in matching]
    else:
        raise SourceError(f"{path}: no such file or directory")
    return sorted(found, key=lambda pair: _natural(str(pair[0])))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts 2.csv before 10.csv."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
