"""Memory of a worker beside the number of sources: one event each, 1 to 150,000 of them, by kind of stream.

usage: python benchmarks/memory.py [--full] [--kind KIND ...] [--sources N ...]

Real servers: Apache Kafka (`make kafka`) and redis-server, a fresh store for each run. The events are there before the
worker starts, so that its deliveries are as large as they can be. Each run is a process of its own; its peak stands
beside what an idle worker of that kind holds. A run counts as whole if every position is at the end of its
partition and every source is in the store. Linux only. `--full` adds a million sources. Ends with 1 where the target is missed or
something is lost.
"""

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaProducer
from load.servers import Place, fresh_store, kafka, resident_kib
from rich.console import Console
from rich.table import Table

from stream_app.cli.loop import run
from stream_app.kafka import ensure_topics
from stream_app.monitors.sensors.compiling import compile_kernels
from stream_app.runtime.worker import Worker
from stream_app.settings import (
    ImageStream,
    KafkaSettings,
    PredictionStream,
    SensorStream,
    SessionStream,
    Settings,
    Stream,
)
from stream_app.store import connect

MOST_MB = 256.0
PARTITIONS = 16  # of which each keeps 100,000 sources

VIEW = {"name": "purchases", "features": {"spent": {"sum": "amount", "window": "30m"}}}
STREAMS: dict[str, type[Stream]] = {
    "sensors": SensorStream,
    "images": ImageStream,
    "predictions": PredictionStream,
    "sessions": SessionStream,
}

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Run:
    """One run: the most memory that the worker held, seconds, how many positions and sources are stored."""

    peak_kib: float
    seconds: float
    positions: int
    sources: int


def event(kind: str, number: int) -> bytes:
    name, ts = f"source-{number}", 1.6e9
    if kind == "predictions":
        return _encode({"source": name, "ts": ts, "id": f"id-{number}", "prediction": "cat"})
    if kind == "sessions":
        return _encode({"entity": name, "ts": ts, "type": "purchase", "values": {"amount": 1.5}})
    return _encode({"source": name, "ts": ts, "values": {"channel": float(number % 7)}})


def settings_of(place: Place, kind: str) -> Settings:
    options = {"views": (VIEW,)} if kind == "sessions" else {}
    stream = STREAMS[kind](topic=f"{place.name}.{kind}", **options)
    settings = Settings(kafka=place.kafka, redis=place.redis, prefix=place.name, streams={kind: stream})
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"group": place.name})})


async def send(place: Place, kind: str, sources: int) -> None:
    topic = f"{place.name}.{kind}"
    await ensure_topics(KafkaSettings(bootstrap=place.kafka), {topic: PARTITIONS}, create=True)
    producer = AIOKafkaProducer(bootstrap_servers=place.kafka, linger_ms=5, max_batch_size=262_144)
    await producer.start()
    sent = []
    for number in range(sources):
        sent.append(await producer.send(topic, event(kind, number), partition=number % PARTITIONS))
        if len(sent) == 10_000:
            await asyncio.gather(*sent)
            sent.clear()
    await producer.stop()


async def work(place: Place, kind: str, sources: int) -> Run:
    settings = settings_of(place, kind)
    task = Worker(settings)
    begin = time.perf_counter()
    running = asyncio.create_task(task.run())
    while True:
        await asyncio.sleep(0.05)
        if running.done() or task.metrics.processed() >= sources:
            break
    seconds = time.perf_counter() - begin
    # A graceful stop stores what is not stored yet.
    task.stop()
    await running
    peak = resident_kib(os.getpid(), "VmHWM")
    store = await connect(settings.redis)
    topic, positions, found = f"{place.name}.{kind}", 0, 0
    for number in range(PARTITIONS):
        key = store.keys.offsets(place.name, topic, number)
        positions += int(await store.client.hget(key, "next") or 0)
        found += await store.client.hlen(store.keys.seen(place.name, topic, number))
    if kind == "sessions":
        logs = store.keys.features("purchases", 1, "source").replace("source", "*", 1)
        found = len([key async for key in store.client.scan_iter(logs, count=1000)])
    await store.close()
    return Run(peak, seconds, positions, found)


def _child(sender, place: Place, kind: str, sources: int) -> None:
    sender.send(run(work(place, kind, sources)))


def in_child(place: Place, kind: str, sources: int) -> Run:
    """Run a worker in a process of its own."""
    asyncio.run(send(place, kind, sources))
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, place, kind, sources))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise SystemExit(f"the worker of {kind} ended by itself") from None
    finally:
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="a million sources, too")
    parser.add_argument("--kind", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--sources", nargs="+", type=int, default=[1000, 150_000])
    options = parser.parse_args()
    numbers = [*options.sources, *([1_000_000] if options.full else [])]
    compile_kernels()  # no run waits for it
    shown, missed = Table(title=f"Memory of a worker, one event a source, {PARTITIONS} partitions"), False
    for heading in ("kind", "sources", "peak MB", "above idle MB", "seconds", "nothing lost"):
        shown.add_column(heading, justify="right" if shown.columns else "left")
    with kafka() as broker:
        for kind in options.kind:
            idle = 0.0
            for sources in [1, *numbers]:
                with fresh_store(broker) as place:
                    made = in_child(place, kind, sources)
                idle = idle or made.peak_kib
                above = (made.peak_kib - idle) / 1024.0
                whole = made.positions == made.sources == sources
                missed |= above > MOST_MB or not whole
                shown.add_row(
                    kind, f"{sources:,}", f"{made.peak_kib / 1024.0:.0f}",
                    f"{above:.0f} (<= {MOST_MB:.0f}{'' if above <= MOST_MB else ', MISSED'})",
                    f"{made.seconds:.1f}", "yes" if whole else f"NO: {made.positions:,} and {made.sources:,}",
                )  # fmt: skip
                Console(width=130).print(shown)
    sys.exit(missed)


if __name__ == "__main__":
    main()
