"""A table of any format as prediction events: columns are given their meaning, rows that are no events are left out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from producers.predictions.batch import Body, PredictionEvents, as_bodies
from producers.predictions.columns import PredictionColumns, PredictionLayout, find_prediction_layout
from producers.predictions.reader import Reader
from producers.sessions import cells
from producers.sessions.left_out import LeftOut, Sieve
from producers.sources.table import BLOCK, Block, Table, first_rows
from stream_app.events.sensor import MAX_NAME

__all__ = ["PredictionTable"]

_WHAT = frozenset({"prediction", "label", "error"})
_MAX_ERROR = 1024


@dataclass(frozen=True, slots=True)
class PredictionTable:
    """Prediction events of one table; make it with `PredictionTable.open`.

    Parameters
    ----------
    table : Table
    columns : PredictionColumns
        What the user says about its columns.
    name : str
        Model of the rows where neither a column nor `columns` names one, and the beginning of ids.
    left : LeftOut
        Where rows that are no events are counted.
    """

    table: Table
    columns: PredictionColumns
    name: str
    left: LeftOut = field(default_factory=LeftOut)

    @classmethod
    def open(cls, table: Table, said: PredictionColumns, name: str, left: LeftOut) -> "PredictionTable":
        """Look at the first rows to settle what the columns mean.

        Raises
        ------
        SourceError
            When the file cannot be read, has no rows, or a column is missing or in doubt.
        """
        first = first_rows(table)
        found = cls(table, said, name[-MAX_NAME // 2 :], left)
        found.layout(first)
        return found

    @property
    def total(self) -> int | None:
        """How many rows the file has, by its line ends."""
        return self.table.count()

    @property
    def identity(self) -> str:
        """The file, its size, when it was last changed, and the meaning given to its columns."""
        return f"{self.table.version} {self.columns} {self.name}"

    def layout(self, block: Block) -> PredictionLayout:
        """Return what the columns of a block mean."""
        return find_prediction_layout(self.columns, block.sample, self.table.label)

    def batches(self) -> Iterator[PredictionEvents]:
        """Read from the beginning; a batch may be empty."""
        layout: PredictionLayout | None = None
        for block in self.table.blocks(BLOCK):
            if layout is None:
                layout = self.layout(block)
            yield self._events(block, layout)

    def _events(self, block: Block, layout: PredictionLayout) -> PredictionEvents:
        rows = len(block.lines)
        sieve = Sieve(rows, lambda row: self.table.place(block.lines[row]), self.left)
        read = Reader(block, sieve)
        names: tuple[str, ...] = (self.columns.name or self.name,)
        source = np.zeros(rows, dtype=np.int64)
        if layout.source is not None:
            names, source, bad = cells.entities(block.column(layout.source), str.strip, None)
            for reason, mask in bad.items():
                sieve.refuse(mask, reason.replace("entity", "model"))
        ts = cells.times(block.column(layout.time), None)
        sieve.refuse(np.isnan(ts), f"column {layout.time!r}: no moment between 1970 and 2099")
        bodies = self._bodies(layout, read)
        said = np.array([not _WHAT.isdisjoint(body) for body in bodies], dtype=np.bool_)
        sieve.refuse(~said, "neither a prediction, nor a label, nor an error")
        events = PredictionEvents(names, source, ts, as_bodies(bodies))
        return events if sieve.kept.all() else events.take(sieve.kept)

    def _bodies(self, layout: PredictionLayout, read: Reader) -> list[Body]:
        ids: list[Any] = [f"{self.name}:{line}" for line in read.block.lines]
        if layout.id is not None:
            own = read.texts(layout.id)
            ids = [row if given is None else given for row, given in zip(ids, own, strict=True)]
        parts: dict[str, Sequence[Any] | None] = {
            "id": ids,
            "version": _read(layout.version, read.texts),
            "prediction": _read(layout.prediction, read.texts),
            "probabilities": read.group(layout.probabilities, read.numbers),
            "label": _read(layout.label, read.texts),
            "features": read.group([(name, name) for name in layout.features], read.numbers),
            "categories": read.group([(name, name) for name in layout.categories], read.texts),
            "latency": _read(layout.latency, read.numbers),
            "error": _read(layout.error, lambda name: read.texts(name, _MAX_ERROR)),
        }
        for name in layout.groups:
            objects, ready = read.objects(name), parts[name] or [None] * len(ids)
            parts[name] = [
                {**(one or {}), **(two or {})} or None for one, two in zip(objects, ready, strict=True)
            ]
        there = {name: column for name, column in parts.items() if column is not None}
        rows = zip(*there.values(), strict=True)
        return [{key: cell for key, cell in zip(there, row, strict=True) if cell is not None} for row in rows]


def _read(name: str | None, read: Callable[[str], Sequence[Any]]) -> Sequence[Any] | None:
    return None if name is None else read(name)
