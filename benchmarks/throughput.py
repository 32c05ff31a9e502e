"""Events a second from Kafka to Redis: this worker, and a plain per-event Faust agent beside it.

Both read the same recorded events of one topic: 8 channels, 64 sources, normal noise. The plain agent does for
every event what one would write first: validate it, update ADWIN and Page-Hinkley and a rolling mean and variance
on each channel with River, and write the source's features to Redis. The worker is measured with its defaults, and
with the same River detectors on top of them.

The worker's time runs from when it has its partitions to when it has stored everything and stopped, learning and
the first fetch included; the plain agent's from its first event to its last.

    python benchmarks/throughput.py [--events 200000] [--plain-events 30000]
"""

import argparse
import asyncio
import multiprocessing
import resource
import tempfile
import time

import faust
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from river import drift, stats, utils

from stream_app.cli.loop import run
from stream_app.embedded import EmbeddedBroker, EmbeddedStore
from stream_app.events import SensorReading
from stream_app.kafka import ensure_topics
from stream_app.runtime.kafka import start_producer
from stream_app.runtime.worker import Worker
from stream_app.settings import DetectorSettings, SensorStream, Settings
from stream_app.store import connect

SOURCES = 64
CHANNELS = 8
PARTITIONS = 4
TOPIC = "sensor.readings"


async def record(settings, events, seed=0):
    """Fill the topic; real-valued noise, because constants would compress and compare unlike measurements."""
    await ensure_topics(settings.kafka, {TOPIC: PARTITIONS}, create=True)
    producer = await start_producer(settings.kafka)
    values = np.random.default_rng(seed).normal(20.0, 3.0, (events, CHANNELS))
    names = [f"channel-{j}" for j in range(CHANNELS)]
    size = 0
    for i, row in enumerate(values.tolist()):
        source = f"pump-{i % SOURCES}"
        event = {"source": source, "ts": 1.6e9 + i // SOURCES, "values": dict(zip(names, row, strict=True))}
        value = msgspec.json.encode(event)
        size += len(value)
        await producer.send(TOPIC, value=value, key=source.encode())
    await producer.stop()
    return size / events


async def run_worker(settings, events):
    worker = Worker(settings)
    task = asyncio.create_task(worker.run())
    store = await connect(settings.redis)
    keys = [store.keys.offsets(settings.worker.group, TOPIC, p) for p in range(PARTITIONS)]
    ready = asyncio.create_task(worker.ready.wait())
    await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
    begin = time.perf_counter()
    while True:
        await asyncio.sleep(0.02)
        if task.done():
            task.result()
        if worker.metrics.processed() >= events:
            break
    # A graceful stop stores what is not stored yet.
    worker.stop()
    await task
    seconds = time.perf_counter() - begin
    stored = [int(await store.client.hget(key, "next") or 0) for key in keys]
    await store.close()
    if sum(stored) != events:
        raise SystemExit(f"{sum(stored)} of {events} events are stored")
    return events / seconds


async def run_plain(settings, events):
    store = await connect(settings.redis)
    with tempfile.TemporaryDirectory() as datadir:
        app = faust.App(
            "plain", broker=f"kafka://{settings.kafka.bootstrap}", datadir=datadir, web_enabled=False,
            topic_disable_leader=True, topic_allow_declare=False,
        )  # fmt: skip
        state, times, finished = {}, [], asyncio.Event()

        @app.agent(app.topic(TOPIC, value_serializer="raw"))
        async def watch(stream):
            async for value in stream:
                reading = SensorReading.model_validate_json(value)
                features = {}
                for channel, x in reading.values.items():
                    key = (reading.source, channel)
                    if key not in state:
                        state[key] = (
                            drift.ADWIN(), drift.PageHinkley(),
                            utils.Rolling(stats.Mean, window_size=60), utils.Rolling(stats.Var, window_size=60),
                        )  # fmt: skip
                    adwin, page_hinkley, mean, variance = state[key]
                    adwin.update(x)
                    page_hinkley.update(x)
                    mean.update(x)
                    variance.update(x)
                    features[f"{channel}.mean"] = mean.get()
                    features[f"{channel}.var"] = variance.get()
                    features[f"{channel}.drift"] = int(adwin.drift_detected or page_hinkley.drift_detected)
                await store.client.hset(f"plain:{reading.source}", mapping=features)
                times.append(time.perf_counter())
                if len(times) >= events:
                    finished.set()

        app.finalize()
        await app.start()
        await finished.wait()
        await app.stop()
    await store.close()
    return (len(times) - 1) / (times[-1] - times[0])


def in_child(function, *arguments):
    """Run in a process of its own, so that memory and garbage of one do not weigh on the next."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child():
        rate = run(function(*arguments))
        sender.send((rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def with_group(settings, group, streams=None):
    worker = settings.worker.model_copy(update={"group": group})
    return settings.model_copy(update={"worker": worker} | ({"streams": streams} if streams else {}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--plain-events", type=int, default=30_000)
    options = parser.parse_args()
    broker, store = EmbeddedBroker(), EmbeddedStore()
    settings = Settings(kafka=broker.start(), redis=store.start())
    try:
        size = asyncio.run(record(settings, options.events))
        river = SensorStream(
            detectors=(DetectorSettings(name="adwin"), DetectorSettings(name="page_hinkley"))
        )
        runs = [
            ("worker, defaults", in_child(run_worker, with_group(settings, "defaults"), options.events)),
            (
                "worker, and River's ADWIN and Page-Hinkley",
                in_child(run_worker, with_group(settings, "river", {"sensors": river}), options.events),
            ),
            ("plain Faust agent, per event", in_child(run_plain, settings, options.plain_events)),
        ]
    finally:
        store.stop()
        broker.stop()
    plain = runs[-1][1][0]
    table = Table(
        title=f"{options.events:,} events of {SOURCES} sources, {CHANNELS} channels, {size:.0f} bytes each"
    )
    table.add_column("path")
    for heading in ("events/s", "ratio", "peak memory MB"):
        table.add_column(heading, justify="right")
    for name, (rate, memory) in runs:
        table.add_row(name, f"{rate:,.0f}", f"{rate / plain:.1f}", f"{memory:.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
