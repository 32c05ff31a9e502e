"""CSV files, also those of SKAB (``;`` between cells, ground truth in ``anomaly`` and ``changepoint``)."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import TextIO

from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, BoundedLines, opened, opened_text
from stream_app.tables.compression import compression_at
from stream_app.tables.csv_head import Head, find_head
from stream_app.tables.encoding import HEAD_BYTES, encoding_of
from stream_app.tables.format import AS_FOUND, FileFormat
from stream_app.tables.table import (
    READ_ERRORS,
    About,
    Block,
    TableFile,
    count_lines,
    unreadable,
    without_broken,
)

__all__ = ["CsvTable"]

_AT_ONCE = 32
"""Rows between two looks at how long they are."""

_LOOK, _LOOK_BYTES = 60, 1 << 20
"""Lines at the beginning that tell delimiter, titles and names, and their most letters."""


@dataclass(frozen=True, slots=True)
class CsvTable(TableFile):
    """A CSV file.

    Parameters
    ----------
    path : Path
    format : FileFormat
        What the user says of it.
    """

    format: FileFormat = AS_FOUND

    @property
    def head(self) -> Head:
        """What stands above the rows.

        Raises
        ------
        SourceError
            When the file cannot be read, or is no table.
        """
        try:
            with opened_text(self.path, self.format.encoding)[0] as file:
                return self._head(file)[0]
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from None

    @property
    def about(self) -> About:
        """Encoding, delimiter, units, and what stands above the table."""
        head = self.head
        with opened(self.path)[0] as file:
            encoding, guessed = encoding_of(file.peek(HEAD_BYTES))
        if self.format.encoding is not None:
            encoding, guessed = self.format.encoding, False
        words = {"\t": "tabs", " ": "blanks"}
        packed = compression_at(self.path)
        parts = [
            "CSV",
            *([packed] if packed else []),
            encoding.upper(),
            f"{words.get(head.delimiter, repr(head.delimiter))} between cells",
        ]
        notes = []
        if guessed:
            notes.append(f"the encoding {encoding} is guessed: --encoding names another one")
        if head.titles:
            notes.append(f"lines above the names of the columns, passed over: {head.titles}")
        if not head.named:
            notes.append("no line names the columns: they are called by their place")
        notes += [
            f"several columns are called {name!r}: each has its number behind it" for name in head.repeated
        ]
        return About(", ".join(parts), head.units, tuple(notes))

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time; empty lines and comments are passed over.

        Rows with more or fewer cells than the header are broken lines of their block.
        """
        try:
            text, below = opened_text(self.path, self.format.encoding)
            with text as file:
                head, rest = self._head(file)
                yield from without_broken(self._read(rest, below, head, size), self.place)
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from None

    def count(self) -> int | None:
        """Count the lines after the header."""
        return max(count_lines(self.path) - 1, 0)

    def _head(self, file: TextIO) -> tuple[Head, Iterator[str]]:
        """Read what stands above the rows; returns the lines below it, too."""
        lines: list[str] = []
        while len(lines) < _LOOK and sum(map(len, lines)) < _LOOK_BYTES and (line := next(file, None)):
            lines.append(line)
        try:
            head = find_head(lines, str(self.path), self.format.delimiter, header=self.format.header)
        except csv.Error as error:
            raise SourceError(f"{self.path}: in the first lines: {error}; is it a table at all?") from None
        return head, chain(lines[head.first :], file)

    def _read(self, text: Iterator[str], below: BoundedLines, head: Head, size: int) -> Iterator[Block]:
        reader = _Blanks(text) if head.delimiter == " " else csv.reader(text, delimiter=head.delimiter)
        names = list(head.names)
        try:
            before = reader.line_num
            # In slices, because a loop over rows takes as long as reading them.
            while rows := _rows(reader, below, size):
                lines = _lines(rows, before, reader.line_num, head.first)
                broken: list[tuple[int, str]] = []
                if set(map(len, rows)) != {len(names)}:
                    rows, lines, broken = _checked(rows, lines, len(names))
                columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
                yield Block(columns, lines, broken=broken)
                before = reader.line_num
        except csv.Error as error:
            line = head.first + reader.line_num
            raise SourceError(f"{self.path}:{line}: {error}; is it a table at all?") from None


def _checked(
    rows: list[list[str]], lines: Sequence[int], width: int
) -> tuple[list[list[str]], Sequence[int], list[tuple[int, str]]]:
    """Pass over empty lines and comments, and over what ends in one more delimiter than the header; returns broken lines, too."""
    kept, broken = [], []
    for row, line in zip(rows, lines, strict=True):
        if not row or (len(row) != width and row[0].lstrip().startswith("#")):
            continue
        if len(row) == width + 1 and not row[-1].strip():
            del row[-1]
        if len(row) == width:
            kept.append((row, line))
        else:
            broken.append((line, f"{len(row)} cells, but the header has {width}"))
    return [row for row, _ in kept], [line for _, line in kept], broken


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


def _lines(rows: list[list[str]], before: int, last: int, above: int) -> Sequence[int]:
    """Return the line at which each row ends; `above` stand before the first row of all."""
    if last - before == len(rows):
        return range(above + before + 1, above + last + 1)
    breaks = ["\0".join(row).replace("\r\n", "\n").replace("\r", "\n").count("\n") for row in rows]
    return [above + before + line for line in accumulate(1 + more for more in breaks)]
