"""Who reads an open loop: the worker, as its command line starts it, and a bare loop that does the least for an alert."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import redis
import redis.asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from load.events import CHANNELS, MEAN, PARTITIONS, Reading
from load.open_loop import FAULT
from load.servers import Place

from stream_app.cli.loop import run
from stream_app.embedded import free_port
from stream_app.embedded.child_process import end, spawn_supervised

__all__ = ["BareLoop", "WorkerProcess"]

DEADLINE = 60.0


class WorkerProcess:
    """A worker started by its command line.

    Parameters
    ----------
    place : Place
        Its servers, and the name of its group.
    folder : path
        Where its monitor file and its log go.
    streams : str
        What the monitor file says of the streams.
    """

    name = "worker"

    def __init__(self, place: Place, folder: Path, streams: str) -> None:
        self._place = place
        self._port = free_port()
        self._log = folder / "worker.log"
        file = folder / "streamgauge.toml"
        file.write_text(
            f'kafka = "{place.kafka}"\nredis = "{place.redis}"\n'
            f'[worker]\ngroup = "{place.name}"\nmetrics_port = {self._port}\n{streams}'
        )
        self._begun = time.perf_counter()
        self._process = spawn_supervised(
            [sys.executable, "-m", "stream_app", "worker", "--config", file], log=self._log
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until it reads its partitions."""
        self._wait(lambda: self._get("readyz") is not None)

    def wait_processed(self, events: int) -> float:
        """Wait until it has processed so many events; return the seconds since it was started."""
        self._wait(lambda: self.processed() >= events)
        return time.perf_counter() - self._begun

    def processed(self) -> float:
        """Events so far."""
        lines = (self._get("metrics") or "").splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith("streamgauge_events_total")
        )

    def alerts(self) -> Iterator[tuple[float, int, int]]:
        """Yield beginnings of alerts: when each was in the store (epoch seconds), and the event that fired it."""
        client = redis.Redis.from_url(self._place.redis)
        for entry, fields in client.xrange("sg:alerts"):
            alert = msgspec.json.decode(fields[b"alert"])
            if alert["state"] == "firing":
                yield int(entry.split(b"-")[0]) / 1e3, alert["partition"], alert["offset"]
        client.close()

    def stop(self) -> None:
        """End it gracefully."""
        end(self._process, patience=20.0)

    def _get(self, path: str) -> str | None:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=5).read().decode()
        return None

    def _wait(self, done) -> None:
        deadline = time.monotonic() + DEADLINE
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the worker does not get on:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.01)


async def _bare(place: Place, topic: str) -> None:
    """Fetch, decode, and put into a stream what is over a limit."""
    store = redis.asyncio.Redis.from_url(place.redis)
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka, enable_auto_commit=False)
    await consumer.start()
    tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    decode = msgspec.json.Decoder(Reading).decode
    limit, count = MEAN + FAULT / 2, 0
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await store.set("bare:ready", 1)
    while not stopped.is_set():
        for tp, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                if decode(record.value).values[CHANNELS[0]] > limit:
                    await store.xadd("bare:alerts", {"partition": tp.partition, "offset": record.offset})
            count += len(records)
        await store.set("bare:count", count)
    await consumer.stop()
    await store.aclose()


def _child(place: Place, topic: str) -> None:
    run(_bare(place, topic))


class BareLoop:
    """A loop of aiokafka's `getmany` and XADD: what an alert's way takes at least."""

    name = "bare aiokafka + XADD"

    def __init__(self, place: Place, topic: str) -> None:
        self._store = redis.Redis.from_url(place.redis)
        self._process = multiprocessing.get_context("spawn").Process(target=_child, args=(place, topic))
        self._process.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until it reads its partitions."""
        self._wait(lambda: self._store.get("bare:ready"))

    def wait_processed(self, events: int) -> None:
        """Wait until it has seen so many events."""
        self._wait(lambda: int(self._store.get("bare:count") or 0) >= events)

    def alerts(self) -> Iterator[tuple[float, int, int]]:
        """Yield entries: when each was in the store (epoch seconds), and the event it is about."""
        for entry, fields in self._store.xrange("bare:alerts"):
            yield int(entry.split(b"-")[0]) / 1e3, int(fields[b"partition"]), int(fields[b"offset"])

    def stop(self) -> None:
        """End it."""
        if self._process.is_alive():
            os.kill(self.pid, signal.SIGTERM)
        self._process.join()
        self._store.close()

    def _wait(self, done) -> None:
        deadline = time.monotonic() + DEADLINE
        while not done():
            if not self._process.is_alive() or time.monotonic() > deadline:
                raise SystemExit("the bare loop does not get on")
            time.sleep(0.01)
