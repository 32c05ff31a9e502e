"""Live features beside deliveries: a bounded share of the time, and none forgotten by a crash."""

import asyncio
import time

import pytest
from faust.types import TP
from logs import GivenLogs

from stream_app.events import SensorRow
from stream_app.events.readings import Readings
from stream_app.monitors.sensors import SensorMonitor
from stream_app.runtime.live_features import AT_ONCE, LiveFeatures
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import Outages
from stream_app.runtime.partitions import Partitions
from stream_app.settings import SensorStream
from stream_app.store import CheckpointStore, FeatureReader, FeatureWriter, HistoryWriter

pytestmark = pytest.mark.integration

TOPIC = "sensor.readings"
PARTITION = TP(TOPIC, 0)
MANY = 3 * AT_ONCE


async def claimed(store, **options):
    partitions = Partitions(
        CheckpointStore(store, "g"),
        {TOPIC: lambda: SensorMonitor(SensorStream())},
        interval=0.0,
        metrics=Metrics(),
        logs=GivenLogs(),
        **options,
    )
    await partitions.load([PARTITION])
    return partitions


def features_of(store, partitions):
    outages = Outages(lambda: False, Metrics())
    return LiveFeatures(
        TOPIC,
        partitions,
        FeatureWriter(store, "sensors"),
        HistoryWriter(store, "sensors"),
        outages,
        passed_over=Metrics().features_passed_over.labels("s"),
    )


def deliver(partitions, *, begin=0, sources=MANY):
    rows = [SensorRow(f"pump-{i}", 1e9 + begin + i, {"flow": float(i)}) for i in range(sources)]
    partition = partitions.get(PARTITION)
    partition.update(Readings.of(rows, list(range(begin, begin + sources))))
    partition.next_offset = begin + sources


async def written(store):
    return len(await FeatureReader(store, "sensors").entities(limit=10_000))


async def test_a_checkpoint_says_which_features_wait_and_the_next_owner_writes_them(store):
    partitions = await claimed(store)
    deliver(partitions)
    features = features_of(store, partitions)
    await features.flush(partitions.get(PARTITION), ["pump-1"])
    await partitions.checkpoint(TOPIC)
    # This worker is gone. The next one has seen no event yet.
    heir = await claimed(store)
    partition = heir.get(PARTITION)
    assert set(partition.waiting) == {f"pump-{i}" for i in range(MANY)} - {"pump-1"}
    await features_of(store, heir).write(idle=lambda: True)
    assert not partition.waiting
    assert await written(store) == MANY
    row = await FeatureReader(store, "sensors").get("pump-2")
    assert (row.offset, row.values["flow.last"]) == (2, 2.0)
    # They are as they were: a checkpoint need not say more.
    assert not partition.changed


async def test_they_take_a_share_of_a_busy_workers_time_and_all_of_an_idle_ones(store, monkeypatch):
    partitions = await claimed(store)
    deliver(partitions)
    features = features_of(store, partitions)
    write = features._writer.write

    async def slow(rows, fence):
        await asyncio.sleep(0.2)
        return await write(rows, fence)

    monkeypatch.setattr(features._writer, "write", slow)
    busy_until = time.monotonic() + 0.6
    while time.monotonic() < busy_until:
        await features.write(idle=lambda: False)
        await asyncio.sleep(0.02)
    assert await written(store) == AT_ONCE
    await features.write(idle=lambda: True)
    assert await written(store) == MANY


async def test_what_comes_while_they_are_written_waits_on(store, monkeypatch):
    partitions = await claimed(store)
    deliver(partitions, sources=1)
    features = features_of(store, partitions)
    write = features._writer.write

    async def slow(rows, fence):
        deliver(partitions, begin=10, sources=1)
        return await write(rows, fence)

    monkeypatch.setattr(features._writer, "write", slow)
    await features.write(idle=lambda: True)
    assert partitions.get(PARTITION).waiting == {"pump-0": 10}
    monkeypatch.undo()
    await features.flush(partitions.get(PARTITION))
    assert (await FeatureReader(store, "sensors").get("pump-0")).offset == 10


async def test_those_of_a_partition_that_was_given_up_are_dropped(store):
    partitions = await claimed(store)
    deliver(partitions)
    features, partition = features_of(store, partitions), partitions.get(PARTITION)
    await claimed(store)
    await partitions.release([PARTITION], store=False)
    await features.flush(partition)
    assert await written(store) == 0
