"""CSV files, also those of SKAB (``;`` between cells, ground truth in ``anomaly`` and ``changepoint``)."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import accumulate, islice
from typing import TextIO

from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, BoundedLines, opened
from stream_app.tables.table import READ_ERRORS, Block, TableFile, count_lines, unreadable

__all__ = ["CsvTable", "find_delimiter"]

_AT_ONCE = 64
"""Rows between two looks at how long they are."""

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class CsvTable(TableFile):
    """A CSV file with a header line.

    Parameters
    ----------
    path : Path
    delimiter : str or None
        Found in the first lines when None. A blank stands for any number of them.
    """

    delimiter: str | None = None

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time; empty lines are passed over."""
        try:
            buffered, below = opened(self.path)
            with TextIOWrapper(buffered, encoding="utf-8-sig", newline="") as file:
                delimiter = self.delimiter or find_delimiter(list(islice(file, 20)), str(self.path))
                file.seek(0)
                yield from self._read(file, below, delimiter, size)
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from None

    def count(self) -> int | None:
        """Count the lines after the header."""
        return max(count_lines(self.path) - 1, 0)

    def _read(self, file: TextIO, below: BoundedLines, delimiter: str, size: int) -> Iterator[Block]:
        reader = _Blanks(file) if delimiter == " " else csv.reader(file, delimiter=delimiter)
        try:
            header = [name.strip() for name in next(reader, [])]
            self._check(header)
            before = reader.line_num
            # In slices, because a loop over rows takes as long as reading them.
            while rows := _rows(reader, below, size):
                lines = _lines(rows, before, reader.line_num)
                if set(map(len, rows)) != {len(header)}:
                    lines = [line for line, row in zip(lines, rows, strict=True) if row]
                    rows = [row for row in rows if row]
                    self._check_widths(rows, lines, len(header))
                if rows:
                    yield _block(header, rows, lines)
                before = reader.line_num
        except csv.Error as error:
            raise SourceError(f"{self.path}:{reader.line_num}: {error}") from None

    def _check_widths(self, rows: list[list[str]], lines: Sequence[int], width: int) -> None:
        for row, line in zip(rows, lines, strict=True):
            if len(row) != width:
                raise SourceError(f"{self.path}:{line}: {len(row)} cells, but the header has {width}")

    def _check(self, header: list[str]) -> None:
        if not header:
            raise SourceError(f"{self.path}: empty; a header line is expected")
        twice = {name for name, times in Counter(header).items() if times > 1}
        if twice:
            raise SourceError(f"{self.path}:1: the header has {min(twice)!r} twice")


def _rows(reader: Iterator[list[str]], below: BoundedLines, size: int) -> list[list[str]]:
    """Read at most `size` rows, and fewer where they are long."""
    rows: list[list[str]] = []
    most = below.bytes + BLOCK_BYTES
    while len(rows) < size and below.bytes <= most:
        some = list(islice(reader, min(_AT_ONCE, size - len(rows))))
        rows += some
        if not some:
            break
    return rows


class _Blanks:
    """Rows of words, in the manner of ``csv.reader``."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self.line_num += 1
        return next(self._lines).split()


def _lines(rows: list[list[str]], before: int, last: int) -> Sequence[int]:
    """Return the line at which each row ends."""
    if last - before == len(rows):
        return range(before + 1, last + 1)
    breaks = ["\0".join(row).replace("\r\n", "\n").replace("\r", "\n").count("\n") for row in rows]
    return [before + line for line in accumulate(1 + more for more in breaks)]


def _block(header: list[str], rows: list[list[str]], lines: Sequence[int]) -> Block:
    return Block(dict(zip(header, zip(*rows, strict=True), strict=True)), lines)


def _widths(lines: list[str], delimiter: str) -> set[int]:
    """Return into how many cells a delimiter cuts the lines; nothing where it leaves a cell that is too long to be one."""
    try:
        return {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
    except csv.Error:
        return set()


def find_delimiter(lines: list[str], file: str) -> str:
    """Return the delimiter that cuts the header and the lines after it into the same number of cells.

    Raises
    ------
    SourceError
        When none does, or more than one.

    Examples
    --------
    >>> find_delimiter(["time;flow;level", "1;2,5;3,5"], "a.csv")
    ';'
    """
    # The last line of the sample may be cut inside quotes; the rest decides.
    sample = [line for line in (lines[:-1] if len(lines) > 2 else lines) if line.strip()]
    fitting = []
    for delimiter in DELIMITERS:
        widths = _widths(sample, delimiter)
        if len(widths) == 1 and widths.pop() > 1:
            fitting.append(delimiter)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise SourceError(f"{file}: {' and '.join(map(repr, fitting))} both fit; choose with --delimiter")
    # Ragged rows, say: the header alone may still leave no doubt, and the row with too few cells is named later.
    inside = [d for d in DELIMITERS if sample and d in sample[0]]
    if len(inside) == 1:
        return inside[0]
    if not inside and len(words := {len(line.split()) for line in sample}) == 1 and words.pop() > 1:
        return " "
    raise SourceError(
        f"{file}: found no delimiter among , ; tab | blanks in the header; say it with --delimiter"
    )
