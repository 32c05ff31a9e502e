"""Session events on their way to Kafka, as columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import repeat
from typing import Any, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from producers.batch import Rows, record_type
from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME
from stream_app.tables.cells import LabelColumn, as_labels

__all__ = ["SessionEvents"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """What entities did, as columns.

    Parameters
    ----------
    names : tuple of str
        Names of the entities.
    source : ndarray of int (n,)
        Index into `names`.
    ts : ndarray (n,)
        Event time, epoch seconds.
    types, ids : ndarray of object (n,)
        Texts, None where there is none.
    channels : tuple of str
        Names of the values.
    values : ndarray (n, d)
        NaN where there is none; it is left out on the wire.
    attributes : mapping of str to ndarray of object (n,)
        Texts; None is left out on the wire.
    entity_field : str
        Name of the field that holds the entity, on the wire.

    Examples
    --------
    >>> batch = SessionEvents(
    ...     names=("17850",), source=np.array([0]), ts=np.array([10.0]), types=as_labels(["purchase"]),
    ...     ids=as_labels(["shop:2"]), channels=("amount", "units"), values=np.array([[15.3, np.nan]]),
    ... )
    >>> batch.encode()
    [b'{"entity":"17850","ts":10.0,"type":"purchase","values":{"amount":15.3},"id":"shop:2"}']
    """

    names: tuple[str, ...]
    source: IntArray
    ts: FloatArray
    types: LabelColumn
    ids: LabelColumn
    channels: tuple[str, ...]
    values: FloatArray
    attributes: Mapping[str, LabelColumn] = field(default_factory=dict)
    entity_field: str = "entity"

    @classmethod
    def none(cls) -> Self:
        """Return a batch without events."""
        nobody = np.empty(0, dtype=np.int64)
        return cls((), nobody, np.empty(0), as_labels(()), as_labels(()), (), np.empty((0, 0)))

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Rows) -> Self:
        """Return some of the events, in order."""
        return replace(
            self,
            source=self.source[rows],
            ts=self.ts[rows],
            types=self.types[rows],
            ids=self.ids[rows],
            values=self.values[rows],
            attributes={key: column[rows] for key, column in self.attributes.items()},
        )

    def shifted(self, seconds: float) -> Self:
        """Return the same events later: other ones, hence of other ids.

        Raises
        ------
        SourceError
            When an id is too long to be told apart.
        """
        later = [None if old is None else f"{old}+{seconds}" for old in self.ids.tolist()]
        if any(new is not None and len(new) > MAX_NAME for new in later):
            raise SourceError(
                f"--loop: an id is too long to be told apart in each pass: {MAX_NAME} characters in all"
            )
        return replace(self, ts=self.ts + seconds, ids=as_labels(later))

    def encode(self) -> list[bytes]:
        """Return each event as compact JSON, the wire form of `stream_app.events.SessionEvent`."""
        values = record_type("Values", self.channels, float | None, optional=True)
        texts = record_type("Attributes", tuple(self.attributes), str | None, optional=True)
        columns = [column.tolist() for column in self.attributes.values()]
        attributes = map(texts, *columns) if columns else repeat(None, len(self))
        entities = [self.names[code] for code in self.source.tolist()]
        rows = zip(
            entities,
            self.ts.tolist(),
            self.types.tolist(),
            _cells(self.values),
            attributes,
            self.ids.tolist(),
            strict=True,
        )
        encode, event = msgspec.json.Encoder().encode, _event_type(self.entity_field)
        return [
            encode(event(who, ts, kind, values(*row), more, id_)) for who, ts, kind, row, more, id_ in rows
        ]


@lru_cache(maxsize=16)
def _event_type(entity_field: str) -> Callable[..., msgspec.Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("entity", str),
        ("ts", float),
        ("type", str | None, None),
        ("values", msgspec.Struct | None, None),
        ("attributes", msgspec.Struct | None, None),
        ("id", str | None, None),
    ]
    return msgspec.defstruct("Event", fields, rename={"entity": entity_field}, gc=False, omit_defaults=True)


def _cells(values: FloatArray) -> list[list[Any]]:
    """Return rows of numbers, None where there is none."""
    missing = np.isnan(values)
    if not missing.any():
        rows: list[list[Any]] = values.tolist()
        return rows
    cells = values.astype(np.object_)
    cells[missing] = None
    out: list[list[Any]] = cells.tolist()
    return out
