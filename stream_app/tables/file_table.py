"""A file as people mean it: date and time of day as one column, numbers as Python writes them, None where nothing was measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from stream_app.errors import SourceError
from stream_app.tables.cells import as_number, is_missing, is_number
from stream_app.tables.columns import listed
from stream_app.tables.format import FileFormat
from stream_app.tables.number_style import NumberStyle, find_styles
from stream_app.tables.table import About, Block, TableFile
from stream_app.tables.time_forms import is_clock, is_date

__all__ = ["FileTable"]

_INDEX = ("column 1", "Unnamed: 0", "__index_level_0__")
"""Names of a column that pandas writes without one."""


_LOOK = 1000
"""Rows that tell how numbers are written: a fraction may come late."""

_EPOCH = 1e8
"""Numbers from here on may be seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What the first rows of a file say of its columns.

    Parameters
    ----------
    pair : tuple of (str, str), or None
        Columns of the date and of the time of day.
    styles : mapping of str to NumberStyle
        How numbers are written, where not as Python writes them.
    dropped : tuple of str
        Columns without content: a number of the row, or nothing at all.
    """

    pair: tuple[str, str] | None
    styles: Mapping[str, NumberStyle]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileTable:
    """A file whose cells are understood as people write them.

    Parameters
    ----------
    file : TableFile
        Reads the cells as they stand.
    format : FileFormat
        What the user says of it.
    """

    file: TableFile
    format: FileFormat
    _found: list[_Meaning] = field(default_factory=list, compare=False, repr=False)

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def label(self) -> str:
        """What the table is called in messages."""
        return self.file.label

    @property
    def version(self) -> str:
        """What names the content."""
        return self.file.version

    def place(self, line: int) -> str:
        """Say for a message where a row stands."""
        return self.file.place(line)

    @property
    def about(self) -> About:
        """What people may want to know of the file."""
        said, meaning = self.file.about, self._meaning()
        styles = {} if meaning is None else meaning.styles
        units = {**said.units, **{name: style.unit for name, style in styles.items() if style.unit}}
        notes = list(said.notes)
        if any(style.decimal == "," for style in styles.values()):
            notes.append("numbers have decimal commas")
        if meaning is not None and meaning.pair is not None:
            notes.append("date and time of day are two columns: " + " and ".join(meaning.pair))
        return About(said.container, units, tuple(notes))

    def count(self) -> int | None:
        """Count the rows without reading them; for showing progress, so it need not be exact."""
        return self.file.count()

    def blocks(self, size: int) -> Iterator[Block]:
        """Read the rows from the beginning, at most `size` at a time."""
        for block in self.file.blocks(size):
            meaning = self._meaning(block if size >= _LOOK else None)
            yield block if meaning is None else self._understood(block, meaning)

    def _meaning(self, block: Block | None = None) -> _Meaning | None:
        """Return what the first rows say, found once; None where there are none."""
        if not self._found:
            first = block or next(self.file.blocks(_LOOK), None)
            if first is None:
                return None
            self._found.append(self._look(first))
        return self._found[0]

    def _look(self, block: Block) -> _Meaning:
        sample = {name: [self._cell(cell) for cell in cells] for name, cells in block.sample.items()}
        # Texts that Python does not read as numbers.
        columns = {name: cells[:_LOOK] for name, cells in block.columns.items()}
        written = {name: cells for name, cells in columns.items() if not _plain(cells)}
        pair = self.format.time_pair or _find_pair(sample)
        for name in self.format.time_pair or ():
            if name not in sample:
                raise SourceError(
                    f"{self.label}: --time-column: no column {name!r}; there is {listed(sample)}"
                )
        index = next((name for name in _INDEX if name in sample and _is_index(sample[name])), None)
        empty = [name for name, cells in sample.items() if name.startswith("column ") and not any(cells)]
        dropped = (*empty, *(() if index is None or index not in list(sample)[:1] else (index,)))
        styles = find_styles(written, self.label, self.format.decimal)
        return _Meaning(pair, styles, dropped)

    def _cell(self, cell: Any) -> Any:
        return None if isinstance(cell, str) and cell.strip() in self.format.missing else cell

    def _understood(self, block: Block, meaning: _Meaning) -> Block:
        columns = dict(block.columns)
        if self.format.missing:
            missing = set(self.format.missing)
            for name, cells in columns.items():
                if not missing.isdisjoint(cells):
                    columns[name] = [self._cell(cell) for cell in cells]
        for name, style in meaning.styles.items():
            if name in columns:
                columns[name] = list(map(style.plain, columns[name]))
        if meaning.pair is not None:
            columns = _joined(columns, meaning.pair)
        for name in meaning.dropped:
            columns.pop(name, None)
        return replace(block, columns=columns)


def _find_pair(sample: Mapping[str, Sequence[Any]]) -> tuple[str, str] | None:
    """Return the one column of dates and the one of times of day, where nothing else is a moment."""
    dates, clocks = [], []
    for name, cells in sample.items():
        texts = [cell for cell in cells if not is_missing(cell)]
        if texts and all(map(is_clock, texts[:20])):
            clocks.append(name)
        elif texts and all(map(is_date, texts[:20])):
            if any(isinstance(text, str) and ":" in text for text in texts[:20]):
                return None
            dates.append(name)
    return (dates[0], clocks[0]) if len(dates) == len(clocks) == 1 else None


def _joined(columns: Mapping[str, Sequence[Any]], pair: tuple[str, str]) -> dict[str, Sequence[Any]]:
    """Put date and time of day into one column, ahead of the others."""
    date, clock = pair
    both = zip(columns.get(date) or (), columns.get(clock) or (), strict=True)
    joined = [None if is_missing(one) else f"{one} {other}".strip() for one, other in both]
    rest = {name: cells for name, cells in columns.items() if name not in pair}
    return {f"{date},{clock}": joined, **rest}


def _plain(cells: Sequence[Any]) -> bool:
    """Whether Python reads all of some cells as numbers."""
    try:
        return bool(list(map(float, cells)))
    except (TypeError, ValueError, OverflowError):
        return False


def _is_index(cells: Sequence[Any]) -> bool:
    """Whether cells count the rows."""
    if len(cells) < 2 or not all(is_number(cell) and not is_missing(cell) for cell in cells):
        return False
    numbers = list(map(as_number, cells))
    return abs(numbers[0]) < _EPOCH and all(after - before == 1.0 for before, after in pairwise(numbers))
