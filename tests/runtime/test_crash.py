"""A worker that is killed at any instant: the result is that of one that never was."""

import asyncio
import os
import random
import sys
import time

import msgspec
import numpy as np
import pytest
from conftest import eventually

from producers.water_loop import Fault, WaterLoop, simulate
from stream_app.events import Alert, decode_reading
from stream_app.monitors.sensors import Arrivals, SensorMonitor
from stream_app.runtime.configuration import monitor_config
from stream_app.settings import SensorStream
from stream_app.store import FeatureReader, pack_state, unpack_state

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EVENTS = 9000
PARTITIONS = 2


def events():
    """Three pumps, interleaved; pump i goes to partition i % 2."""
    faults = [Fault("cavitation", 4000, 300), Fault("sensor_stuck", 6000, 300, channel="flow")]
    recordings = [simulate(WaterLoop(), EVENTS // 3, seed, faults if seed else ()) for seed in range(3)]
    for i in range(EVENTS // 3):
        for pump, recording in enumerate(recordings):
            values = dict(zip(recording.channels, recording.values[i].tolist(), strict=True))
            event = {"source": f"pump-{pump}", "ts": float(recording.ts[i]), "values": values}
            yield pump % PARTITIONS, msgspec.json.encode(event)


def oracle(log):
    """What one uninterrupted run over the log gives."""
    config = monitor_config("sensors", SensorStream())
    monitors = [SensorMonitor(config) for _ in range(PARTITIONS)]
    alerts = []
    for partition, records in enumerate(log):
        for offset, (value, record_ts) in enumerate(records):
            row = decode_reading(value)
            arrivals = Arrivals([row], [offset], [record_ts])
            alerts += monitors[partition].update(row.source, arrivals, partition).alerts
    return monitors, alerts


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return a == b


async def test_kill_at_random_instants_changes_nothing(settings, store, producer, make_topic):
    topic = await make_topic("sensor.readings", PARTITIONS)
    log = [[] for _ in range(PARTITIONS)]
    # Brokers refuse records from the future and forget old ones.
    begin = int(time.time() * 1000) - EVENTS
    for i, (partition, value) in enumerate(events()):
        record_ts = begin + i
        log[partition].append((value, record_ts / 1000))
        await producer.send(topic, value=value, partition=partition, timestamp_ms=record_ts)
    await producer.flush()

    env = os.environ | {
        "STREAMGAUGE_KAFKA": settings.kafka.bootstrap,
        "STREAMGAUGE_REDIS": settings.redis.url.get_secret_value(),
        "STREAMGAUGE_REDIS__PREFIX": settings.redis.prefix,
        "STREAMGAUGE_PREFIX": settings.prefix,
        "STREAMGAUGE_WORKER__GROUP": settings.worker.group,
        "STREAMGAUGE_WORKER__INSTANCE": "worker-1",
        "STREAMGAUGE_WORKER__SESSION_TIMEOUT": "6",
        "STREAMGAUGE_WORKER__CHECKPOINT_INTERVAL": "0.05",
        "STREAMGAUGE_WORKER__MAX_BATCH": "100",
    }
    chance = random.Random(1)
    keys = [store.keys.offsets(settings.worker.group, topic, p) for p in range(PARTITIONS)]

    async def processed():
        return sum([int(await store.client.hget(key, "next") or 0) for key in keys])

    kills = 0
    while await processed() < EVENTS:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stream_app", "worker", env=env, stderr=asyncio.subprocess.DEVNULL
        )
        await eventually(moved(processed, worker), timeout=60)
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        assert worker.returncode is None, "the worker ended by itself"
        worker.kill()
        await worker.wait()
        kills += 1
    assert kills >= 5

    monitors, expected = oracle(log)
    await check(settings, store, topic, monitors, expected)


def moved(processed, worker):
    """Whether the stored position has moved since this was called first, or the worker has ended."""
    first = None

    async def look():
        nonlocal first
        now = await processed()
        first = now if first is None else first
        return worker.returncode is not None or now > first

    return look


async def check(settings, store, topic, monitors, expected):
    told = [
        Alert.model_validate_json(fields[b"alert"])
        for _, fields in await store.client.xrange(store.keys.alerts)
    ]
    assert expected, "the log should raise alerts"
    assert sorted(told, key=str) == sorted(expected, key=str)
    reader = FeatureReader(store, "sensors")
    for partition, monitor in enumerate(monitors):
        key = store.keys.state(settings.worker.group, topic, partition)
        stored = await store.client.hgetall(key)
        assert {name.decode() for name in stored} == set(monitor.sources())
        for name, blob in stored.items():
            source = name.decode()
            wanted = unpack_state(pack_state(monitor.state(source)), "oracle")
            assert same(unpack_state(blob, source), wanted), source
            row = await reader.get(source)
            event_ts, values = monitor.features(source)
            assert row.event_ts == event_ts
            assert row.values == values
