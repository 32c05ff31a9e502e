"""A worker that is killed at any instant: the result is that of one that never was."""

import asyncio
import json
import math
import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from conftest import eventually
from logs import life_of
from platform_events import events_of

from producers.water_loop import Fault, WaterLoop, simulate
from stream_app.core.budget import sharers
from stream_app.events import (
    Alert,
    LogId,
    PlatformDecoder,
    SensorRow,
    Topics,
    decode_prediction,
    decode_reading,
)
from stream_app.events.audit import AuditRecord
from stream_app.events.readings import Readings
from stream_app.events.trigger import RetrainingTrigger
from stream_app.kinds.layouts import sensor_layout
from stream_app.monitors.platform import Arrivals as PlatformArrivals
from stream_app.monitors.platform import PlatformMonitor
from stream_app.monitors.predictions import Arrivals as Answers
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.monitors.sensors import AssembledMonitor, SensorMonitor
from stream_app.settings import PlatformStream, PredictionStream, SensorStream
from stream_app.store import FeatureReader, pack_state, unpack_state

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EVENTS = 9000
PARTITIONS = 2
PIECES = 6
KILLS = 15
"""At most: each costs the start of a worker, and a slow machine, which gets less done between two, would have a hundred."""


@dataclass(frozen=True)
class Case:
    """A kind of stream, what comes, and what watches it."""

    kind: str
    topic: str
    events: Callable
    monitor: Callable
    decode: Callable
    arrivals: Callable
    batch: int
    checkpoint_interval: float
    streams: str = ""


def readings():
    """Three pumps, interleaved; pump i goes to partition i % 2."""
    faults = [Fault("cavitation", 1500, 300), Fault("sensor_stuck", 2400, 300, channel="flow")]
    recordings = [simulate(WaterLoop(), EVENTS // 3, seed, faults if seed else ()) for seed in range(3)]
    for i in range(EVENTS // 3):
        for pump, recording in enumerate(recordings):
            values = dict(zip(recording.channels, recording.values[i].tolist(), strict=True))
            event = {"source": f"pump-{pump}", "ts": float(recording.ts[i]), "values": values}
            yield pump % PARTITIONS, msgspec.json.encode(event)


def answers():
    """Three models, interleaved, with labels that come 20 seconds later; two of them get worse, one in a new version."""
    chance, waiting = random.Random(3), deque()
    for i in range(EVENTS // 6):
        for model in range(3):
            source, truth = f"model-{model}", chance.choice("ab")
            right = chance.random() < (0.5 if model and i >= 1100 else 0.95)
            said = truth if right else "ab"[truth == "a"]
            event = {
                "source": source,
                "ts": float(i),
                "id": f"{i}",
                "version": f"v{1 + (model == 2 and i >= 1200)}",
            }
            event |= {"prediction": said, "probabilities": {said: 0.9, "ab"[said == "a"]: 0.1}}
            event |= {"features": {"x": chance.gauss(i >= 1100, 1.0)}, "latency": chance.expovariate(100.0)}
            yield model % PARTITIONS, msgspec.json.encode(event)
            waiting.append((model, {"source": source, "ts": i + 20.0, "id": f"{i}", "label": truth}))
        while waiting and (waiting[0][1]["ts"] <= i or i + 1 == EVENTS // 6):
            model, event = waiting.popleft()
            yield model % PARTITIONS, msgspec.json.encode(event)


def messages():
    """Three pumps whose channels come one by one, in no order, some of them twice or never; their times are a little apart."""
    chance = random.Random(5)
    faults = [Fault("cavitation", 420, 100), Fault("sensor_stuck", 560, 100, channel="flow")]
    recordings = [simulate(WaterLoop(), 700, seed, faults if seed else ()) for seed in range(3)]
    for i in range(700):
        for pump, recording in enumerate(recordings):
            pairs = list(zip(recording.channels, recording.values[i].tolist(), strict=True))
            chance.shuffle(pairs)
            for channel, value in pairs[chance.random() < 0.02 :]:
                event = {"unit": f"pump-{pump}", "t": int(1000 * (recording.ts[i] + chance.uniform(0, 0.2)))}
                raw = msgspec.json.encode(event | {"metric": channel, "value": value})
                for _ in range(1 + (chance.random() < 0.02)):
                    yield pump % PARTITIONS, raw


def platforms():
    """Two platforms of four workers, of which one's disks are busy for half an hour, and the queries slow."""
    made = [
        events_of(318, slow=range(290, 315), source="prod", seed=1),
        events_of(318, slow=range(290, 310), source="test", seed=2),
    ]
    for pair in zip(*made, strict=True):
        yield from enumerate(pair)


MAPPED = SensorStream(
    warmup=100,
    mapping={
        "source": "unit", "time": "t", "time_unit": "ms", "channel": "metric", "value": "value", "within": "300ms"
    },
)  # fmt: skip


def decode_message(raw):
    (parts,) = sensor_layout("sensors", MAPPED).events(msgspec.json.decode(raw))
    return SensorRow(**parts)


MESSAGES = Case(
    "sensors",
    "sensor.readings",
    messages,
    lambda: AssembledMonitor(SensorMonitor(MAPPED), MAPPED),
    decode_message,
    Readings.of,
    300,
    0.05,
    """
[streams.sensors]
warmup = 100
mapping = { source = "unit", time = "t", time_unit = "ms", channel = "metric", value = "value", within = "300ms" }
""",
)
SENSORS = Case(
    "sensors",
    "sensor.readings",
    readings,
    lambda: SensorMonitor(SensorStream()),
    decode_reading,
    Readings.of,
    100,
    0.05,
)
PREDICTIONS = Case(
    "predictions",
    "predictions",
    answers,
    lambda: PredictionMonitor(PredictionStream()),
    decode_prediction,
    Answers,
    1000,
    0.5,
)

WATCHED = PlatformStream(warmup=200, budget="1 per day")
PLATFORM = Case(
    "platform",
    "platform.events",
    platforms,
    lambda: PlatformMonitor(WATCHED),
    lambda value: PlatformDecoder("platform").decode([value])[0],
    PlatformArrivals,
    1000,
    1.0,
    '[streams.platform]\nkind = "platform"\nwarmup = 200\nbudget = "1 per day"\n',
)


def oracle(case, log, life, deployment):
    """What one uninterrupted run over the log gives."""
    monitors = [case.monitor() for _ in range(PARTITIONS)]
    outcomes = []
    for partition, records in enumerate(log):
        sources = set()
        for offset, (value, record_ts) in enumerate(records):
            row = case.decode(value)
            rows = list(row) if type(row) is tuple else [row]  # a scrape has many
            arrivals = case.arrivals(rows, [offset] * len(rows), [record_ts] * len(rows))
            sources.add(rows[0].source)
            divided = sharers(np.array([len(sources)]), partitions=PARTITIONS)
            outcomes += monitors[partition].take(arrivals, LogId(partition, life, deployment), divided)
    return monitors, outcomes


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return a == b


@pytest.mark.parametrize(
    "case", [SENSORS, MESSAGES, PREDICTIONS, PLATFORM], ids=["sensors", "messages", "predictions", "platform"]
)
async def test_kill_at_random_instants_changes_nothing(
    case, settings, store, producer, make_topic, read_topic, tmp_path
):
    topic = await make_topic(case.topic, PARTITIONS)
    # Brokers refuse records from the future and forget old ones.
    made = list(case.events())
    begin = int(time.time() * 1000) - len(made)
    events = [(partition, value, begin + i) for i, (partition, value) in enumerate(made)]
    log = [
        [(value, record_ts / 1000) for partition, value, record_ts in events if partition == p]
        for p in range(PARTITIONS)
    ]
    # In pieces, because a worker may be done with all that there is before it can be killed.
    piece = len(events) // PIECES
    pieces = [events[first : first + piece] for first in range(0, len(events), piece)]

    env = os.environ | {
        "STREAMGAUGE_KAFKA": settings.kafka.bootstrap,
        "STREAMGAUGE_REDIS": settings.redis.url.get_secret_value(),
        "STREAMGAUGE_PREFIX": settings.prefix,
        "STREAMGAUGE_WORKER__GROUP": settings.worker.group,
        "STREAMGAUGE_WORKER__INSTANCE": "worker-1",
        "STREAMGAUGE_WORKER__SESSION_TIMEOUT": "6",
        "STREAMGAUGE_WORKER__CHECKPOINT_INTERVAL": str(case.checkpoint_interval),
        "STREAMGAUGE_WORKER__MAX_BATCH": str(case.batch),
    }
    if case.streams:
        (tmp_path / "streamgauge.toml").write_text(case.streams)
        env["STREAMGAUGE_CONFIG"] = str(tmp_path / "streamgauge.toml")
    chance = random.Random(1)
    keys = [store.keys.offsets(settings.worker.group, topic, p) for p in range(PARTITIONS)]

    async def processed():
        return sum([int(await store.client.hget(key, "next") or 0) for key in keys])

    said, kills = tmp_path / "stderr", 0
    while pieces or await processed() < len(events):
        for partition, value, record_ts in pieces.pop(0) if pieces else ():
            await producer.send(topic, value=value, partition=partition, timestamp_ms=record_ts)
        await producer.flush()
        with said.open("w") as stderr:
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stream_app", "worker", env=env, stderr=stderr
            )
        await eventually(moved(processed, worker), timeout=180)
        if kills == KILLS:
            await eventually(ended(processed, worker, len(events)), timeout=300)
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        assert worker.returncode is None, f"the worker ended by itself: {said.read_text()[-2000:]}"
        worker.kill()
        await worker.wait()
        kills += 1
    assert kills >= PIECES

    monitors, expected = oracle(case, log, await life_of(settings.kafka, topic), settings.prefix)
    await check(case.kind, settings, store, topic, monitors, expected)
    if case is PREDICTIONS:
        await check_notices(settings, store, read_topic, expected)


def moved(processed, worker):
    """Whether the stored position has moved since this was called first, or the worker has ended."""
    first = None

    async def look():
        nonlocal first
        now = await processed()
        first = now if first is None else first
        return worker.returncode is not None or now > first

    return look


def ended(processed, worker, count):
    """Whether all events are processed, or the worker has ended."""

    async def look():
        return worker.returncode is not None or await processed() == count

    return look


async def check(kind, settings, store, topic, monitors, outcomes):
    expected = [alert for outcome in outcomes for alert in outcome.alerts]
    told = [
        Alert.model_validate_json(fields[b"alert"])
        for _, fields in await store.client.xrange(store.keys.alerts)
    ]
    assert expected, "the log should raise alerts"
    assert sorted(told, key=str) == sorted(expected, key=str)
    reader = FeatureReader(store, kind)
    for partition, monitor in enumerate(monitors):
        key = store.keys.state(settings.worker.group, topic, partition)
        stored = await store.client.hgetall(key)
        assert {name.decode() for name in stored} == set(monitor.sources())
        for name, blob in stored.items():
            source = name.decode()
            wanted = unpack_state(pack_state(monitor.state(source)), "oracle")
            assert same(unpack_state(blob, source), wanted), source
            row = await reader.get(source)
            ((event_ts, values),) = monitor.features_of([source])
            assert row.event_ts == event_ts
            assert row.values == values


async def check_notices(settings, store, read_topic, outcomes):
    """All triggers and audit records are on their topics, none but these, and none waits."""
    triggers = [trigger for outcome in outcomes for trigger in outcome.triggers]
    records = [record for outcome in outcomes for record in outcome.audit]
    records += [AuditRecord.triggered(trigger) for trigger in triggers]
    assert triggers, "the log should give reasons to train again"
    topics = Topics(settings.prefix)
    for topic, kind, expected in (
        (topics.triggers, RetrainingTrigger, triggers),
        (topics.audit, AuditRecord, records),
    ):
        sent = {}
        # Once more may be sent what a killed worker had sent and not removed yet.
        for record in await read_topic(topic, len(expected) + 1, timeout=3.0):
            notice = kind.from_cloudevent(json.loads(record.value))
            assert sent.setdefault(notice.id, notice) == notice
        assert sorted(sent.values(), key=str) == sorted(expected, key=str)
