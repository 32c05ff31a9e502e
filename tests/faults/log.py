"""Logs of events: simulated water loops with planted faults, interleaved over partitions."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.water_loop import WaterLoop, draw_faults, simulate

__all__ = ["START", "Event", "Feed", "make_topic", "produce", "read_topic"]

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
    """

    def __init__(
        self,
        *,
        sources: int = 4,
        length: int = 3000,
        partitions: int = 2,
        seed: int = 1,
        faults: int | None = None,
        name: str = "pump",
    ) -> None:
        self.partitions = partitions
        self.total = sources * length
        count = max(2, length // 2500) if faults is None else faults
        clear = min(0.5, 1600 / length)
        self._recordings = [
            simulate(
                WaterLoop(start=START),
                length,
                [seed, i],
                draw_faults(count, float(length), seed + i, clear=clear) if i and length > 1600 else (),
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


async def read_topic(kafka: str, topics: Sequence[str]) -> dict[tuple[str, int], list]:
    """Read all that topics hold now, by topic and partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, auto_offset_reset="earliest", max_partition_fetch_bytes=8_388_608
    )
    await consumer.start()
    try:
        tps = []
        for topic in topics:
            # Asking for a topic's partitions makes the client learn them, and that takes a moment.
            partitions = consumer.partitions_for_topic(topic)
            while not partitions:
                await consumer._client.force_metadata_update()
                consumer._client.add_topic(topic)
                partitions = consumer.partitions_for_topic(topic)
                await asyncio.sleep(0.02)
            tps += [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(tps)
        begins = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, begins[tp])
        records: dict[tuple[str, int], list] = {(tp.topic, tp.partition): [] for tp in tps}
        open_tps = {tp for tp in tps if begins[tp] < ends[tp]}
        while open_tps:
            for tp, found in (await consumer.getmany(*open_tps, timeout_ms=500)).items():
                records[tp.topic, tp.partition] += [record for record in found if record.offset < ends[tp]]
            open_tps = {tp for tp in open_tps if await consumer.position(tp) < ends[tp]}
        return records
    finally:
        await consumer.stop()
