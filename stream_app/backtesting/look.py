"""What is in a table, column by column, and how its rows lie in time: a function of the table alone."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from stream_app.backtesting.understood import Understood, left_out_notes, understand
from stream_app.core.arrays import FloatArray, IntArray
from stream_app.tables import InputTable
from stream_app.tables.cells import is_missing, is_number

__all__ = ["ColumnLook", "Meaning", "TableLook", "look_at"]

Meaning = Literal["time", "source", "channel", "truth", "left out"]

_MOST_DISTINCT = 10_000
"""Different texts of a column that are counted."""

_UNIT = re.compile(r"[\[(]\s*([^\])]{1,16}?)\s*[\])]\s*$")
"""A unit at the end of a name: ``flow [m3/h]``, ``temperature (°C)``."""


@dataclass(slots=True)
class ColumnLook:
    """What is in a column.

    Parameters
    ----------
    name : str
    meaning : {'time', 'source', 'channel', 'truth', 'left out'}
    rows : int
        All rows.
    numbers : int
        Cells that are numbers.
    missing : Counter of str
        Cells that say nothing, by how they are written.
    first, last : str
        First and last cell that says something.
    low, high : float
        Range of the numbers; infinite where there is none.
    texts : set of str
        Different texts, up to 10,000.
    """

    name: str
    meaning: Meaning
    rows: int = 0
    numbers: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    first: str = ""
    last: str = ""
    low: float = np.inf
    high: float = -np.inf
    texts: set[str] = field(default_factory=set)

    def update(self, cells: Sequence[Any]) -> None:
        """Take the next cells."""
        self.rows += len(cells)
        self.first = self.first or next((str(cell) for cell in cells if not is_missing(cell)), "")
        self.last = next((str(cell) for cell in reversed(cells) if not is_missing(cell)), self.last)
        try:
            found = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
        except (TypeError, ValueError, OverflowError):
            self._update_each(cells)
            return
        if np.isnan(found).any():
            self._update_each(cells)
        elif self.meaning != "time":
            self._note(float(found.min()), float(found.max()), len(found))

    def _update_each(self, cells: Sequence[Any]) -> None:
        # Cells that are written alike are looked at once.
        for text, count in Counter("" if cell is None else str(cell).strip() for cell in cells).items():
            if is_missing(text):
                self.missing[text] += count
            elif self.meaning == "time":
                continue
            elif is_number(text):
                self._note(float(text), float(text), count)
            elif len(self.texts) < _MOST_DISTINCT:
                self.texts.add(text)

    def _note(self, low: float, high: float, count: int) -> None:
        self.low, self.high, self.numbers = min(self.low, low), max(self.high, high), self.numbers + count

    @property
    def kind(self) -> str:
        """What the cells are: time, number, text, number and text, or nothing."""
        if self.meaning == "time":
            return "time"
        texts = self.rows - self.numbers - self.missing.total()
        names = [name for name, count in (("number", self.numbers), ("text", texts)) if count]
        return " and ".join(names) or "nothing"


@dataclass(frozen=True, slots=True)
class TableLook:
    """What is in a table.

    Parameters
    ----------
    label : str
        What it is called in messages.
    understood : Understood
        What its columns are taken for.
    columns : tuple of ColumnLook
        In the order of the table.
    sources : mapping of str to int
        Rows of each source.
    first, last : float
        Oldest and newest event time, in epoch seconds.
    period : float or None
        Usual distance of the rows of a source in seconds; None where none has two.
    same_time : int
        Rows with the source and time of another.
    repeated : int
        Those of them that have its readings, too.
    late : int
        Rows that are older than the newest before them of their source.
    latest : float
        By how many seconds at most.
    left_out : sequence of str
        What was left out while it was read, such as cells that are no numbers.
    """

    label: str
    understood: Understood
    columns: tuple[ColumnLook, ...]
    sources: Mapping[str, int]
    first: float
    last: float
    period: float | None
    same_time: int
    repeated: int
    late: int
    latest: float
    left_out: Sequence[str]

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.sources.values())

    @property
    def units(self) -> dict[str, str]:
        """Units of channels: those that the table says, else those at the end of their names, in brackets."""
        named = {name: found[1] for name in self.channels if (found := _UNIT.search(name))}
        return named | dict(self.understood.units)

    @property
    def channels(self) -> tuple[str, ...]:
        """Columns to watch."""
        return self.understood.channels


def look_at(table: InputTable) -> TableLook:
    """Read a table from beginning to end and say what is in it.

    Raises
    ------
    SourceError
        If it cannot be read, or a cell makes no sense.
    """
    understood = understand(table)
    columns: dict[str, ColumnLook] = {}
    codes: dict[str, int] = {}
    times: list[FloatArray] = []
    sources: list[IntArray] = []
    marks: list[FloatArray] = []
    for block, rows in table.source.pairs():
        for name, cells in block.columns.items():
            columns.setdefault(name, ColumnLook(name, _meaning(name, understood))).update(cells)
        times.append(rows.ts)
        here = np.array([codes.setdefault(name, len(codes)) for name in rows.names])
        sources.append(here[rows.source])
        marks.append(_marks(rows.values))
    ts, source, mark = np.concatenate(times), np.concatenate(sources), np.concatenate(marks)
    late, latest = _late(ts, source)
    order = np.lexsort((mark, ts, source))
    ts, source, mark = ts[order], source[order], mark[order]
    steps, same_source = np.diff(ts), np.diff(source) == 0
    same_time = same_source & (steps == 0.0)
    apart = steps[same_source & (steps > 0.0)]
    return TableLook(
        table.label,
        understood,
        tuple(columns.values()),
        dict(zip(codes, np.bincount(source).tolist(), strict=True)),
        float(ts.min()),
        float(ts.max()),
        float(np.median(apart)) if len(apart) else None,
        int(same_time.sum()),
        int((same_time & (np.diff(mark) == 0.0)).sum()),
        late,
        latest,
        left_out_notes([table]),
    )


def _meaning(name: str, understood: Understood) -> Meaning:
    if name == understood.time:
        return "time"
    if name == understood.source:
        return "source"
    if name in understood.channels:
        return "channel"
    return "truth" if name in understood.truth else "left out"


def _marks(values: FloatArray) -> FloatArray:
    """Return a number for the readings of each row; equal rows have equal ones, and others hardly ever."""
    weights = np.sqrt(np.arange(2.0, values.shape[1] + 2.0))
    found: FloatArray = np.where(np.isfinite(values), values, -1.2345e9) @ weights
    return found


def _late(ts: FloatArray, source: IntArray) -> tuple[int, float]:
    """Return how many rows are older than the newest before them of their source, and by how much at most."""
    behind = np.zeros(len(ts))
    order = np.argsort(source, kind="stable")
    edges = np.flatnonzero(np.diff(source[order])) + 1
    for mine in np.split(order, edges):
        behind[mine] = np.maximum.accumulate(ts[mine]) - ts[mine]
    return int((behind > 0.0).sum()), float(behind.max(initial=0.0))
