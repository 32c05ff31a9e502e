"""Contestants that read a recorded topic to its end: the worker, a Faust agent with River's detectors, a bare loop.

Each runs in a process of its own, against a store of its own, and says what it and its servers have used between the
first moment at which it could work and the last event. The worker's end includes that all is stored.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from load.events import FLAT, PARTITIONS
from load.faust_agent import run_faust_agent
from load.servers import Place, Usage, resident_kib, usage

from stream_app.cli.loop import run
from stream_app.runtime.worker import Worker
from stream_app.settings import DetectorSettings, SensorStream, Settings
from stream_app.store import connect

__all__ = ["CONTESTANTS", "Run", "flat_topic", "in_child"]


@dataclass(frozen=True)
class Run:
    """One run of a contestant over so many events."""

    events: int
    seconds: float
    used: Usage
    peak_kib: float

    @property
    def rate(self) -> float:
        """Events a second by the clock."""
        return self.events / self.seconds

    def per_event(self, name: str) -> float:
        """CPU µs an event of one of the processes."""
        return float(getattr(self.used, name)) / self.events * 1e6


class Watch:
    """Takes time and usage between two moments."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._begin, self._used = time.perf_counter(), usage(os.getpid(), place)

    def run(self, events: int) -> Run:
        """Return what a run was since then."""
        seconds = time.perf_counter() - self._begin
        used = usage(os.getpid(), self._place) - self._used
        return Run(events, seconds, used, resident_kib(os.getpid(), "VmHWM"))


async def worker(
    place: Place, topic: str, events: int, *, detectors: tuple[str, ...] = (), **rest: Any
) -> Run:
    """Run the worker with its defaults until everything is stored."""
    extra = tuple(DetectorSettings(name=name) for name in detectors)
    stream = SensorStream(topic=topic, detectors=extra, **rest)
    settings = Settings(kafka=place.kafka, redis=place.redis, prefix=place.name, streams={"sensors": stream})
    settings = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"group": place.name})}
    )
    task = Worker(settings)
    running = asyncio.create_task(task.run())
    ready = asyncio.create_task(task.ready.wait())
    await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED)
    watch = Watch(place)
    while True:
        await asyncio.sleep(0.02)
        if running.done() or task.metrics.processed() >= events:
            break
    # A graceful stop stores what is not stored yet.
    task.stop()
    await running
    done = watch.run(events)
    store = await connect(settings.redis)
    keys = [store.keys.offsets(place.name, topic, number) for number in range(PARTITIONS)]
    stored = sum([int(await store.client.hget(key, "next") or 0) for key in keys])
    await store.close()
    if stored != events:
        raise SystemExit(f"{stored} of {events} events are stored")
    return done


async def worker_without_history(place: Place, topic: str, events: int) -> Run:
    """Run the worker without a history for charts."""
    return await worker(place, topic, events, history=False)


def flat_topic(topic: str) -> str:
    """Return the topic with the same readings as flat JSON."""
    return f"{topic}.flat"


async def worker_on_flat_json(place: Place, topic: str, events: int) -> Run:
    """Run the worker on flat JSON, by a mapping."""
    return await worker(place, flat_topic(topic), events, mapping=FLAT)


async def worker_and_river(place: Place, topic: str, events: int) -> Run:
    """Run the worker with River's ADWIN and Page-Hinkley beside its own detectors."""
    return await worker(place, topic, events, detectors=("adwin", "page_hinkley"))


async def faust_agent(place: Place, topic: str, events: int) -> Run:
    """Run a Faust agent, from its first event on."""
    watches: list[Watch] = []
    done: list[Run] = []
    await run_faust_agent(
        place,
        topic,
        events,
        began=lambda: watches.append(Watch(place)),
        ended=lambda: done.append(watches[0].run(events)),
    )
    return done[0]


async def bare_loop(place: Place, topic: str, events: int) -> Run:
    """Fetch and count: no program that reads through aiokafka is quicker."""
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka, enable_auto_commit=False)
    await consumer.start()
    tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    watch, count = Watch(place), 0
    while count < events:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            count += len(records)
    done = watch.run(events)
    await consumer.stop()
    return done


Contestant = Callable[[Place, str, int], Awaitable[Run]]

CONTESTANTS: dict[str, Contestant] = {
    "worker, defaults": worker,
    "worker, without history": worker_without_history,
    "worker, flat JSON by a mapping": worker_on_flat_json,
    "worker, and River's ADWIN and Page-Hinkley": worker_and_river,
    "Faust agent with River's, well written": faust_agent,
    "bare aiokafka loop, counting": bare_loop,
}


def _child(sender, name: str, place: Place, topic: str, events: int) -> None:
    sender.send(run(CONTESTANTS[name](place, topic, events)))


def in_child(name: str, place: Place, topic: str, events: int) -> Run:
    """Run a contestant in a process of its own, so that memory and garbage of one do not weigh on the next."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, name, place, topic, events))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise SystemExit(f"{name} ended by itself") from None
    finally:
        process.join()
