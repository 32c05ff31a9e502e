"""Files of predictions: columns are given their meaning, rows that are no events are left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from producers.predictions.batch import Body, PredictionEvents, as_bodies
from producers.predictions.columns import PredictionColumns, PredictionLayout, find_prediction_layout
from producers.sources.files import FileGroup
from stream_app.events.sensor import MAX_NAME
from stream_app.tables.cells import mark_entities, mark_numbers, mark_objects, mark_texts, mark_times
from stream_app.tables.files import find_tables
from stream_app.tables.left_out import LeftOut, RowFilter
from stream_app.tables.table import BLOCK, Block, Table, first_rows

__all__ = ["PredictionFiles", "PredictionTable"]

_WHAT = frozenset({"prediction", "label", "error"})
_MAX_ERROR = 1024


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the columns of one block; rows with a cell that makes no sense are left out.

    Parameters
    ----------
    block : Block
    row_filter : RowFilter
    """

    block: Block
    row_filter: RowFilter

    def texts(self, name: str, longest: int = MAX_NAME) -> list[str | None]:
        """Read texts, None where there is none."""
        out, bad = mark_texts(self.block.column(name), longest)
        self.row_filter.refuse(bad, f"column {name!r}: no text of at most {longest} characters")
        texts: list[str | None] = out.tolist()
        return texts

    def numbers(self, name: str) -> list[float | None]:
        """Read finite numbers, None where there is none."""
        out, bad = mark_numbers(self.block.column(name))
        self.row_filter.refuse(bad, f"column {name!r}: no number")
        self.row_filter.refuse(np.isinf(out), f"column {name!r}: infinite")
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
        self.row_filter.refuse(bad, f"column {name!r}: no object of JSON")
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
        row_filter = RowFilter(rows, lambda row: self.table.place(block.lines[row]), self.left)
        read = _Reader(block, row_filter)
        names: tuple[str, ...] = (self.columns.name or self.name,)
        source = np.zeros(rows, dtype=np.int64)
        if layout.source is not None:
            names, source, bad = mark_entities(block.column(layout.source), str.strip, None)
            for reason, mask in bad.items():
                row_filter.refuse(mask, reason.replace("entity", "model"))
        ts = mark_times(block.column(layout.time), None)
        row_filter.refuse(np.isnan(ts), f"column {layout.time!r}: no moment between 1970 and 2099")
        bodies = self._bodies(layout, read)
        useful = np.array([not _WHAT.isdisjoint(body) for body in bodies], dtype=np.bool_)
        row_filter.refuse(~useful, "neither a prediction, nor a label, nor an error")
        events = PredictionEvents(names, source, ts, as_bodies(bodies))
        return events if row_filter.kept.all() else events.take(row_filter.kept)

    def _bodies(self, layout: PredictionLayout, read: _Reader) -> list[Body]:
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


@dataclass(frozen=True, slots=True)
class PredictionFiles(FileGroup[PredictionTable]):
    """Several files, replayed one after another; make it with `PredictionFiles.find`.

    Each file is a model of its own, named after the file, unless a column or ``--source`` says otherwise.

    Parameters
    ----------
    tables : tuple of PredictionTable
    left : LeftOut
        The rows of all of them that are no events.
    """

    left: LeftOut

    @classmethod
    def find(cls, paths: Sequence[str], columns: PredictionColumns) -> "PredictionFiles":
        """Gather the files that paths, directories and globs name, and settle what their columns mean.

        Raises
        ------
        SourceError
            When a path is not there or of no known format, or a column is missing or in doubt.
        """
        left = LeftOut()
        found = find_tables(paths, columns.delimiter)
        return cls(tuple(PredictionTable.open(table, columns, name, left) for table, name in found), left)

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of the rows read so far were no events, by reason and first place."""
        return self.left.summary

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
