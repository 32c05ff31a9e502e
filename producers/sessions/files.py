"""Files of session events: columns are given their meaning, rows that are no events are left out."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.sessions.batch import SessionEvents
from producers.sessions.columns import SessionColumns, SessionLayout, find_session_layout
from producers.sessions.shops import Shop, shop_of
from producers.sources.files import SelectiveGroup
from stream_app.events.sensor import MAX_NAME
from stream_app.events.session import MAX_NUMBER, MAX_TEXT
from stream_app.tables.cells import as_labels
from stream_app.tables.clock import Clock, find_clock
from stream_app.tables.files import find_tables
from stream_app.tables.left_out import BlockReader, LeftOut
from stream_app.tables.table import BLOCK, Block, Table, first_rows

__all__ = ["SessionFiles", "SessionTable"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

_WIRE = ("values.", "attributes.")


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
        cls, table: Table, options: SessionColumns, name: str, *, preset: str | None, left: LeftOut
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
        shop = shop_of(first.columns, options, preset, table.label)
        columns = options if shop is None else shop.meaning(options)
        begin = f"{name[-MAX_NAME // 2 :] if shop is None else shop.name}-{_digest(first)}"
        found = cls(table, columns, shop, begin, left)
        found.clock(first, found.layout(first))
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

    def clock(self, block: Block, layout: SessionLayout) -> Clock:
        """Return what reads the times, by the first rows."""
        cells = block.sample.get(layout.time, ())
        return find_clock(cells, layout.time, self.table.label, self.columns.format)

    def batches(self) -> Iterator[SessionEvents]:
        """Read from the beginning; a batch may be empty."""
        layout: SessionLayout | None = None
        clock: Clock | None = None
        for block in self.table.blocks(BLOCK):
            self.left.add_broken(block, self.table)
            # Events in the form of the wire may have other values and attributes further down.
            if layout is None or any(column.startswith(_WIRE) for column in block.columns):
                layout = self.layout(block)
            clock = clock or self.clock(block, layout)
            yield self._events(block, layout, clock)

    def _events(self, block: Block, layout: SessionLayout, clock: Clock) -> SessionEvents:
        read = BlockReader(self.table, block, self.left)
        clean = str.strip if self.shop is None else self.shop.entity
        names, source = read.entities(layout.entity, clean, self.columns.anonymous)
        ts = read.times(layout.time, clock)
        values = self._values(layout, read)
        attributes = {name: read.texts(column, MAX_TEXT) for name, column in layout.attributes}
        if layout.type is not None:
            types = read.texts(layout.type)
        else:
            types = as_labels(
                [None] * len(block.lines) if self.shop is None else self.shop.types(block.columns)
            )
        ids = read.ids(self.name, layout.id)
        channels = tuple(value.name for value in layout.values)
        sent_as = self.columns.entity_field
        events = SessionEvents(names, source, ts, types, ids, channels, values, attributes, sent_as)
        return events if read.kept.all() else events.take(read.kept)

    @staticmethod
    def _values(layout: SessionLayout, read: BlockReader) -> FloatArray:
        factors: dict[str, FloatArray] = {}
        for name in dict.fromkeys(factor for value in layout.values for factor in value.factors):
            factors[name] = read.numbers(name)
            read.refuse(_endless(factors[name]), f"column {name!r}: infinite or larger than {MAX_NUMBER}")
        out = np.empty((len(read.block.lines), len(layout.values)))
        for i, value in enumerate(layout.values):
            with np.errstate(over="ignore", invalid="ignore"):
                out[:, i] = np.prod([factors[factor] for factor in value.factors], axis=0)
            read.refuse(_endless(out[:, i]), f"value {value.name!r}: infinite or larger than {MAX_NUMBER}")
        return out


@dataclass(frozen=True, slots=True)
class SessionFiles(SelectiveGroup[SessionTable]):
    """Several files, replayed one after another; make it with `SessionFiles.find`.

    Parameters
    ----------
    tables : tuple of SessionTable
    left : LeftOut
        The rows of all of them that are no events.

    Examples
    --------
    >>> SessionFiles.find(["no/such.csv"], SessionColumns())
    Traceback (most recent call last):
    stream_app.errors.SourceError: no/such.csv: no such file or directory
    """

    @classmethod
    def find(cls, paths: Sequence[str], columns: SessionColumns, preset: str | None = None) -> "SessionFiles":
        """Gather the files that paths, directories and globs name, and settle what their columns mean.

        Parameters
        ----------
        paths : sequence of str
        columns : SessionColumns
            What the user says about them.
        preset : str or None
            Name of the shop they are of; left out, it is known by the columns.

        Raises
        ------
        SettingsError
            When there is no such shop.
        SourceError
            When a path is not there or of no known format, or a column is missing or in doubt.
        """
        left = LeftOut()
        found = find_tables(paths, columns.format)
        return cls(
            tuple(SessionTable.open(table, columns, name, preset=preset, left=left) for table, name in found),
            left,
        )

    def batches(self) -> Iterator[SessionEvents]:
        """Read from the beginning; a batch may be empty.

        Raises
        ------
        SourceError
            When a file cannot be read, or no row of all is an event.
        """
        batches = (batch for table in self.tables for batch in table.batches())
        sort = any(table.columns.sort for table in self.tables)
        return self.left.check(_sorted(batches) if sort else batches)


def _endless(values: FloatArray) -> npt.NDArray[np.bool_]:
    out: npt.NDArray[np.bool_] = np.abs(values) > MAX_NUMBER
    return out


def _digest(block: Block) -> str:
    """Name a table by its first row: it stays the same when rows are added or the file is moved."""
    first = [[name, str(column[0])] for name, column in block.columns.items() if column[0] is not None]
    return hashlib.blake2b(repr(first).encode(errors="surrogatepass"), digest_size=4).hexdigest()


def _sorted(batches: Iterator[SessionEvents]) -> Iterator[SessionEvents]:
    """Hold all events, then hand them on in the order of their times; those of one time as they came."""
    held = []
    for batch in batches:
        held.append(batch)
        # An empty one lets whoever asks look at the network and at Ctrl-C.
        yield SessionEvents.none()
    whole = _joined([batch for batch in held if len(batch)])
    held.clear()
    order = np.argsort(whole.ts, kind="stable")
    for begin in range(0, len(order), BLOCK):
        part = whole.take(order[begin : begin + BLOCK])
        codes, source = np.unique(part.source, return_inverse=True)
        yield replace(part, names=tuple(whole.names[code] for code in codes.tolist()), source=source)


def _joined(batches: Sequence[SessionEvents]) -> SessionEvents:
    """Return one batch of all: with the values and attributes of each, missing where a batch has not got them."""
    if not batches:
        return SessionEvents.none()
    index: dict[str, int] = {}
    sources = []
    for batch in batches:
        codes = np.array([index.setdefault(name, len(index)) for name in batch.names], dtype=np.int64)
        sources.append(codes[batch.source])
    channels = tuple(dict.fromkeys(channel for batch in batches for channel in batch.channels))
    keys = dict.fromkeys(key for batch in batches for key in batch.attributes)
    tables = []
    for batch in batches:
        table = np.full((len(batch), len(channels)), np.nan)
        table[:, [channels.index(channel) for channel in batch.channels]] = batch.values
        tables.append(table)
    attributes = {
        key: np.concatenate([batch.attributes.get(key, as_labels([None] * len(batch))) for batch in batches])
        for key in keys
    }
    return SessionEvents(
        tuple(index),
        np.concatenate(sources),
        np.concatenate([batch.ts for batch in batches]),
        np.concatenate([batch.types for batch in batches]),
        np.concatenate([batch.ids for batch in batches]),
        channels,
        np.concatenate(tables),
        attributes,
        batches[0].entity_field,
    )
