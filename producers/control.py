"""The control topic: listening to it while a replay runs, and saying something there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from producers.remote import Remote
from stream_app.errors import BrokerError, DataError
from stream_app.events import output_header
from stream_app.events.control import ReplayControl, decode_control
from stream_app.kafka import client_options, consumer_options, ensure_topics, reach
from stream_app.settings import KafkaSettings

__all__ = ["listening", "say"]

_POLL_MS = 200

_PARTITIONS = 1
"""Of a new topic: what is said first is heard first."""

_KEY = b"replay"
"""Of all messages, for the same where the topic has more partitions."""


@asynccontextmanager
async def listening(
    kafka: KafkaSettings, topic: str, remote: Remote, note: Callable[[str], None]
) -> AsyncIterator[None]:
    """Do, while the body runs, what is said from now on; what was said before is not heard.

    A message that makes no sense is noted and skipped. A topic that cannot be read is noted, too: the replay goes
    on without.

    Parameters
    ----------
    kafka : KafkaSettings
    topic : str
        Created when missing.
    remote : Remote
        Receives the commands; the replay reads it.
    note : callable
        Told what the user should know.
    """
    try:
        consumer = await _placed(kafka, topic)
    except BrokerError as error:
        note(f"nothing can be said to this replay while it runs: {error}")
        yield
        return
    task = asyncio.create_task(_listen(consumer, topic, remote, note))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


async def _placed(kafka: KafkaSettings, topic: str) -> AIOKafkaConsumer:
    """Return a consumer at the topic's end."""
    partitions = (await ensure_topics(kafka, {topic: _PARTITIONS}, create=True))[topic]

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **consumer_options(kafka), enable_auto_commit=False, auto_offset_reset="latest"
        )

    consumer = await reach(kafka, make, lambda c: c.stop())
    tps = [TopicPartition(topic, p) for p in range(partitions)]
    try:
        consumer.assign(tps)
        for tp, end in (await consumer.end_offsets(tps)).items():
            consumer.seek(tp, end)
    except KafkaError as error:
        await consumer.stop()
        raise BrokerError(f"{kafka.bootstrap}: topic {topic} cannot be read: {error}") from None
    return consumer


async def _listen(
    consumer: AIOKafkaConsumer, topic: str, remote: Remote, note: Callable[[str], None]
) -> None:
    try:
        while True:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    try:
                        message = decode_control(record.value)
                    except DataError as error:
                        note(f"{topic}, offset {record.offset}: ignored: {error}")
                        continue
                    if remote.take(message):
                        note(f"{topic}: {message.model_dump_json(exclude_none=True)}")
    except KafkaError as error:
        note(f"{topic} cannot be read any more, nothing can be said to this replay: {error}")


async def say(kafka: KafkaSettings, topic: str, message: ReplayControl) -> None:
    """Tell running replays something.

    Parameters
    ----------
    kafka : KafkaSettings
    topic : str
        Created when missing.
    message : ReplayControl

    Raises
    ------
    BrokerError
        When no broker answers, or it does not take the message.
    """
    await ensure_topics(kafka, {topic: _PARTITIONS}, create=True)
    producer = await reach(kafka, lambda: AIOKafkaProducer(**client_options(kafka)), lambda p: p.stop())
    try:
        value = message.model_dump_json(exclude_none=True).encode()
        await producer.send_and_wait(topic, value, key=_KEY, headers=[output_header(topic)])
    except KafkaError as error:
        raise BrokerError(f"{kafka.bootstrap}: topic {topic} does not take the message: {error}") from None
    finally:
        await producer.stop()
