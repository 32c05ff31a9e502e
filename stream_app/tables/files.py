"""The files that paths, directories and globs name, in natural order of their names, each with its reader.

What is in a file tells its format, not its ending; endings only choose what is read of a directory.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from glob import glob, has_magic
from os.path import commonpath
from pathlib import Path
from zipfile import BadZipFile

from stream_app.errors import SourceError
from stream_app.tables.arrow_file import FeatherTable, ParquetTable
from stream_app.tables.bounded_lines import opened
from stream_app.tables.compression import COMPRESSED, compression_of
from stream_app.tables.csv_file import CsvTable
from stream_app.tables.encoding import HEAD_BYTES
from stream_app.tables.excel_file import ExcelTable, is_excel
from stream_app.tables.file_table import FileTable
from stream_app.tables.format import FileFormat
from stream_app.tables.json_file import JsonDocument, JsonLines, is_lines
from stream_app.tables.long import LongTable
from stream_app.tables.table import READ_ERRORS, TableFile, unreadable

__all__ = ["ENDINGS", "distinct_names", "find_tables"]

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".feather", ".arrow", ".dat")
"""Endings of files that are read of a directory, also with one of a compression behind them."""

_NAMED = (".json", ".txt", ".xlsx", ".log")
"""Endings of files that are read if they are named: in a directory they are more often something else."""


_BINARY: dict[bytes, Callable[[Path], TableFile]] = {b"PAR1": ParquetTable, b"ARROW1": FeatherTable}
"""Readers of binary files by their first bytes."""


def find_tables(
    paths: Sequence[str], said: FileFormat | None = None
) -> list[tuple[FileTable | LongTable, str]]:
    """Gather the files that paths, directories and globs name, each with a name for what is in it.

    Parameters
    ----------
    paths : sequence of str
    said : FileFormat, optional
        What the user says of how they are written.

    Raises
    ------
    SourceError
        When a path is not there, cannot be read or has an unknown format, or a directory holds no table.
    """
    form = said or FileFormat()
    found = [pair for path in paths for pair in _expand(path)]
    if not found:
        raise SourceError("no file to read")
    tables = [(FileTable(_reader(file, form), form), name) for file, name in found]
    if form.long is None:
        return [*tables]
    return [(LongTable(table, form.long), name) for table, name in tables]


def _reader(path: Path, said: FileFormat) -> TableFile:
    """Choose the reader of a file by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if compression_of(head) == "zip" and is_excel(file):
                return ExcelTable(path)
        binary = next((reader for begin, reader in _BINARY.items() if head.startswith(begin)), None)
        # An ending may say of an empty or damaged file what it should have been.
        if binary is not None or path.suffix.casefold() == ".parquet":
            return (binary or ParquetTable)(path)
        if path.suffix.casefold() in COMPRESSED and compression_of(head) is None:
            raise SourceError(f"{path}: damaged: it is not compressed as its name says")
        with opened(path)[0] as text:
            return _text_reader(path, text.peek(HEAD_BYTES), said)
    except (BadZipFile, NotImplementedError):
        raise SourceError(f"{path}: damaged: no archive of zip") from None
    except READ_ERRORS as error:
        raise unreadable(path, error) from None


def _text_reader(path: Path, head: bytes, said: FileFormat) -> TableFile:
    """Choose the reader of a file of text."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begin == b"<":
        raise SourceError(
            f"{path}: unknown format; it looks like XML or HTML, and CSV, JSON or Parquet is expected"
        )
    if begin == b"{" or (begin == b"[" and _ending(path).startswith((".json", ".ndjson"))):
        return JsonLines(path) if is_lines(head) else JsonDocument(path)
    if _ending(path).startswith(".tsv") and said.delimiter is None:
        said = replace(said, delimiter="\t")
    return CsvTable(path, said)


def _ending(file: Path) -> str:
    """Return the ending that tells the format, with that of a compression."""
    endings = file.suffixes[-2:] if file.suffix.casefold() in COMPRESSED else file.suffixes[-1:]
    return "".join(endings).casefold()


def _bare(file: Path) -> Path:
    """Return the path without that ending, where it is one of a table."""
    ending = _ending(file)
    table = "".join(Path(f"a{ending}").suffixes[:1])
    if table not in {*ENDINGS, *_NAMED, *COMPRESSED}:
        ending = file.suffix if file.suffix.casefold() in COMPRESSED else ""
    return file.with_name(file.name[: len(file.name) - len(ending)])


def _is_table(file: Path) -> bool:
    ending = _ending(file)
    return ending in ENDINGS or ending.startswith(tuple(f"{one}." for one in ENDINGS))


def _expand(path: str) -> list[tuple[Path, str]]:
    """Return each file with the name of its source."""
    given = Path(path)
    if given.is_dir():
        inside = (file for file in given.rglob("*") if file.is_file() and _is_table(file))
        found = [(file, _bare(file.relative_to(given)).as_posix()) for file in inside]
        if not found:
            raise SourceError(f"{path}: no file that ends in {' '.join(ENDINGS)} in this directory")
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
