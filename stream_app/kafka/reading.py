"""Reading what a topic holds now, from one offset to another, and then being done."""

import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.kafka.clients import reach
from stream_app.kafka.options import consumer_options
from stream_app.kafka.topics import ensure_topics, nearest_topic
from stream_app.settings import KafkaSettings

__all__ = ["TopicReader", "reading"]

_PATIENCE_SECONDS = 20.0
"""Without a record or an answer for so long the broker counts as gone."""

_POLL_MS = 500

NEWEST_BYTES = 1 << 26
"""Bytes of the newest records that are looked at, unless another number is asked for."""

_FIRST_STEP = 64
"""Records of each partition that are read first."""


class TopicReader:
    """Reads parts of topics; made by `reading`.

    Parameters
    ----------
    kafka : KafkaSettings
        Address of the broker, named in errors.
    consumer : AIOKafkaConsumer
        Started, without a group.
    """

    def __init__(self, kafka: KafkaSettings, consumer: AIOKafkaConsumer) -> None:
        self.kafka = kafka
        self._consumer = consumer
        self._partitions: dict[str, int] = {}

    async def topics(self) -> set[str]:
        """Return the names of all topics.

        Raises
        ------
        BrokerError
            If Kafka cannot be reached or refuses.
        """
        with _kafka_errors(self.kafka, "topics cannot be listed"):
            return set(await self._consumer.topics())

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has.

        Raises
        ------
        BrokerError
            If it is not there.
        """
        if topic not in self._partitions:
            known = await self.topics()
            if topic not in known:
                near = nearest_topic(topic, known)
                raise BrokerError(
                    f"Kafka at {self.kafka.bootstrap} has no topic {topic}; is "
                    + (f"it {near}, or is the prefix right?" if near else "the prefix right?")
                )
            self._partitions |= await ensure_topics(self.kafka, {topic: 1}, create=False)
        return self._partitions[topic]

    async def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return the first offset of each partition, and the one after its last."""
        tps = [TopicPartition(topic, p) for p in range(await self.partitions(topic))]
        with _kafka_errors(self.kafka, f"topic {topic} cannot be read"):
            begins = await self._consumer.beginning_offsets(tps)
            ends = await self._consumer.end_offsets(tps)
        return {tp.partition: (begins[tp], ends[tp]) for tp in tps}

    async def newest(self, topic: str, count: int, max_bytes: int = NEWEST_BYTES) -> list[Any]:
        """Return the newest records of each partition, about so many in all, in the order of their partitions and offsets.

        Read from the end in steps that grow, so that large records are not all read before it is known that they are.

        Parameters
        ----------
        topic : str
            Its name.
        count : int
            An equal part of each partition, one at least.
        max_bytes : int
            Most bytes of their keys, values and headers; an equal part of each partition, and one record at least.

        Raises
        ------
        BrokerError
            If the topic is not there or cannot be read.
        """
        spans = await self.spans(topic)
        share, room = max(1, count // max(1, len(spans))), max_bytes // max(1, len(spans))
        parts = {
            partition: _Newest(max(begin, end - share), end, room)
            for partition, (begin, end) in spans.items()
            if begin < end
        }
        step = _FIRST_STEP
        while wanted := {partition: part.before(step) for partition, part in parts.items() if part.is_open}:
            async for record in self.between(topic, wanted):
                parts[record.partition].add(record)
            for partition in wanted:
                parts[partition].close_step()
            step *= 2
        return [record for partition in sorted(parts) for record in parts[partition].records]

    async def between(self, topic: str, spans: Mapping[int, tuple[int, int]]) -> AsyncIterator[Any]:
        """Yield the records of each partition from an offset to before another, in the order of a partition.

        Raises
        ------
        BrokerUnavailableError
            If the broker stops answering.
        """
        ends = {TopicPartition(topic, p): end for p, (begin, end) in spans.items() if begin < end}
        if not ends:
            return
        self._consumer.assign(list(ends))
        for tp in ends:
            self._consumer.seek(tp, spans[tp.partition][0])
        behind, heard = set(ends), time.monotonic()
        while behind:
            with _kafka_errors(self.kafka, f"topic {topic} cannot be read"):
                found = await self._consumer.getmany(*behind, timeout_ms=_POLL_MS)
                # Not every offset holds a record: the end is where the position says so.
                behind = {tp for tp in behind if await self._consumer.position(tp) < ends[tp]}
            if found:
                heard = time.monotonic()
            elif behind and time.monotonic() - heard > _PATIENCE_SECONDS:
                raise BrokerUnavailableError(
                    f"Kafka at {self.kafka.bootstrap}: topic {topic}: nothing came for {_PATIENCE_SECONDS:.0f} s"
                )
            for tp, records in found.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield record


class _Newest:
    """The newest records of a partition within a number of bytes, read in steps from the end."""

    def __init__(self, first: int, end: int, room: int) -> None:
        self._first, self._end, self._room = first, end, room
        self._step: deque[Any] = deque()
        self._step_bytes = 0
        self.records: list[Any] = []
        self.is_open = first < end

    def before(self, step: int) -> tuple[int, int]:
        """Return the offsets of the next step."""
        begin, end = max(self._first, self._end - step), self._end
        self._end, self.is_open = begin, begin > self._first
        return begin, end

    def add(self, record: Any) -> None:
        """Take a record of this step, in the order of offsets; those before it that there is no room for go."""
        self._step.append(record)
        self._step_bytes += _bytes_of(record)
        while self._step_bytes > self._room and len(self._step) + len(self.records) > 1:
            self._step_bytes -= _bytes_of(self._step.popleft())
            self.is_open = False

    def close_step(self) -> None:
        """Put what the step brought before what the steps before it did."""
        self.records[:0] = self._step
        self._room -= self._step_bytes
        self._step.clear()
        self._step_bytes = 0


def _bytes_of(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


@contextmanager
def _kafka_errors(kafka: KafkaSettings, what: str) -> Iterator[None]:
    """Turn errors of the client into ours."""
    try:
        yield
    except KafkaError as error:
        kind = BrokerUnavailableError if error.retriable else BrokerError
        raise kind(f"Kafka at {kafka.bootstrap}: {what}: {error}") from error


@asynccontextmanager
async def reading(kafka: KafkaSettings) -> AsyncIterator[TopicReader]:
    """Connect a reader for as long as the body runs.

    Raises
    ------
    BrokerError
        If no broker answers.
    """

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **consumer_options(kafka), enable_auto_commit=False, auto_offset_reset="earliest"
        )

    consumer = await reach(kafka, make, lambda c: c.stop())
    try:
        yield TopicReader(kafka, consumer)
    finally:
        await consumer.stop()
