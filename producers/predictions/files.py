"""Files of predictions: columns are given their meaning, rows that are no events are left out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from producers.predictions.batch import Body, PredictionEvents, as_bodies
from producers.predictions.columns import PredictionColumns, PredictionLayout, find_prediction_layout
from producers.sources.files import SelectiveGroup
from stream_app.events.sensor import MAX_NAME
from stream_app.tables.cells import mark_objects
from stream_app.tables.clock import Clock, find_clock
from stream_app.tables.files import find_tables
from stream_app.tables.left_out import BlockReader, LeftOut
from stream_app.tables.table import BLOCK, Block, Table, first_rows

__all__ = ["PredictionFiles", "PredictionTable"]

_WHAT = frozenset({"prediction", "label", "error"})
_MAX_ERROR = 1024


@dataclass(slots=True)
class _Reader(BlockReader):
    """Reads the columns of one block of predictions."""

    def plain_texts(self, name: str, longest: int = MAX_NAME) -> list[str | None]:
        """Read texts, None where there is none."""
        texts: list[str | None] = self.texts(name, longest).tolist()
        return texts

    def plain_numbers(self, name: str) -> list[float | None]:
        """Read finite numbers, None where there is none."""
        out = self.numbers(name)
        self.refuse(np.isinf(out), f"column {name!r}: infinite")
        return [
            None if missing else value
            for value, missing in zip(out.tolist(), np.isnan(out).tolist(), strict=True)
        ]

    @staticmethod
    def group(named: Sequence[tuple[str, str]], read: Callable[[str], Sequence[Any]]) -> list[Any] | None:
        """Return an object a row, of the cells that are there, None where there are none; nothing without a name."""
        if not named:
            return None
        keys = [name for name, _ in named]
        rows = zip(*(read(column) for _, column in named), strict=True)
        return [
            {key: cell for key, cell in zip(keys, row, strict=True) if cell is not None} or None
            for row in rows
        ]

    def objects(self, name: str) -> list[dict[str, Any] | None]:
        """Read cells that hold an object each, as such or as JSON."""
        out, bad = mark_objects(self.block.column(name))
        self.refuse(bad, f"column {name!r}: no object of JSON")
        return out


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
    def open(cls, table: Table, options: PredictionColumns, name: str, left: LeftOut) -> "PredictionTable":
        """Look at the first rows to settle what the columns mean.

        Raises
        ------
        SourceError
            When the file cannot be read, has no rows, or a column is missing or in doubt.
        """
        first = first_rows(table)
        found = cls(table, options, name[-MAX_NAME // 2 :], left)
        found.clock(first, found.layout(first))
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

    def clock(self, block: Block, layout: PredictionLayout) -> Clock:
        """Return what reads the times, by the first rows."""
        cells = block.sample.get(layout.time, ())
        return find_clock(cells, layout.time, self.table.label, self.columns.format)

    def batches(self) -> Iterator[PredictionEvents]:
        """Read from the beginning; a batch may be empty."""
        layout: PredictionLayout | None = None
        clock: Clock | None = None
        for block in self.table.blocks(BLOCK):
            self.left.add_broken(block, self.table)
            if layout is None:
                layout = self.layout(block)
            clock = clock or self.clock(block, layout)
            yield self._events(block, layout, clock)

    def _events(self, block: Block, layout: PredictionLayout, clock: Clock) -> PredictionEvents:
        read = _Reader(self.table, block, self.left)
        names: tuple[str, ...] = (self.columns.name or self.name,)
        source = np.zeros(len(block.lines), dtype=np.int64)
        if layout.source is not None:
            names, source = read.entities(layout.source, str.strip, None, what="model")
        ts = read.times(layout.time, clock)
        bodies = self._bodies(layout, read)
        useful = np.array([not _WHAT.isdisjoint(body) for body in bodies], dtype=np.bool_)
        read.refuse(~useful, "neither a prediction, nor a label, nor an error")
        events = PredictionEvents(names, source, ts, as_bodies(bodies))
        return events if read.kept.all() else events.take(read.kept)

    def _bodies(self, layout: PredictionLayout, read: _Reader) -> list[Body]:
        ids: list[Any] = read.ids(self.name, layout.id).tolist()
        parts: dict[str, Sequence[Any] | None] = {
            "id": ids,
            "version": _read(layout.version, read.plain_texts),
            "prediction": _read(layout.prediction, read.plain_texts),
            "probabilities": read.group(layout.probabilities, read.plain_numbers),
            "quantiles": read.group(layout.quantiles, read.plain_numbers),
            "label": _read(layout.label, read.plain_texts),
            "features": read.group([(name, name) for name in layout.features], read.plain_numbers),
            "categories": read.group([(name, name) for name in layout.categories], read.plain_texts),
            "latency": _read(layout.latency, read.plain_numbers),
            "error": _read(layout.error, lambda name: read.plain_texts(name, _MAX_ERROR)),
        }
        for name in layout.groups:
            objects, ready = read.objects(name), parts[name] or [None] * len(ids)
            parts[name] = [
                {**(one or {}), **(two or {})} or None for one, two in zip(objects, ready, strict=True)
            ]
        there = {name: column for name, column in parts.items() if column is not None}
        rows = zip(*there.values(), strict=True)
        return [{key: cell for key, cell in zip(there, row, strict=True) if cell is not None} for row in rows]


@dataclass(frozen=True, slots=True)
class PredictionFiles(SelectiveGroup[PredictionTable]):
    """Several files, replayed one after another; make it with `PredictionFiles.find`.

    Each file is a model of its own, named after the file, unless a column or ``--source`` says otherwise.

    Parameters
    ----------
    tables : tuple of PredictionTable
    left : LeftOut
        The rows of all of them that are no events.
    """

    @classmethod
    def find(cls, paths: Sequence[str], columns: PredictionColumns) -> "PredictionFiles":
        """Gather the files that paths, directories and globs name, and settle what their columns mean.

        Raises
        ------
        SourceError
            When a path is not there or of no known format, or a column is missing or in doubt.
        """
        left = LeftOut()
        found = find_tables(paths, columns.format)
        return cls(tuple(PredictionTable.open(table, columns, name, left) for table, name in found), left)

    def batches(self) -> Iterator[PredictionEvents]:
        """Read from the beginning; a batch may be empty.

        Raises
        ------
        SourceError
            When a file cannot be read, or no row of all is an event.
        """
        return self.left.check(batch for table in self.tables for batch in table.batches())


def _read(name: str | None, read: Callable[[str], Sequence[Any]]) -> Sequence[Any] | None:
    return None if name is None else read(name)
