"""A table of any format as session events: columns are given their meaning, rows that are no events are left out."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.batch import as_labels
from producers.sessions import cells
from producers.sessions.batch import SessionEvents, TextColumn
from producers.sessions.columns import SessionColumns, SessionLayout, find_session_layout
from producers.sessions.left_out import LeftOut, Sieve
from producers.sessions.shops import Shop, shop_of
from producers.sources.table import BLOCK, Block, Table, first_rows
from stream_app.events.sensor import MAX_NAME
from stream_app.events.session import MAX_NUMBER, MAX_TEXT

__all__ = ["SessionTable"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

WIRE = ("values.", "attributes.")


@dataclass(frozen=True, slots=True)
class SessionTable:
    """Session events of one table; make it with `SessionTable.open`.

    Parameters
    ----------
    table : Table
    columns : SessionColumns
        What is known about its columns.
    shop : Shop or None
        That the table is of.
    name : str
        Beginning of the ids of events that have none of their own.
    left : LeftOut
        Where rows that are no events are counted.
    """

    table: Table
    columns: SessionColumns
    shop: Shop | None
    name: str
    left: LeftOut = field(default_factory=LeftOut)

    @classmethod
    def open(
        cls, table: Table, said: SessionColumns, name: str, *, preset: str | None, left: LeftOut
    ) -> "SessionTable":
        """Look at the first rows to settle what the columns mean.

        Raises
        ------
        SettingsError
            When no shop is called `preset`.
        SourceError
            When the file cannot be read, has no rows, or a column is missing or in doubt.
        """
        first = first_rows(table)
        shop = shop_of(first.columns, said, preset, table.label)
        columns = said if shop is None else shop.meaning(said)
        begin = f"{name[-MAX_NAME // 2 :] if shop is None else shop.name}-{_digest(first)}"
        found = cls(table, columns, shop, begin, left)
        found.layout(first)
        return found

    @property
    def total(self) -> int | None:
        """How many rows the file has, by its line ends; those that will be left out are among them."""
        return self.table.count()

    @property
    def identity(self) -> str:
        """The file, its size, when it was last changed, and the meaning given to its columns."""
        return f"{self.table.version} {self.columns} {self.shop and self.shop.name} {self.name}"

    def layout(self, block: Block) -> SessionLayout:
        """Return what the columns of a block mean."""
        return find_session_layout(self.columns, block.sample, self.table.label)

    def batches(self) -> Iterator[SessionEvents]:
        """Read from the beginning; a batch may be empty."""
        layout: SessionLayout | None = None
        for block in self.table.blocks(BLOCK):
            # Events in the form of the wire may have other values and attributes further down.
            if layout is None or any(column.startswith(WIRE) for column in block.columns):
                layout = self.layout(block)
            yield self._events(block, layout)

    def _events(self, block: Block, layout: SessionLayout) -> SessionEvents:
        rows = len(block.lines)
        sieve = Sieve(rows, lambda row: self.table.place(block.lines[row]), self.left)

        clean = str.strip if self.shop is None else self.shop.entity
        names, source, bad = cells.entities(block.column(layout.entity), clean, self.columns.anonymous)
        for reason, mask in bad.items():
            sieve.refuse(mask, reason)
        ts = cells.times(block.column(layout.time), self.columns.time_format)
        sieve.refuse(np.isnan(ts), f"column {layout.time!r}: no moment between 1970 and 2099")

        def texts(name: str, longest: int) -> TextColumn:
            out, bad = cells.texts(block.column(name), longest)
            sieve.refuse(bad, f"column {name!r}: no text of at most {longest} characters")
            return out

        values = self._values(block, layout, sieve)
        attributes = {name: texts(column, MAX_TEXT) for name, column in layout.attributes}
        if layout.type is not None:
            types = texts(layout.type, MAX_NAME)
        else:
            types = as_labels([None] * rows if self.shop is None else self.shop.types(block.columns))
        ids = as_labels([f"{self.name}:{line}" for line in block.lines])
        if layout.id is not None:
            own = texts(layout.id, MAX_NAME)
            ids = np.where(own == None, ids, own)  # noqa: E711 cell by cell
        channels = tuple(value.name for value in layout.values)
        events = SessionEvents(names, source, ts, types, ids, channels, values, attributes)
        return events if sieve.kept.all() else events.take(sieve.kept)

    def _values(self, block: Block, layout: SessionLayout, sieve: Sieve) -> FloatArray:
        rows = len(block.lines)
        read: dict[str, FloatArray] = {}
        for name in dict.fromkeys(factor for value in layout.values for factor in value.factors):
            read[name], bad = cells.numbers(block.column(name))
            sieve.refuse(bad, f"column {name!r}: no number")
            sieve.refuse(_endless(read[name]), f"column {name!r}: infinite or larger than {MAX_NUMBER}")
        out = np.empty((rows, len(layout.values)))
        for i, value in enumerate(layout.values):
            with np.errstate(over="ignore", invalid="ignore"):
                out[:, i] = np.prod([read[factor] for factor in value.factors], axis=0)
            sieve.refuse(_endless(out[:, i]), f"value {value.name!r}: infinite or larger than {MAX_NUMBER}")
        return out


def _endless(values: FloatArray) -> npt.NDArray[np.bool_]:
    out: npt.NDArray[np.bool_] = np.abs(values) > MAX_NUMBER
    return out


def _digest(block: Block) -> str:
    """Name a table by its first row: it stays the same when rows are added or the file is moved."""
    first = [[name, str(column[0])] for name, column in block.columns.items() if column[0] is not None]
    return hashlib.blake2b(repr(first).encode(errors="surrogatepass"), digest_size=4).hexdigest()
