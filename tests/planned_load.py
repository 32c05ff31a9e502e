"""Loads as `streamgauge plan` is asked for, really sent through a worker: what they take of Redis and of a processor."""

import asyncio
import random
import time
from contextlib import suppress

import msgspec
from aiokafka import AIOKafkaProducer

from stream_app.core.features import DAY
from stream_app.embedded import EmbeddedBroker, EmbeddedStore
from stream_app.runtime.worker import Worker
from stream_app.settings import (
    KafkaSettings,
    RedisSettings,
    SensorStream,
    SessionStream,
    Settings,
    WorkerSettings,
)
from stream_app.store import connect

NOW = 1_700_000_000.0
# So many readings fill each row of a history's buckets, and the last the window; together they end the warm-up.
_SPACED = ((43_200, 72), (3600, 72), (600, 72), (60, 60), (5, 180))


def sensor_events(sources, channels, seed=1):
    """Yield readings of noise that fill all a worker keeps of a source: window, reference and history."""
    draw = random.Random(seed)
    ts = NOW - sum(seconds * count for seconds, count in _SPACED)
    for seconds, count in _SPACED:
        for _ in range(count):
            ts += seconds
            for source in range(sources):
                values = {f"channel_{i}": round(draw.gauss(20.0, 1.0), 3) for i in range(channels)}
                yield {"source": f"source-{source}", "ts": ts, "values": values}


def session_events(entities, events, fields, seed=1):
    """Yield purchases over sixty days, in the order of their times."""
    draw = random.Random(seed)
    for row in range(events):
        for entity in range(entities):
            values = {f"field_{i}": round(draw.lognormvariate(2, 1), 2) for i in range(fields)}
            ts = NOW - 60 * DAY * (1.0 - (row + entity / entities) / events)
            yield {"entity": f"customer-{entity}", "ts": ts, "type": "purchase", "values": values}


def session_stream(fields):
    """Return a stream with one view of sums over up to 90 days."""
    names = [f"field_{i}" for i in range(fields)]
    features = {f"{name}_{days}d": {"sum": name, "window": f"{days}d"} for name in names for days in (30, 90)}
    features["lines_90d"] = {"count": "*", "window": "90d"}
    return SessionStream(views=({"name": "purchases", "lateness": 3600, "features": features},))


def stream_of(kind, size):
    """Return the settings of a stream: `size` is the number of channels or of fields."""
    if kind == "sensors":
        return SensorStream(budget="1 per year")
    return session_stream(size)


async def _send(bootstrap, topic, key, events):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=262_144)
    await producer.start()
    count = size = 0
    for event in events:
        raw = msgspec.json.encode(event)
        await producer.send(topic, raw, key=event[key].encode())
        count, size = count + 1, size + len(raw)
    await producer.stop()
    return count, size


async def _memory(store):
    return (await store.client.info("memory"))["used_memory"]


async def _forget_alerts(store):
    """Delete alerts: gaps between so few readings a day are told, and a plan is of what every source takes."""
    for kind in ("alert", "incident", "notice"):
        found = [key async for key in store.client.scan_iter(f"{store.keys.prefix}:{kind}*", count=1000)]
        if found:
            await store.client.delete(*found)


async def _processor(store):
    found = await store.client.info("cpu")
    return found["used_cpu_user"] + found["used_cpu_sys"]


async def measured(kind, events, size):
    """Send events through a worker with servers of its own.

    Returns
    -------
    dict
        ``events``, ``event_bytes`` (each, as JSON), ``redis_bytes`` (all), and CPU µs an event: ``cpu_us``, ``redis_cpu_us``.
    """
    broker, server = EmbeddedBroker(), EmbeddedStore()
    try:
        settings = Settings(
            kafka=KafkaSettings(bootstrap=await asyncio.to_thread(broker.start)),
            redis=RedisSettings(url=await asyncio.to_thread(server.start)),
            worker=WorkerSettings(partitions=1, metrics_port=0),
            streams={kind: stream_of(kind, size)},
        )
        topic = "sensor.readings" if kind == "sensors" else "session.events"
        store = await connect(settings.redis)
        worker = Worker(settings)
        work = asyncio.create_task(worker.run(handle_signals=False))
        ready = asyncio.create_task(worker.ready.wait())
        await asyncio.wait((work, ready), return_when=asyncio.FIRST_COMPLETED)
        before = await _memory(store)
        worker.stop()
        await work
        count, sent = await _send(
            settings.kafka.servers, topic, "source" if kind == "sensors" else "entity", events
        )
        worker = Worker(settings)
        work = asyncio.create_task(worker.run(handle_signals=False))
        ready = asyncio.create_task(worker.ready.wait())
        await asyncio.wait((work, ready), return_when=asyncio.FIRST_COMPLETED)
        own, its = time.process_time(), await _processor(store)
        deadline = time.monotonic() + 300.0
        while worker.metrics.processed() < count and not work.done() and time.monotonic() < deadline:  # noqa: ASYNC110 a counter tells nobody
            await asyncio.sleep(0.02)
        worker.stop()
        await work
        own, its = time.process_time() - own, await _processor(store) - its
        if worker.metrics.processed() < count:
            raise AssertionError(f"{worker.metrics.processed():,.0f} of {count:,} events were processed")
        await _forget_alerts(store)
        after = await _memory(store)
        await store.close()
    finally:
        with suppress(Exception):
            broker.stop()
        server.stop()
    return {
        "events": count,
        "event_bytes": sent / count,
        "redis_bytes": after - before,
        "cpu_us": own / count * 1e6,
        "redis_cpu_us": its / count * 1e6,
    }


async def measured_source(kind, events_of, size, few, many):
    """Measure a load of few and of many sources; memory is of a source, without what the store takes by itself.

    Parameters
    ----------
    kind : str
        Of the stream.
    events_of : callable
        Makes the events of so many sources.
    size : int
        Channels or fields.
    few, many : int
        Sources.

    Returns
    -------
    dict
        As `measured` of the many, with ``redis_bytes`` of a source.
    """
    less = await measured(kind, events_of(few), size)
    more = await measured(kind, events_of(many), size)
    return more | {"redis_bytes": (more["redis_bytes"] - less["redis_bytes"]) / (many - few)}
