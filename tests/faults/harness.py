"""The harness of one scenario: topic, settings, workers, and a look at what they have done."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from conftest import eventually
from faults.log import Event, Feed, make_topic, produce, read_topics
from faults.oracle import Comparison, Truth, compare, torn
from faults.supervisor import Supervisor

from stream_app.events import Topics
from stream_app.settings import Settings
from stream_app.store import Store, connect

__all__ = ["DETECTORS", "SHARED", "Harness"]

DETECTORS = """
[[streams.sensors.detectors]]
name = "adwin"

[[streams.sensors.detectors]]
name = "ks"
"""
"""Detectors beside the default ones, so that their state is restored too."""

SHARED = "[streams.sensors]\nexpected_sources = 8\n"
"""Sources are not counted here: how many partitions share the budget is not known before a worker sees new ones."""

_RETRIES = 40
"""Of this process's commands, over a minute: Sentinel names a new primary up to a second after the replica became it."""


class Harness:
    """What the workers of one scenario read and write, under names of its own.

    Parameters
    ----------
    name : str
        Of the scenario; prefix of all its topics and keys.
    kafka, redis : str
        Where this process reaches the servers.
    folder : path
        For the workers' logs.
    partitions : int
        Of the input topic.
    monitor : str
        The monitor file's text.
    worker_kafka, worker_redis : str, optional
        Where the workers reach them, if not as this process does.
    redis_options : mapping of str to object
        Further settings of Redis, such as ``{"cluster": True}``.
    **worker
        Settings of the workers, such as ``max_batch=100``.
    """

    def __init__(
        self,
        name: str,
        kafka: str,
        redis: str,
        folder: Path,
        *,
        partitions: int = 2,
        monitor: str = DETECTORS,
        worker_kafka: str | None = None,
        worker_redis: str | None = None,
        redis_options: Mapping[str, Any] = MappingProxyType({}),
        **worker: Any,
    ) -> None:
        self.kafka = kafka
        self.folder = folder
        self.partitions = partitions
        group = {"group": name, "session_timeout": 6.0, "checkpoint_interval": 0.2, "partitions": partitions}
        self._worker = group | worker
        content = {"streams": {"sensors": {}}} | tomllib.loads(monitor)
        self.settings = Settings(
            kafka=kafka,
            redis={"url": redis, **redis_options},
            prefix=name,
            worker=self._worker,
            **content,
        )
        self.topics = Topics(self.settings.prefix)
        self.topic = self.topics.sensors
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "streamgauge.toml"
        file.write_text(monitor, encoding="utf-8")
        env = {
            "STREAMGAUGE_CONFIG": str(file),
            "STREAMGAUGE_KAFKA": worker_kafka or kafka,
            "STREAMGAUGE_REDIS": worker_redis or redis,
            "STREAMGAUGE_PREFIX": self.settings.prefix,
        }
        env |= {f"STREAMGAUGE_WORKER__{key.upper()}": str(value) for key, value in self._worker.items()}
        env |= {f"STREAMGAUGE_REDIS__{key.upper()}": str(value) for key, value in redis_options.items()}
        self.workers = Supervisor(env, folder)
        self._store: Store | None = None
        self._producer: AIOKafkaProducer | None = None

    async def open(self, **configs: str) -> None:
        """Make the input topic, and reach the servers."""
        await make_topic(self.kafka, self.topic, self.partitions, **configs)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka,
            enable_idempotence=True,
            max_batch_size=262_144,
            request_timeout_ms=600_000,
        )
        await self._producer.start()
        self._store = await connect(self.settings.redis, retries=_RETRIES)

    async def close(self) -> None:
        """Kill what runs, and let go of the servers."""
        await self.workers.discard()
        if self._producer is not None:
            await self._producer.stop()
        if self._store is not None:
            await self._store.close()

    @property
    def store(self) -> Store:
        """Redis, as this process reaches it."""
        assert self._store is not None
        return self._store

    async def send(self, events: list[Event]) -> None:
        """Append events to the input topic."""
        await produce(self._producer, self.topic, events)

    @asynccontextmanager
    async def load(
        self, feed: Feed, piece: int, every: float
    ) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Send a piece of a feed every so many seconds while the block runs, and what is left at its end.

        Gives a function that waits for a position to move from where it is. Only here can it be asked: where no
        further events come, all may be processed before one begins to wait.
        """

        async def work() -> None:
            while events := feed.take(piece):
                await self.send(events)
                await asyncio.sleep(every)

        async def moved() -> None:
            beyond = await self.processed() + 1
            assert not task.done(), "the load ran dry; the feed is too short for this machine"
            await self.reached(beyond, 60.0)

        task = asyncio.create_task(work())
        try:
            yield moved
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.send(feed.take())

    async def positions(self) -> dict[int, int]:
        """Of each partition, the stored position."""
        group, keys = self.settings.worker.group, self.store.keys
        return {
            partition: int(
                await self.store.client.hget(keys.offsets(group, self.topic, partition), "next") or 0
            )
            for partition in range(self.partitions)
        }

    async def epochs(self) -> dict[int, int]:
        """Of each partition, how often it was claimed."""
        group, keys = self.settings.worker.group, self.store.keys
        return {
            partition: int(
                await self.store.client.hget(keys.offsets(group, self.topic, partition), "epoch") or 0
            )
            for partition in range(self.partitions)
        }

    async def processed(self) -> int:
        """Sum of the stored positions."""
        return sum((await self.positions()).values())

    async def ends(self) -> dict[int, int]:
        """Of each partition of the input topic, the offset after its last record."""
        tps = [TopicPartition(self.topic, partition) for partition in range(self.partitions)]
        return {tp.partition: end for tp, end in (await self._offsets(tps)).items()}

    async def _offsets(self, tps: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
        await consumer.start()
        try:
            return await consumer.end_offsets(tps)
        finally:
            await consumer.stop()

    async def reached(self, count: int, timeout: float = 120.0) -> None:
        """Wait until so many events have been processed."""

        async def far() -> bool:
            return await self.processed() >= count

        try:
            await eventually(far, timeout=timeout)
        except AssertionError:
            raise AssertionError(
                f"{count} events not within {timeout} s: at {await self.positions()}; {self._last_lines()}"
            ) from None

    async def caught_up(self, timeout: float = 120.0) -> None:
        """Wait until all that the log holds now has been processed."""
        ends = await self.ends()

        async def done() -> bool:
            positions = await self.positions()
            return all(positions[partition] >= end for partition, end in ends.items())

        try:
            await eventually(done, timeout=timeout)
        except AssertionError:
            raise AssertionError(
                f"not caught up within {timeout} s: at {await self.positions()} of {ends}; {self._last_lines()}"
            ) from None

    def _last_lines(self) -> dict[str, str]:
        return {worker.name: worker.last_line for worker in self.workers.workers}

    async def settled(self, timeout: float = 120.0) -> Comparison:
        """Wait until all is processed, stop the workers gracefully, and compare."""
        await self.caught_up(timeout)
        await self.workers.stop()
        return await self.compare()

    async def compare(self, before: Truth | None = None) -> Comparison:
        """Compare what the workers have left behind with the oracle, which went over `before` first."""
        return await compare(self.settings, self.store, self.kafka, self.topic, before)

    async def add_partitions(self, count: int) -> None:
        """Give the input topic so many partitions, and wait until the producer knows them."""
        admin = await self.admin()
        await admin.create_partitions({self.topic: NewPartitions(count)})
        await admin.close()
        self.partitions = count
        producer = self._producer
        assert producer is not None

        async def known() -> bool:
            await producer.client.force_metadata_update()
            return len(await producer.partitions_for(self.topic)) == count

        await eventually(known)

    async def letters(self) -> list[Any]:
        """Read the records of the dead-letter topic."""
        return await read_topics(self.kafka, [self.topics.dead_letters])

    async def half_written(self) -> list[str]:
        """Say what the stored states and the stored positions do not agree on; nothing, if all is well."""
        return await torn(self.settings, self.store, self.kafka, self.topic, await self.positions())

    async def admin(self) -> AIOKafkaAdminClient:
        """Return a started admin client; close it."""
        client = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await client.start()
        return client
