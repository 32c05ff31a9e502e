"""Sensor readings as columns, the input of a monitor.

Messages are decoded into structs that are made for the form that the source's readings had last, a field a channel; see `shapes`. Any
other event is decoded name by name, which takes longer, once; and what is no good is refused in the words of `decoding`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from stream_app.events.categories import code_categories, encode_categories
from stream_app.events.dead_letter import Header
from stream_app.events.decoding import SensorRow, decode_reading, read_reading
from stream_app.events.formats import JSON, Format
from stream_app.events.layout import SENSOR_LAYOUT, Layout
from stream_app.events.places import Envelope
from stream_app.events.rejection import MAX_EVENT_BYTES, MessageError, Rejected, unread
from stream_app.events.sensor import MAX_NAME
from stream_app.events.shapes import Columns, Form, Shape

__all__ = ["Group", "ReadingDecoder", "Readings"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_SHAPES = 64
"""Sets of channels for which structs are kept: names are the producer's, memory is ours."""

_MOST_KEYS = 100_000
_LONGEST_KEY = 4 * MAX_NAME
"""In bytes: a source's name in UTF-8 is no longer."""


@dataclass(frozen=True, slots=True)
class Group:
    """Readings that name the same channels.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns, as the events name them.
    rows : array of int, shape (m,)
        Which readings, ascending.
    values : array, shape (m, d)
        NaN where a channel is null.
    """

    channels: tuple[str, ...]
    rows: IntArray
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of any sources, in the order of their offsets.

    Parameters
    ----------
    sources : list of str
        Source of each reading, n names.
    ts : array, shape (n,)
        Event times in epoch seconds.
    offsets : array of int, shape (n,)
        Offsets of the records.
    record_ts : array, shape (n,)
        The records' own times in epoch seconds; infinite where a record has none.
    groups : list of Group
        The values; each reading is in one group.
    ids : list of (str or None)
        Identities that producers gave; empty where none did.
    names : dict of float to str
        Texts of the codes in channels of categories, see `category_code`.

    Examples
    --------
    >>> rows = [SensorRow("a", 1.0, {"x": 2.0}), SensorRow("b", 1.5, {"x": None})]
    >>> readings = Readings.of(rows)
    >>> readings.sources, readings.groups[0].channels, readings.groups[0].values.tolist()
    (['a', 'b'], ('x',), [[2.0], [nan]])
    """

    sources: list[str]
    ts: FloatArray
    offsets: IntArray
    record_ts: FloatArray
    groups: list[Group]
    ids: list[str | None] = field(default_factory=list)
    names: Mapping[float, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sources)

    @classmethod
    def of(
        cls,
        rows: Sequence[SensorRow],
        offsets: Sequence[int] | None = None,
        record_ts: Sequence[float] | None = None,
    ) -> Self:
        """Make columns of rows.

        Parameters
        ----------
        rows : sequence of SensorRow
            The readings.
        offsets : sequence of int, optional
            0, 1, 2, … where none are given.
        record_ts : sequence of float, optional
            The readings' own times where none are given.
        """
        ts = np.array([row.ts for row in rows], dtype=np.float64)
        ids = [row.id for row in rows] if any(row.id is not None for row in rows) else []
        return cls(
            [row.source for row in rows],
            ts,
            np.arange(len(rows)) if offsets is None else np.array(offsets, dtype=np.int64),
            ts if record_ts is None else np.array(record_ts, dtype=np.float64),
            _grouped(list(enumerate(rows))),
            ids,
        )

    def at(self, rows: IntArray) -> Self:
        """Return some of them; `rows` ascend."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        groups = []
        for group in self.groups:
            moved = place[group.rows]
            kept = moved >= 0
            if kept.any():
                groups.append(Group(group.channels, moved[kept], group.values[kept]))
        return type(self)(
            [self.sources[row] for row in rows.tolist()],
            self.ts[rows],
            self.offsets[rows],
            self.record_ts[rows],
            groups,
            [self.ids[row] for row in rows.tolist()] if self.ids else [],
            self.names,
        )


class ReadingDecoder:
    """Decodes deliveries of readings, and remembers the form of each source's.

    Parameters
    ----------
    categories : sequence of str
        Channels whose values may be texts.
    layout : Layout
        Where the parts of readings are in a message.
    wire : Format
        What decodes bytes.

    Examples
    --------
    >>> decoder = ReadingDecoder()
    >>> raw = b'{"source": "a", "ts": 1, "values": {"x": 2, "y": null}}'
    >>> readings, rejected = decoder.decode([raw, b"{"], [b"a", b"a"], offsets=[7, 8], record_ts=[1.0, 1.0])
    >>> readings.groups[0].values.tolist(), readings.offsets.tolist(), [place for place, _ in rejected]
    ([[2.0, nan]], [7], [1])
    """

    def __init__(
        self, categories: Sequence[str] = (), *, layout: Layout = SENSOR_LAYOUT, wire: Format = JSON
    ) -> None:
        self._categories = tuple(categories)
        self._layout = layout
        self._renamed = layout.renamed
        self._format = wire
        self._plain = layout.default and wire is JSON
        self._shapes: dict[Any, Shape] = {}
        self._by_key: dict[bytes | None, Shape] = {}
        self._last: Shape | None = None

    def decode(
        self,
        raws: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        offsets: Sequence[int],
        record_ts: Sequence[float],
        headers: Sequence[Iterable[Header]] | None = None,
    ) -> tuple[Readings, list[tuple[int, Rejected]]]:
        """Decode and validate a delivery; one bad event never spoils its neighbours.

        Parameters
        ----------
        raws, keys : sequences of bytes or None
            Values and keys of Kafka records.
        offsets : sequence of int
            Offsets of the records.
        record_ts : sequence of float
            Their times in epoch seconds.
        headers : sequence of headers, optional
            Their headers.

        Returns
        -------
        readings : Readings
            The valid ones, in their order.
        rejected : list of (int, Rejected)
            The others, by their place in the delivery.
        """
        envelopes: Sequence[Envelope | None] = [None] * len(raws)
        if self._layout.reads_records or headers is not None:
            every = headers or [()] * len(raws)
            envelopes = [Envelope(*one) for one in zip(keys, record_ts, every, strict=True)]
        names: dict[float, str] = {}
        parts, rejected = self._decode(raws, keys, envelopes, names)
        return _table(parts, offsets, record_ts, names), rejected

    def _decode(
        self,
        raws: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        envelopes: Sequence[Envelope | None],
        names: dict[float, str],
    ) -> "tuple[list[_Part], list[tuple[int, Rejected]]]":
        whole = self._alike(raws, envelopes)
        if whole is not None:
            return [whole], []
        shaped: dict[Shape, tuple[list[int], list[Any]]] = {}
        named: list[tuple[int, SensorRow]] = []
        rejected: list[tuple[int, Rejected]] = []
        shape = self._last
        for place, (raw, key, envelope) in enumerate(zip(raws, keys, envelopes, strict=True)):
            if raw is None or len(raw) > MAX_EVENT_BYTES:
                rejected.append((place, unread(raw)))
                continue
            shape = self._by_key.get(key, shape)
            row = None if shape is None else shape.read(raw, envelope)
            if shape is not None and row is not None:
                places, rows = shaped.setdefault(shape, ([], []))
                places.append(place)
                rows.append(row)
                continue
            found = self._by_name(raw, envelope, names)
            if isinstance(found, Rejected):
                rejected.append((place, found))
                continue
            named += [(place, one) for one in found]
            if len(found) == 1 and not self._categories:
                shape = self._learn(key, tuple(found[0].values), raw, envelope) or shape
        self._last = shape
        parts = [
            _Part.of(one, places, rows, [envelopes[place] for place in places])
            for one, (places, rows) in shaped.items()
        ]
        return ([*parts, _Part.named(named)] if named or not parts else parts), rejected

    def _alike(self, raws: Sequence[bytes | None], envelopes: Sequence[Envelope | None]) -> "_Part | None":
        """Decode a delivery in which all events have the form of the last one, as nearly always; None where they do not."""
        shape = self._last
        if shape is None or not raws:
            return None
        try:
            # Flat, and with nothing but the decoder in it, because it runs for every event.
            decode = shape.decode
            rows = [decode(raw) for raw in raws]  # type: ignore[arg-type] # a None is a TypeError
            if max(map(len, raws)) > MAX_EVENT_BYTES:  # type: ignore[arg-type] # a None was no message
                return None
            return _Part.of(shape, range(len(raws)), rows, envelopes)
        except (ValueError, RecursionError, TypeError):
            return None

    def _by_name(
        self, raw: bytes, envelope: Envelope | None, names: dict[float, str]
    ) -> list[SensorRow] | Rejected:
        """Decode the readings of a message name by name; one that is no good spoils those beside it."""
        if self._plain:
            row = decode_reading(encode_categories(raw, self._categories, names) if self._categories else raw)
            return row if isinstance(row, Rejected) else [row]
        try:
            message = self._format.plain(raw, () if envelope is None else envelope.headers)
            events = self._layout.events(message, envelope)
        except MessageError as error:
            return error.rejected
        rows: list[SensorRow] = []
        for event in events:
            if self._categories:
                event["values"] = code_categories(event.get("values"), self._categories, names)
            row = read_reading(event, self._renamed)
            if isinstance(row, Rejected):
                return row
            rows.append(row)
        return rows

    def _learn(
        self, key: bytes | None, channels: tuple[str, ...], raw: bytes, envelope: Envelope | None
    ) -> Shape | None:
        """Remember the form of a key's readings; None where there are too many forms, or no struct can have it."""
        example = self._format.plain(raw, () if envelope is None else envelope.headers)
        form = Form.of(self._layout, channels, example)
        if form is None:
            return None
        shape = self._shapes.get(form.key)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                return None
            try:
                shape = self._shapes[form.key] = Shape(form, self._format.typed)
            except ValueError:
                return None
        if key is not None and len(key) <= _LONGEST_KEY:
            if len(self._by_key) >= _MOST_KEYS:
                self._by_key.clear()
            self._by_key[key] = shape
        return shape


class _Part(NamedTuple):
    """Some of the readings of a delivery: their places in it, and what they say. A place may be there several times."""

    places: Sequence[int]
    columns: Columns
    groups: list[Group]

    @classmethod
    def of(
        cls, shape: Shape, places: Sequence[int], rows: Sequence[Any], envelopes: Sequence[Envelope | None]
    ) -> Self:
        """Lay structs of one shape side by side; a `ValueError` says that one of them is no good."""
        columns = shape.columns(rows, envelopes)
        return cls(places, columns, [Group(*group) for group in shape.groups(rows)])

    @classmethod
    def named(cls, rows: Sequence[tuple[int, SensorRow]]) -> Self:
        """Lay readings side by side that were decoded name by name."""
        found = [row for _, row in rows]
        columns = Columns([row.source for row in found], [row.ts for row in found], [row.id for row in found])
        return cls([place for place, _ in rows], columns, _grouped(list(enumerate(found))))


def _table(
    parts: Sequence[_Part], offsets: Sequence[int], record_ts: Sequence[float], names: dict[float, str]
) -> Readings:
    """Lay the parts of a delivery side by side, in the order of their places in it."""
    places = np.concatenate([np.asarray(part.places, dtype=np.int64) for part in parts])
    order = np.argsort(places, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    sources = list(chain.from_iterable(part.columns.sources for part in parts))
    ids = list(chain.from_iterable(part.columns.ids or [None] * len(part.places) for part in parts))
    ts = np.concatenate([np.array(part.columns.ts, dtype=np.float64) for part in parts])
    groups, begin = list[Group](), 0
    for part in parts:
        mine = rank[begin : begin + len(part.places)]
        groups += [Group(group.channels, mine[group.rows], group.values) for group in part.groups]
        begin += len(part.places)
    if len(parts) > 1:
        sources = [sources[row] for row in order.tolist()]
        ids = [ids[row] for row in order.tolist()]
    return Readings(
        sources,
        ts[order],
        np.asarray(offsets, dtype=np.int64)[places[order]],
        np.asarray(record_ts, dtype=np.float64)[places[order]],
        groups,
        ids if ids.count(None) < len(ids) else [],
        names,
    )


def _grouped(rows: Sequence[tuple[int, SensorRow]]) -> list[Group]:
    """Group numbered rows by the channels that they name."""
    alike: dict[tuple[str, ...], list[tuple[int, SensorRow]]] = {}
    for pair in rows:
        alike.setdefault(tuple(pair[1].values), []).append(pair)
    return [
        Group(
            channels,
            np.array([place for place, _ in pairs]),
            np.array([list(row.values.values()) for _, row in pairs], dtype=np.float64),
        )
        for channels, pairs in alike.items()
    ]
