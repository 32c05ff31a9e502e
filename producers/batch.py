"""Events on their way to Kafka: column batches of readings, and what every stage may ask of a batch."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from stream_app.tables.cells import Label, LabelColumn, as_labels
from stream_app.tables.readings import ReadingRows

__all__ = [
    "Batch",
    "EventBatch",
    "FilteredSource",
    "Readings",
    "RoutedBatch",
    "Rows",
    "Source",
    "record_type",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = slice | IntArray | npt.NDArray[np.bool_]
"""A choice of events: a slice, their numbers, or a mask."""


class Batch(Protocol):
    """What loop and limit ask of a batch, whatever it is of."""

    @property
    def ts(self) -> FloatArray:
        """Event time of each event in epoch seconds, shape (n,)."""

    def __len__(self) -> int: ...

    def take(self, rows: Rows) -> Self:
        """Return some of the events, in order."""

    def shifted(self, seconds: float) -> Self:
        """Return the same events, later."""


class EventBatch(Batch, Protocol):
    """What pacing and publishing ask of a batch, whatever kind its events are of."""

    @property
    def names(self) -> tuple[str, ...]:
        """Sources that may occur in the batch."""

    @property
    def source(self) -> IntArray:
        """Index into `names` of each event, shape (n,)."""

    def encode(self) -> list[bytes]:
        """Return each event as it goes on the wire."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Sensor readings as columns.

    Parameters
    ----------
    names : tuple of str
        Names of the sources.
    source : ndarray of int (n,)
        Index into `names`.
    ts : ndarray (n,)
        Event time, epoch seconds.
    channels : tuple of str
    values : ndarray (n, d)
        NaN where nothing was measured; it becomes null on the wire.
    labels : mapping of str to ndarray of object (n,)
        Ground truth: text, numbers, booleans; None where there is none.

    Examples
    --------
    >>> batch = Readings.of("pump-1", [10.0], ("flow", "level"), [[3.0, float("nan")]])
    >>> batch.encode()
    [b'{"source":"pump-1","ts":10.0,"values":{"flow":3.0,"level":null}}']
    """

    names: tuple[str, ...]
    source: IntArray
    ts: FloatArray
    channels: tuple[str, ...]
    values: FloatArray
    labels: Mapping[str, LabelColumn] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        ts: npt.ArrayLike,
        channels: Sequence[str],
        values: npt.ArrayLike,
        labels: Mapping[str, Sequence[Label]] | None = None,
    ) -> Self:
        """Make a batch of one source from plain sequences."""
        times = np.asarray(ts, dtype=np.float64)
        columns = {key: as_labels(column) for key, column in (labels or {}).items()}
        table = np.asarray(values, dtype=np.float64).reshape(len(times), len(channels))
        return cls((name,), np.zeros(len(times), dtype=np.int64), times, tuple(channels), table, columns)

    @classmethod
    def of_rows(cls, rows: ReadingRows) -> Self:
        """Make a batch of rows of a table."""
        return cls(rows.names, rows.source, rows.ts, rows.channels, rows.values, rows.labels)

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Rows) -> Self:
        """Return some of the events, in order."""
        return replace(
            self,
            source=self.source[rows],
            ts=self.ts[rows],
            values=self.values[rows],
            labels={key: column[rows] for key, column in self.labels.items()},
        )

    def shifted(self, seconds: float) -> Self:
        """Return the same events, `seconds` later."""
        return replace(self, ts=self.ts + seconds)

    def encode(self) -> list[bytes]:
        """Return each event as compact JSON, the wire form of `stream_app.events.SensorReading`."""
        return list(_encode(self))


@functools.lru_cache(maxsize=256)
def record_type(
    name: str, keys: tuple[str, ...], kind: Any, *, optional: bool = False
) -> Callable[..., msgspec.Struct]:
    """Make a type of records with given keys, the same one whenever it is asked for again.

    Encoding such structs takes two thirds of the time of dicts.

    Parameters
    ----------
    name : str
        Of the type.
    keys : tuple of str
        Any texts; values come in their order.
    kind : type
        Of all values.
    optional : bool
        Leave out of the JSON what is None.

    Returns
    -------
    callable

    Examples
    --------
    >>> values = record_type("Values", ("flow rate", "level"), float | None, optional=True)
    >>> msgspec.json.encode(values(2.5, None))
    b'{"flow rate":2.5}'
    """
    names = {f"f{i}": key for i, key in enumerate(keys)}
    fields = [(field, kind, None) if optional else (field, kind) for field in names]
    return msgspec.defstruct(name, fields, rename=names, omit_defaults=optional, gc=False)


class _Event(msgspec.Struct, gc=False, omit_defaults=True):
    source: str
    ts: float
    values: msgspec.Struct
    labels: msgspec.Struct | None = None


def _encode(batch: Readings) -> Iterator[bytes]:
    # NaN becomes null, and a label that is None is left out.
    values = record_type("Values", batch.channels, float)
    labels = record_type("Labels", tuple(batch.labels), Label, optional=True)
    columns = [column.tolist() for column in batch.labels.values()]
    empty = (None,) * len(columns)
    truths = zip(*columns, strict=True) if columns else repeat(empty, len(batch))
    sources = [batch.names[code] for code in batch.source.tolist()]
    encode = msgspec.json.Encoder().encode
    for source, ts, row, truth in zip(sources, batch.ts.tolist(), batch.values.tolist(), truths, strict=True):
        yield encode(_Event(source, ts, values(*row), None if truth == empty else labels(*truth)))


class Source(Protocol):
    """Where events come from: a file, a data set, a simulation.

    One short file each. Batches come in the order of the replay, the same ones each time they are asked for:
    that is what lets an interrupted replay go on, and a loop go round.
    """

    @property
    def identity(self) -> str:
        """What is replayed, in words that change when the events would."""

    @property
    def total(self) -> int | None:
        """How many events one pass has, where that is known without reading them all."""

    def batches(self) -> Iterator[Batch]:
        """Read from the beginning; what is no `EventBatch` becomes one by the kind's change."""


@runtime_checkable
class RoutedBatch(Protocol):
    """A batch whose events go to several topics."""

    @property
    def routes(self) -> tuple[int, ...]:
        """Which topic of the replay each of `names` goes to, counted from 0."""


@runtime_checkable
class FilteredSource(Protocol):
    """A source that leaves out rows that are no events, instead of ending at the first."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of the rows read so far, by reason."""
