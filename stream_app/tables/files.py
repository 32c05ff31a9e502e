"""The files that paths, directories and globs name, in natural order of their names, each with its reader."""

import re
from collections.abc import Callable, Sequence
from glob import glob, has_magic
from os.path import commonpath
from pathlib import Path

from stream_app.errors import SourceError
from stream_app.tables.csv_file import CsvTable
from stream_app.tables.jsonl_file import JsonlTable
from stream_app.tables.parquet_file import ParquetTable
from stream_app.tables.table import TableFile

__all__ = ["FORMATS", "distinct_names", "find_tables"]

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
        raise SourceError("no file to read")
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


def distinct_names(files: Sequence[tuple[Path, str]]) -> list[str]:
    """Return a name for each file: the given one, with the folder where two are the same, numbered if even so."""
    names = [name for _, name in files]
    longer = [
        f"{path.absolute().parent.name}/{name}" if names.count(name) > 1 else name for path, name in files
    ]
    return [
        name if longer.count(name) == 1 else f"{name}#{longer[: i + 1].count(name)}"
        for i, name in enumerate(longer)
    ]
