"""From Kafka to Redis: scrapes of a platform of 500 nodes with 40 metrics each, by a worker on one core, and the memory that it takes.

usage: python benchmarks/platform/throughput.py [--nodes N] [--metrics N] [--scrapes N]

Real servers: Apache Kafka (`make kafka`) and redis-server. The records are there before the worker starts, a scrape of a node
each, fifteen seconds of event time apart, with completions of queries between them; a node fails near the end. The worker has
processed all of them when its last position is stored; its windows, live features and the snapshot for the page are in Redis
then. CPU is that of the worker's process, all of its threads; on a machine that others use, the clock says less. The state is
packed once more at the end, alone. Linux only. Ends with 1 where a target is missed.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
from aiokafka import AIOKafkaProducer
from load.servers import Place, Usage, fresh_store, kafka, resident_kib, usage
from rich.console import Console
from rich.table import Table

from stream_app.cli.loop import run
from stream_app.kafka import ensure_topics
from stream_app.runtime.worker import Worker
from stream_app.settings import KafkaSettings, PlatformStream, Settings
from stream_app.store import (
    CheckpointStore,
    Claim,
    FeatureReader,
    PlatformReader,
    connect,
    pack_state,
    unpack_state,
)

LEAST_RATE = 20_000.0
MOST_MB = 1024.0
MOST_STATE_MB = 30.0
MOST_PACKING_MS = 50.0

START = 1_770_000_000.0
EVERY = 15.0

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Run:
    """One run: samples, seconds by the clock, what processes used, memory at most, state in bytes, milliseconds to pack it."""

    samples: int
    seconds: float
    used: Usage
    peak_kib: float
    windows: float
    snapshot: bool
    state_bytes: int
    packing_ms: float


def scrapes(nodes: int, metrics: int, count: int):
    """Yield the records' values."""
    chance = random.Random(1)
    totals = [0.0] * (nodes * metrics)
    for step in range(count):
        for node in range(nodes):
            ts = START + EVERY * step + EVERY * node / nodes
            labels = {"instance": f"worker-{node}:9100", "job": "node"}
            samples = []
            for metric in range(metrics):
                if metric % 2:
                    value = chance.gauss(50.0, 3.0)
                    samples.append(
                        {
                            "name": "jvm_memory_used_bytes",
                            "labels": labels | {"area": f"pool-{metric}"},
                            "value": value,
                        }
                    )
                    continue
                totals[node * metrics + metric] += chance.uniform(10.0, 20.0)
                value = totals[node * metrics + metric]
                samples.append(
                    {
                        "name": "http_requests_total",
                        "labels": labels | {"handler": f"h{metric}"},
                        "value": value,
                    }
                )
            yield _encode({"source": "prod", "ts": ts, "samples": samples})


def settings_of(place: Place) -> Settings:
    stream = PlatformStream(topic=f"{place.name}.platform")
    settings = Settings(kafka=place.kafka, redis=place.redis, prefix=place.name, streams={"platform": stream})
    worker = settings.worker.model_copy(update={"group": place.name, "partitions": 1})
    return settings.model_copy(update={"worker": worker})


async def send(place: Place, nodes: int, metrics: int, count: int) -> int:
    topic = f"{place.name}.platform"
    await ensure_topics(KafkaSettings(bootstrap=place.kafka), {topic: 1}, create=True)
    producer = AIOKafkaProducer(bootstrap_servers=place.kafka, linger_ms=5, max_batch_size=262_144)
    await producer.start()
    sent, records = [], 0
    for value in scrapes(nodes, metrics, count):
        sent.append(await producer.send(topic, value, partition=0))
        records += 1
        if len(sent) == 1000:
            await asyncio.gather(*sent)
            sent.clear()
    await producer.stop()
    return records


async def work(place: Place, records: int, samples: int) -> Run:
    settings = settings_of(place)
    task = Worker(settings)
    running = asyncio.create_task(task.run())
    await asyncio.wait((asyncio.create_task(task.ready.wait()), running), return_when=asyncio.FIRST_COMPLETED)
    begin, before = time.perf_counter(), usage(os.getpid(), place)
    while True:
        await asyncio.sleep(0.05)
        if running.done() or task.metrics.processed() >= records:
            break
    # A graceful stop stores what is not stored yet.
    task.stop()
    await running
    seconds, used = time.perf_counter() - begin, usage(os.getpid(), place) - before
    peak = resident_kib(os.getpid(), "VmHWM")
    store = await connect(settings.redis)
    row = await FeatureReader(store, "platform").get("prod")
    snapshot = await PlatformReader(store, "platform").get("prod")
    topic = f"{place.name}.platform"
    stored = await CheckpointStore(store, place.name).states(
        Claim(place.name, topic, 0, 0, "", None), ["prod"]
    )
    await store.close()
    if row is None or row.values["samples"] != samples:
        raise SystemExit(f"{0 if row is None else row.values['samples']} of {samples} samples are counted")
    state = unpack_state(stored["prod"], "the stored state")
    packing = min(_packing(state) for _ in range(5))
    return Run(
        samples, seconds, used, peak, float(row.values["windows"] or 0.0), snapshot is not None, len(stored["prod"]), packing
    )  # fmt: skip


def _packing(state: dict) -> float:
    begin = time.process_time()
    pack_state(state)
    return 1e3 * (time.process_time() - begin)


def _child(sender, place: Place, records: int, samples: int) -> None:
    sender.send(run(work(place, records, samples)))


def in_child(place: Place, records: int, samples: int) -> Run:
    """Run a worker in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, place, records, samples))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise SystemExit("the worker ended by itself") from None
    finally:
        process.join()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--metrics", type=int, default=40)
    parser.add_argument("--scrapes", type=int, default=60)
    arguments = parser.parse_args()
    with kafka() as broker, fresh_store(broker) as place:
        records = asyncio.run(send(place, arguments.nodes, arguments.metrics, arguments.scrapes))
        found = in_child(place, records, records * arguments.metrics)
    rate = found.samples / found.used.worker
    rows = [
        ("samples a second of one core", rate, LEAST_RATE, rate >= LEAST_RATE),
        ("most memory of the worker, MB", found.peak_kib / 1024, MOST_MB, found.peak_kib / 1024 <= MOST_MB),
        (
            "state in Redis, MB",
            found.state_bytes / 1e6,
            MOST_STATE_MB,
            found.state_bytes / 1e6 <= MOST_STATE_MB,
        ),
        (
            "packing of the state, CPU ms",
            found.packing_ms,
            MOST_PACKING_MS,
            found.packing_ms <= MOST_PACKING_MS,
        ),
    ]
    table = Table(
        title=f"{arguments.nodes} nodes of {arguments.metrics} metrics, {found.samples:,} samples in {records:,} records"
    )
    for column in ("", "measured", "target", ""):
        table.add_column(column, justify="left" if not column else "right")
    for name, value, target, good in rows:
        table.add_row(name, f"{value:,.1f}", f"{target:,.0f}", "met" if good else "missed")
    console = Console(width=110)
    console.print(table)
    console.print(
        f"worker {found.used.worker / found.samples * 1e6:.1f} µs of CPU a sample, Kafka "
        f"{found.used.kafka / found.samples * 1e6:.1f}, Redis {found.used.redis / found.samples * 1e6:.1f}; "
        f"{found.seconds / found.samples * 1e6:.1f} µs by the clock; {found.windows:.0f} windows closed, "
        f"snapshot {'there' if found.snapshot else 'missing'}"
    )
    return 0 if all(good for *_, good in rows) and found.snapshot else 1


if __name__ == "__main__":
    sys.exit(main())
