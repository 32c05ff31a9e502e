"""Sending records to Kafka and waiting until they are safe there."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.events import DeadLetter, output_header

__all__ = ["OutRecord", "event_record", "publish", "publish_letters"]


@dataclass(frozen=True, slots=True)
class OutRecord:
    """A record to be sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Event(Protocol):
    """What is told as a CloudEvent: an alert, a retraining trigger, an audit record."""

    @property
    def source(self) -> str:
        """What it is about."""

    def to_cloudevent(self) -> dict[str, Any]:
        """Envelope as CloudEvents 1.0 has it."""


def event_record(topic: str, event: Event) -> OutRecord:
    """Return an event as it stands on its topic, keyed by its source."""
    envelope = event.to_cloudevent()
    headers = [("content-type", b"application/cloudevents+json"), output_header(topic)]
    headers += [(name, envelope[name].encode()) for name in ("traceparent", "tracestate") if name in envelope]
    return OutRecord(topic, event.source.encode(), msgspec.json.encode(envelope), headers)


async def publish(producer: AIOKafkaProducer, records: Iterable[OutRecord], *, what: str) -> None:
    """Send records in their order and wait until all are acknowledged.

    Parameters
    ----------
    producer : AIOKafkaProducer
        Idempotent, so that its retries neither repeat nor reorder.
    records : iterable of OutRecord
        What to send.
    what : str
        Their name, for messages.

    Raises
    ------
    BrokerUnavailableError
        Kafka does not take them now; some may have been taken.
    BrokerError
        Kafka refuses them.
    """
    try:
        sent = [
            await producer.send(record.topic, key=record.key, value=record.value, headers=record.headers)
            for record in records
        ]
        await asyncio.gather(*sent)
    except KafkaError as error:
        if error.retriable or isinstance(error, KafkaTimeoutError):
            raise BrokerUnavailableError(f"Kafka does not take {what} now: {error!r}") from error
        raise BrokerError(f"Kafka refuses {what}: {error!r}") from error


async def publish_letters(producer: AIOKafkaProducer, topic: str, letters: Iterable[DeadLetter]) -> None:
    """Send dead letters, as `publish` does."""
    ours = output_header(topic)
    records = [OutRecord(topic, letter.key, letter.value, [*letter.headers(), ours]) for letter in letters]
    await publish(producer, records, what="dead letters")
