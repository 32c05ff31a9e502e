"""Logs of events: simulated water loops with planted faults, interleaved over partitions."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.water_loop import Fault, WaterLoop, draw_faults, simulate

__all__ = ["START", "Cycle", "Event", "Feed", "make_topic", "produce", "read_topics", "scan"]

START = 1_700_000_000
"""Event time of the first event, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Event:
    """A record to be produced."""

    partition: int
    key: bytes
    value: bytes | None
    timestamp_ms: int


class Feed:
    """Readings of several simulated loops, one a second each, handed out in pieces.

    The same arguments give the same events with the same record timestamps. All sources but the first have
    faults planted, so that every kind of alert comes up.

    Parameters
    ----------
    sources : int
        Loops; the i-th writes to partition i % `partitions`.
    length : int
        Events of each source.
    seed : int
        Of the simulation and of the faults.
    faults : int, optional
        Of each source; more the longer it is, where none is said.
    planted : sequence of Fault
        Those of all sources, in place of random ones.
    """

    def __init__(
        self,
        *,
        sources: int = 4,
        length: int = 3000,
        partitions: int = 2,
        seed: int = 1,
        faults: int | None = None,
        planted: Sequence[Fault] = (),
        name: str = "pump",
    ) -> None:
        self.partitions = partitions
        self.total = sources * length
        number = (max(2, length // 2500) if length >= 500 else 0) if faults is None else faults
        clear = min(0.6, 1600 / length)
        self._recordings = [
            simulate(
                WaterLoop(start=START),
                length,
                [seed, i],
                planted
                or (draw_faults(number, float(length), seed + i, clear=clear) if i and number else ()),
            )
            for i in range(sources)
        ]
        self._name = name
        self._events = self._all()

    def take(self, count: int | None = None) -> list[Event]:
        """Return the next events; all that are left where no number is given."""
        return list(islice(self._events, count))

    def _all(self) -> Iterator[Event]:
        encode = msgspec.json.Encoder().encode
        names = [f"{self._name}-{i}" for i in range(len(self._recordings))]
        keys = [name.encode() for name in names]
        for step in range(len(self._recordings[0])):
            for i, recording in enumerate(self._recordings):
                ts = float(recording.ts[step])
                values = dict(zip(recording.channels, recording.values[step].tolist(), strict=True))
                value = encode({"source": names[i], "ts": ts, "values": values})
                yield Event(i % self.partitions, keys[i], value, int(ts * 1000))


class Cycle:
    """Readings without end, made fast: some rows, encoded once, come again and again at ever later times.

    Parameters
    ----------
    sources : int
        One event each a second; the i-th writes to partition i % `partitions`.
    rows : int
        Rows of each source that are cycled through.
    """

    def __init__(self, *, sources: int, rows: int = 2000, partitions: int = 2, seed: int = 1) -> None:
        encode = msgspec.json.Encoder().encode
        self.partitions = partitions
        self._sources = []
        for i in range(sources):
            name = f"pump-{i}"
            recording = simulate(WaterLoop(), rows, [seed, i])
            tails = [
                b',"values":' + encode(dict(zip(recording.channels, row, strict=True))) + b"}"
                for row in recording.values.tolist()
            ]
            self._sources.append(
                (i % partitions, name.encode(), b'{"source":"%s","ts":' % name.encode(), tails)
            )
        self._events = self._all()

    def take(self, count: int) -> list[Event]:
        """Return the next events."""
        return list(islice(self._events, count))

    def _all(self) -> Iterator[Event]:
        for step in count():
            ts = START + step
            for partition, key, head, tails in self._sources:
                yield Event(partition, key, b"%s%d%s" % (head, ts, tails[step % len(tails)]), ts * 1000)


async def make_topic(kafka: str, topic: str, partitions: int, **configs: str) -> None:
    """Make a topic that keeps what it gets: event times, and so record times, lie years back."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        answer = await admin.create_topics(
            [NewTopic(topic, partitions, 1, topic_configs={"retention.ms": "-1"} | configs)]
        )
        failed = [error for error in answer.topic_errors if error[1]]
        assert not failed, failed
        while True:
            (found,) = await admin.describe_topics([topic])
            if found["error_code"] == 0 and len(found["partitions"]) == partitions:
                return
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def produce(producer: AIOKafkaProducer, topic: str, events: Iterable[Event]) -> None:
    """Append events to their partitions, in their order; returns when the broker has them all."""
    by_partition: dict[int, list[Event]] = {}
    for event in events:
        by_partition.setdefault(event.partition, []).append(event)
    waiting = []
    for partition, group in by_partition.items():
        batch = producer.create_batch()
        for event in group:
            # A batch that is full takes no more: it goes, and the event into the next.
            while not batch.append(timestamp=event.timestamp_ms, key=event.key, value=event.value):
                batch.close()
                waiting.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
        batch.close()
        waiting.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*waiting)


async def scan(kafka: str, topics: Sequence[str]) -> AsyncIterator[tuple[str, int, list]]:
    """Read all that topics hold now, in pieces: topic, partition, and records in the order of their offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=8_388_608,
    )
    await consumer.start()
    try:
        tps = []
        for topic in topics:
            # Asking for a topic's partitions makes the client learn them, and that takes a moment.
            while not (partitions := consumer.partitions_for_topic(topic)):
                await consumer._client.add_topic(topic)
                await asyncio.sleep(0.02)
            tps += [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(tps)
        begins = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, begins[tp])
        unread = {tp for tp in tps if begins[tp] < ends[tp]}
        while unread:
            for tp, found in (await consumer.getmany(*unread, timeout_ms=500)).items():
                yield tp.topic, tp.partition, [record for record in found if record.offset < ends[tp]]
            unread = {tp for tp in unread if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()


async def read_topics(kafka: str, topics: Sequence[str]) -> list:
    """Read all records that topics hold now; within a partition they are in order."""
    return [record async for _, _, found in scan(kafka, topics) for record in found]
