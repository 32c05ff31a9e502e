"""Dead letters: the raw bytes of an event that could not be used, with headers that say why.

The headers follow Kafka Connect's dead letter queue (``__connect.errors.*`` in
``DeadLetterQueueReporter``) under a prefix of our own, so that the same tools read them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from stream_app.errors import DataError

__all__ = ["DeadLetter", "Reason"]

_PREFIX = "__streamgauge.errors."
_MAX_MESSAGE = 500


class Reason(StrEnum):
    """Why an event was refused; the word is a header of the dead letter and a label of the counter."""

    NOT_JSON = "not_json"
    SCHEMA = "schema"
    NOT_FINITE = "not_finite"
    TIMESTAMP = "timestamp"
    CHANNELS = "channels"
    TOO_LARGE = "too_large"
    TOMBSTONE = "tombstone"
    LATE = "late"
    DUPLICATE = "duplicate"


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
        Of the record, in milliseconds.
    reason : Reason
        Why.
    message : str
        In words; cut at 500 characters, because it may quote the event.

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

    def headers(self) -> list[tuple[str, bytes]]:
        """Headers of the dead letter's record."""
        fields = {
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "exception.class.name": self.reason.value,
            "exception.message": self.message[:_MAX_MESSAGE],
        }
        return [(_PREFIX + name, text.encode()) for name, text in fields.items()]

    @classmethod
    def parse(
        cls,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Iterable[tuple[str, bytes]],
    ) -> "DeadLetter":
        """Read a dead letter back from its record.

        Raises
        ------
        DataError
            If the headers are not those of a dead letter.
        """
        found = {name.removeprefix(_PREFIX): text.decode(errors="replace") for name, text in headers}
        try:
            return cls(
                topic=found["topic"],
                partition=int(found["partition"]),
                offset=int(found["offset"]),
                key=key,
                value=value,
                timestamp=timestamp,
                reason=Reason(found["exception.class.name"]),
                message=found["exception.message"],
            )
        except (KeyError, ValueError) as error:
            raise DataError(f"not a dead letter of Streamgauge: header {error} is missing or wrong") from None
