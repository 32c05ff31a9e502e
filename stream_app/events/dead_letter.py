"""Dead letters: raw bytes of an unusable event, with headers that give origin and reason.

The headers follow Kafka Connect's dead letter queue (``__connect.errors.*`` in
``DeadLetterQueueReporter``) under a prefix of our own, so that the same tools read them. They stand after the
headers that the event came with, which are kept.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from stream_app.errors import BadBatchError, DataError

__all__ = ["OUTPUT_HEADER", "DeadLetter", "Header", "Reason", "record_times"]

Header = tuple[str, bytes | None]
"""Name and value of a record's header."""

OUTPUT_HEADER = "__streamgauge.output"
"""Header of each record that Streamgauge writes to a topic of its own, whose name is the value."""

_PREFIX = "__streamgauge.errors."
_NAMES = frozenset(
    _PREFIX + field
    for field in (
        "topic",
        "partition",
        "offset",
        "timestamp",
        "exception.class.name",
        "exception.message",
        "cut.from",
    )
)
_MAX_MESSAGE = 500
_MAX_KEY = 100_000
_MAX_HEADERS = 100_000
_MAX_VALUE = 700_000
"""Together, with our own headers, they fit into Kafka's default of a mebibyte a record."""
_MAX_UNREAD = 65_536
"""Kept of an event that is refused for its size: it would be refused again, and a batch that compresses well holds thousands."""


class Reason(StrEnum):
    """Why an event was refused; the word is a header of the dead letter and a label of the counter."""

    NOT_JSON = "not_json"
    UNDECODABLE = "undecodable"
    SCHEMA = "schema"
    NOT_FINITE = "not_finite"
    TIMESTAMP = "timestamp"
    CHANNELS = "channels"
    LABEL = "label"
    PROBABILITIES = "probabilities"
    TOO_LARGE = "too_large"
    TOMBSTONE = "tombstone"
    LATE = "late"
    DUPLICATE = "duplicate"
    OUTPUT = "output"
    NO_ROOM = "no_room"
    """Of a source that is new, or names a new channel, where the sources of its partition take all that they may."""
    SERIES = "too_many_series"
    """Of a metric that is new, where the platform has as many series as are kept."""
    UNREADABLE = "unreadable"
    """Not an event but a whole batch on Kafka, which is named."""


class Record(Protocol):
    """A record as consumers return it."""

    @property
    def topic(self) -> str:
        """Topic of the record."""

    @property
    def partition(self) -> int:
        """Partition of the record."""

    @property
    def offset(self) -> int:
        """Offset of the record."""

    @property
    def key(self) -> bytes | None:
        """Its raw key."""

    @property
    def value(self) -> bytes | None:
        """Its raw value."""

    @property
    def timestamp(self) -> int:
        """Its time, in milliseconds; -1 where it has none."""

    @property
    def headers(self) -> Iterable[Header]:
        """Its headers."""


def record_times(records: Iterable[Record]) -> list[float]:
    """Return the times of records in epoch seconds; infinite where a record has none, as very old ones."""
    return [record.timestamp / 1000.0 if record.timestamp >= 0 else math.inf for record in records]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused event.

    Parameters
    ----------
    topic, partition, offset
        Where it came from.
    key, value : bytes or None
        The raw bytes, untouched.
    timestamp : int
        Of the event's record, in milliseconds; -1 where it had none.
    reason : Reason
        Reason of the refusal.
    message : str
        In words; cut at 500 characters, because it may quote the event.
    origin_headers : tuple of (name, value)
        Those that the event came with.
    cut_from : int or None
        Bytes that the event had, if it was too large to be kept whole.

    Examples
    --------
    >>> letter = DeadLetter("sensor.readings", 0, 7, b"a", b"{", 0, Reason.NOT_JSON, "EOF")
    >>> letter.headers()[2]
    ('__streamgauge.errors.offset', b'7')
    >>> DeadLetter.parse(letter.key, letter.value, 0, letter.headers()) == letter
    True
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    reason: Reason
    message: str
    origin_headers: tuple[Header, ...] = ()
    cut_from: int | None = None

    @classmethod
    def of_batch(cls, bad: BadBatchError) -> "DeadLetter":
        """Make the letter of a batch that cannot be read; kept of it is nothing, so that nobody sends it back."""
        place = (bad.topic, bad.partition, bad.first)
        return cls(*place, b"", None, -1, Reason.UNREADABLE, str(bad), cut_from=bad.size)

    @classmethod
    def of(cls, record: Record, reason: Reason, message: str) -> "DeadLetter":
        """Make the letter of a record.

        A record may have passed as one of a megabyte or, in a compressed batch, as a larger one; with our headers Kafka
        would refuse it, and the worker could never pass it. Such a letter keeps the beginning of key and value only, and so
        does that of an event that is refused for its size. Nor can a record without both be written: its letter has an empty key.
        """
        key, value, headers = record.key, record.value, tuple(record.headers)
        key = b"" if key is None and value is None else key
        head = sum(len(name.encode()) + len(content or b"") for name, content in headers)
        size = len(key or b"") + len(value or b"") + head
        most = _MAX_UNREAD if reason is Reason.TOO_LARGE else _MAX_VALUE
        whole = size <= most
        if not whole:
            key = None if key is None else key[:_MAX_KEY]
            value = None if value is None else value[:most]
            headers = headers if head <= _MAX_HEADERS else ()
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=key,
            value=value,
            timestamp=record.timestamp,
            reason=reason,
            message=message,
            origin_headers=headers,
            cut_from=None if whole else size,
        )

    def headers(self) -> list[Header]:
        """Headers of the dead letter's record: those of the event, then ours."""
        fields = {
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "timestamp": str(self.timestamp),
            "exception.class.name": self.reason.value,
            "exception.message": self.message[:_MAX_MESSAGE],
        }
        if self.cut_from is not None:
            fields["cut.from"] = str(self.cut_from)
        return [*self.origin_headers, *((_PREFIX + name, text.encode()) for name, text in fields.items())]

    @classmethod
    def parse(
        cls,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Iterable[Header],
    ) -> "DeadLetter":
        """Read a dead letter back from its record.

        Parameters
        ----------
        key, value : bytes or None
            Of the record.
        timestamp : int
            Of the record; taken for the event's own where the headers don't tell that, as Kafka Connect has it.
        headers : iterable of (name, value)
            Of the record. Ours are the last of their names: the event may have been a dead letter itself. The one that
            names an output topic is none of the event's.

        Raises
        ------
        DataError
            If the headers are not those of a dead letter.
        """
        given = tuple(header for header in headers if header[0] != OUTPUT_HEADER)
        last = {name: place for place, (name, _) in enumerate(given) if name in _NAMES}
        found = {
            name.removeprefix(_PREFIX): (given[place][1] or b"").decode(errors="replace")
            for name, place in last.items()
        }
        ours = set(last.values())
        try:
            return cls(
                topic=found["topic"],
                partition=int(found["partition"]),
                offset=int(found["offset"]),
                key=key,
                value=value,
                timestamp=int(found.get("timestamp", timestamp)),
                reason=Reason(found["exception.class.name"]),
                message=found["exception.message"],
                origin_headers=tuple(header for place, header in enumerate(given) if place not in ours),
                cut_from=int(found["cut.from"]) if "cut.from" in found else None,
            )
        except (KeyError, ValueError) as error:
            raise DataError(f"not a dead letter of Streamgauge: header {error} is missing or wrong") from None
