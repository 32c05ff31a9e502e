"""What the benchmarks of live features stand on: servers, a worker process, and what is known of its progress.

The servers are the embedded ones, or those that STREAMGAUGE_KAFKA and STREAMGAUGE_REDIS name. Topics and keys get a
prefix of their own; what a run leaves on named servers is removed at its end.
"""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.embedded import EmbeddedBroker, EmbeddedStore, free_port
from stream_app.embedded.child_process import end, spawn_supervised
from stream_app.events import Topics
from stream_app.kafka import client_options
from stream_app.settings import Settings
from stream_app.store import Store, connect

DEADLINE = 900.0
"""Seconds after which a worker that does not get on has failed."""


@asynccontextmanager
async def harness() -> AsyncIterator[Settings]:
    """Give settings with servers and a prefix that nobody else uses; processes started meanwhile have the same."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    before = dict(os.environ)
    broker = None if os.environ.get("STREAMGAUGE_KAFKA") else EmbeddedBroker()
    server = None if os.environ.get("STREAMGAUGE_REDIS") else EmbeddedStore()
    try:
        if broker:
            os.environ["STREAMGAUGE_KAFKA"] = broker.start()
        if server:
            os.environ["STREAMGAUGE_REDIS"] = server.start()
        os.environ |= {
            "STREAMGAUGE_PREFIX": name,
        }
        settings = Settings()
        try:
            yield settings
        finally:
            if server is None:
                await _remove_keys(settings)
            if broker is None:
                await _remove_topics(settings)
    finally:
        os.environ.clear()
        os.environ |= before
        for started in (server, broker):
            if started is not None:
                started.stop()


async def _remove_keys(settings: Settings) -> None:
    store = await connect(settings.redis)
    batch = []
    async for key in store.client.scan_iter(f"{settings.redis.key_prefix}:*", count=1000):
        batch.append(key)
        if len(batch) == 1000:
            await store.client.unlink(*batch)
            batch.clear()
    if batch:
        await store.client.unlink(*batch)
    await store.close()


async def _remove_topics(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    await admin.start()
    try:
        mine = [name for name in await admin.list_topics() if name.startswith(f"{settings.prefix}.")]
        await admin.delete_topics(mine)
    finally:
        await admin.close()


def streamgauge(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "stream_app", *arguments]


class WorkerProcess:
    """A worker in a process of its own, that can be killed and started again.

    Parameters
    ----------
    file : path
        The monitor file, which is written here.
    streams : str
        What it says of the streams.
    worker : str
        What it says of the worker.
    """

    def __init__(self, file: Path, streams: str, worker: str = "") -> None:
        self._port = free_port()
        own = f'instance = "bench"\nsession_timeout = "6s"\nmetrics_port = {self._port}\n{worker}\n'
        file.write_text(f"[worker]\n{own}\n{streams}")
        self.file = file
        self._log = file.with_suffix(".log")
        self._process = None

    def start(self) -> None:
        """Start it, again after it was killed or stopped."""
        self._process = spawn_supervised(streamgauge("worker", "--config", self.file), log=self._log)

    def check(self) -> None:
        """See that it still runs."""
        if self._process is None or self._process.poll() is not None:
            raise SystemExit(f"the worker ended by itself:\n{self.log()[-2000:]}")

    def kill(self) -> None:
        """End it as a crash would: SIGKILL."""
        self.check()
        process, self._process = self._process, None
        end(process, patience=0.0)

    def stop(self) -> None:
        """Let it finish what it has in hand, and leave."""
        process, self._process = self._process, None
        if process is not None:
            end(process, patience=20.0)

    def log(self) -> str:
        """Return what it has said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def counted(self, name: str) -> dict[str, float]:
        """Return a metric of this process: labels to value."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self._port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        found = [line.rpartition(" ") for line in lines if line.startswith(name)]
        return {labels.removeprefix(name): float(value) for labels, _, value in found}


class Progress:
    """How far a topic has been processed and stored."""

    def __init__(self, settings: Settings, store: Store, partitions: int) -> None:
        self.topic = Topics(settings.prefix).sessions
        self._settings = settings
        self._store = store
        self._keys = [
            store.keys.offsets(settings.worker.group, self.topic, number) for number in range(partitions)
        ]

    async def stored(self) -> int:
        """Sum of the stored positions: events that are done."""
        return sum([int(await self._store.client.hget(key, "next") or 0) for key in self._keys])

    async def forget(self) -> None:
        """Delete the stored positions; no worker may be running."""
        await self._store.client.delete(*self._keys)

    async def ends(self) -> int:
        """Sum of the ends of the partitions' logs: events that there are."""
        consumer = AIOKafkaConsumer(**client_options(self._settings.kafka))
        await consumer.start()
        try:
            tps = [TopicPartition(self.topic, number) for number in range(len(self._keys))]
            return sum((await consumer.end_offsets(tps)).values())
        finally:
            await consumer.stop()

    async def reach(self, events: int, worker: WorkerProcess) -> None:
        """Wait until so many events are done."""
        deadline = time.monotonic() + DEADLINE
        while (stored := await self.stored()) < events:
            worker.check()
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"{stored:,} of {events:,} events after {DEADLINE:.0f} s:\n{worker.log()[-2000:]}"
                )
            await asyncio.sleep(0.02)


async def call(*arguments: str | Path) -> str:
    """Run a command of ours to its end, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *streamgauge(*arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise SystemExit(f"streamgauge {' '.join(map(str, arguments))}: {err.decode()[-2000:]}")
    return out.decode()
