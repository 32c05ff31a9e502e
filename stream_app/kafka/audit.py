"""Writing to the audit log what a person did."""

import asyncio
import contextlib

from aiokafka import AIOKafkaProducer

from stream_app.errors import BrokerUnavailableError
from stream_app.events import AuditRecord, Topics
from stream_app.kafka.clients import reach
from stream_app.kafka.options import client_options
from stream_app.kafka.publishing import event_record, publish
from stream_app.kafka.topics import ensure_topics
from stream_app.settings import KafkaSettings

__all__ = ["append_audit"]

_ANSWER_SECONDS = 15.0
_CLOSE_SECONDS = 2.0


async def append_audit(
    kafka: KafkaSettings, record: AuditRecord, *, prefix: str = "", create: bool = True
) -> None:
    """Append a record to the audit log, and return when the broker has it.

    Parameters
    ----------
    kafka : KafkaSettings
        The broker.
    record : AuditRecord
        What was done. Writing it again is safe: readers keep the first of an id.
    prefix : str
        Of the topics, as in the worker's settings.
    create : bool
        Make the topic if it is not there, to keep all records for ever.

    Raises
    ------
    BrokerUnavailableError
        The broker does not answer.
    BrokerError
        It refuses, or the topic is not there and not to be made.
    """
    topic = Topics(prefix).audit
    await ensure_topics(kafka, {topic: 1}, create=create, kept={topic})
    options = client_options(kafka)

    def make() -> AIOKafkaProducer:
        return AIOKafkaProducer(**options, enable_idempotence=True)

    producer = await reach(kafka, make, lambda p: p.stop())
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await publish(producer, [event_record(topic, record)], what="the audit record")
    except TimeoutError:
        raise BrokerUnavailableError(
            f"Kafka at {kafka.bootstrap} does not take the audit record: no answer in {_ANSWER_SECONDS:.0f} s"
        ) from None
    finally:
        # It waits for deliveries, which never come where the broker is gone.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await producer.stop()
