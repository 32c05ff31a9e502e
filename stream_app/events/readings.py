"""Sensor readings as columns, the input of a monitor.

JSON is decoded into a struct that is made for the names of the channels that the source had last, a field a channel.
Such structs lie side by side as a table without a look at names. Any other event is decoded name by name, which takes
twice as long, once; and what is no good is refused in the words of `decoding`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from stream_app.events.categories import encode_categories
from stream_app.events.decoding import SensorRow, decode_reading, plain_labels
from stream_app.events.rejection import MAX_EVENT_BYTES, Rejected, unread
from stream_app.events.sensor import MAX_NAME, MAX_TS

__all__ = ["Group", "ReadingDecoder", "Readings"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_SHAPES = 64
"""Sets of channels for which structs are kept: names are the producer's, memory is ours."""

_MOST_KEYS = 100_000
_LONGEST_KEY = 4 * MAX_NAME
"""In bytes: a source's name in UTF-8 is no longer."""

_UNNAMEABLE = frozenset('"\\') | {chr(code) for code in range(32)}
"""Characters that no field of a struct may have in its name."""


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


class _Shape:
    """Structs for readings that name certain channels, all of them and no others."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.channels = channels
        names = [f"c{j}" for j in range(len(channels))]
        values = msgspec.defstruct(
            "Values",
            [(name, float | None) for name in names],
            rename=dict(zip(names, channels, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        row = msgspec.defstruct(
            "Row",
            [
                ("source", Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]),
                ("ts", Annotated[float, msgspec.Meta(ge=0.0, lt=MAX_TS)]),
                ("values", values),
                ("labels", Any, None),
                ("id", Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None, None),
            ],
            forbid_unknown_fields=True,
            gc=False,
        )
        self.decode = msgspec.json.Decoder(row).decode

    def read(self, raw: bytes) -> Any | None:
        """Decode an event; None where it is not of this shape, or no good."""
        try:
            row = self.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return row if _ordinary(row) else None


class ReadingDecoder:
    """Decodes deliveries of readings, and remembers which channels each source names.

    Parameters
    ----------
    categories : sequence of str
        Channels whose values may be texts.

    Examples
    --------
    >>> decoder = ReadingDecoder()
    >>> raw = b'{"source": "a", "ts": 1, "values": {"x": 2, "y": null}}'
    >>> readings, rejected = decoder.decode([raw, b"{"], [b"a", b"a"], offsets=[7, 8], record_ts=[1.0, 1.0])
    >>> readings.groups[0].values.tolist(), readings.offsets.tolist(), [place for place, _ in rejected]
    ([[2.0, nan]], [7], [1])
    """

    def __init__(self, categories: Sequence[str] = ()) -> None:
        self._categories = tuple(categories)
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._by_key: dict[bytes | None, _Shape] = {}
        self._last: _Shape | None = None

    def decode(
        self,
        raws: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        offsets: Sequence[int],
        record_ts: Sequence[float],
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

        Returns
        -------
        readings : Readings
            The valid ones, in their order.
        rejected : list of (int, Rejected)
            The others, by their place in the delivery.
        """
        if self._categories:
            names: dict[float, str] = {}
            coded = [encode_categories(raw, self._categories, names) for raw in raws]
            readings, rejected = self._decode(coded, keys, offsets, record_ts)
            return replace(readings, names=names), rejected
        return self._decode(raws, keys, offsets, record_ts)

    def _decode(
        self,
        raws: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        offsets: Sequence[int],
        record_ts: Sequence[float],
    ) -> tuple[Readings, list[tuple[int, Rejected]]]:
        whole = self._alike(raws)
        if whole is not None:
            return _table({whole[0]: (range(len(raws)), whole[1])}, [], offsets, record_ts), []
        shaped: dict[_Shape, tuple[list[int], list[Any]]] = {}
        named: list[tuple[int, SensorRow]] = []
        rejected: list[tuple[int, Rejected]] = []
        shape = self._last
        for place, (raw, key) in enumerate(zip(raws, keys, strict=True)):
            if raw is None or len(raw) > MAX_EVENT_BYTES:
                rejected.append((place, unread(raw)))
                continue
            shape = self._by_key.get(key, shape)
            row = None if shape is None else shape.read(raw)
            if shape is not None and row is not None:
                places, rows = shaped.setdefault(shape, ([], []))
                places.append(place)
                rows.append(row)
                continue
            other = decode_reading(raw)
            if isinstance(other, Rejected):
                rejected.append((place, other))
            else:
                named.append((place, other))
                shape = self._learn(key, tuple(other.values)) or shape
        self._last = shape
        return _table(shaped, named, offsets, record_ts), rejected

    def _alike(self, raws: Sequence[bytes | None]) -> tuple[_Shape, list[Any]] | None:
        """Decode a delivery in which all events name the channels of the last one, as nearly always; None where they do not."""
        shape = self._last
        if shape is None:
            return None
        try:
            # Flat, and with nothing but the decoder in it, because it runs for every event.
            decode = shape.decode
            rows = [decode(raw) for raw in raws]  # type: ignore[arg-type] # a None is a TypeError
            small = max(map(len, raws)) <= MAX_EVENT_BYTES  # type: ignore[arg-type] # a None was no JSON
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
            return None
        return (shape, rows) if small and all(map(_ordinary, rows)) else None

    def _learn(self, key: bytes | None, channels: tuple[str, ...]) -> _Shape | None:
        """Remember the channels that a key's readings name; None where there are too many sets of them, or no struct can have them."""
        shape = self._shapes.get(channels)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES or not _UNNAMEABLE.isdisjoint("".join(channels)):
                return None
            shape = self._shapes[channels] = _Shape(channels)
        if key is not None and len(key) <= _LONGEST_KEY:
            if len(self._by_key) >= _MOST_KEYS:
                self._by_key.clear()
            self._by_key[key] = shape
        return shape


_values = attrgetter("values")


def _ordinary(row: Any) -> bool:
    # Labels are the producer's own remarks: looked at only where there are any, as most events have none.
    return row.labels is None or plain_labels(row.labels)


def _table(
    shaped: Mapping[_Shape, tuple[Sequence[int], list[Any]]],
    named: list[tuple[int, SensorRow]],
    offsets: Sequence[int],
    record_ts: Sequence[float],
) -> Readings:
    """Lay decoded events side by side, in the order of their places in the delivery."""
    pairs = list(named)
    for found, rows in shaped.values():
        pairs += zip(found, rows, strict=True)
    if len(shaped) + len(named) > 1:
        pairs.sort(key=itemgetter(0))
    places = [place for place, _ in pairs]
    events = [row for _, row in pairs]
    numbers = np.empty(len(offsets), dtype=np.int64)
    numbers[places] = np.arange(len(places))
    groups = [
        Group(shape.channels, numbers[found], _cells(rows, len(shape.channels)))
        for shape, (found, rows) in shaped.items()
    ]
    groups += _grouped([(int(numbers[place]), row) for place, row in named])
    ids = [row.id for row in events]
    return Readings(
        [row.source for row in events],
        np.array([row.ts for row in events], dtype=np.float64),
        np.asarray(offsets, dtype=np.int64)[places],
        np.asarray(record_ts, dtype=np.float64)[places],
        groups,
        ids if ids.count(None) < len(ids) else [],
    )


def _cells(rows: Sequence[Any], columns: int) -> FloatArray:
    """Return the values of structs of one shape; numpy makes NaN of None."""
    cells = list(chain.from_iterable(map(msgspec.structs.astuple, map(_values, rows))))
    return np.array(cells, dtype=np.float64).reshape(len(rows), columns)


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
