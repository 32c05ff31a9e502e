"""Logs of transactional producers, wrong clocks and odd times; groups and topics that are not a worker's."""

import asyncio
import json
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from conftest import eventually
from faults.log import Event, Feed

from stream_app.store import FeatureReader

_AHEAD_SECONDS = 72_000.0


def changed(event, **changes):
    value = json.dumps(json.loads(event.value) | changes).encode()
    return Event(event.partition, event.key, value, event.timestamp_ms)


async def test_aborted_transactions(make_harness, row, scale, seed):
    """Transactions, half of them aborted."""
    rounds = scale.pick(10, 100)
    feed = Feed(sources=4, length=rounds * 30 + 500, seed=seed)
    harness = await make_harness()
    producer = AIOKafkaProducer(bootstrap_servers=harness.kafka, transactional_id=harness.topic)
    await producer.start()
    worker = await harness.workers.start("worker-1")
    aborted = 0
    for i in range(2 * rounds):
        events = feed.take(100) if i % 2 else [changed(e, values={"flow": 9999.0}) for e in feed.take(10)]
        await producer.begin_transaction()
        for event in events:
            await producer.send(
                harness.topic,
                event.value,
                event.key,
                partition=event.partition,
                timestamp_ms=event.timestamp_ms,
            )
        if i % 2:
            await producer.commit_transaction()
        else:
            aborted += len(events)
            await producer.abort_transaction()
    await producer.stop()
    await harness.send(feed.take())
    result = await harness.settled()
    row.tell(result)
    row.remark(f"{aborted:,} aborted events, none of them processed")
    assert worker.starts == 1
    assert not result.differences
    assert (await FeatureReader(harness.store, "sensors").get("pump-0")).values["flow.max"] < 9999.0


async def test_one_clock_ahead(make_harness, row, seed):
    """One reading of each source is 20 h ahead, before its fault."""
    feed = Feed(sources=4, length=3000, seed=seed)
    harness = await make_harness()
    worker = await harness.workers.start("worker-1")
    await harness.send(feed.take(4000))
    ahead = feed.take(4)
    await harness.send([changed(e, ts=json.loads(e.value)["ts"] + _AHEAD_SECONDS) for e in ahead])
    await harness.send(feed.take())
    result = await harness.settled()
    row.tell(result)
    row.remark(f"{sum(result.truth.refused.values())} events refused")
    after = ahead[0].timestamp_ms / 1000
    assert worker.starts == 1
    assert not result.differences
    assert [alert for alert in result.truth.alerts if alert.started_at > after and alert.kind == "anomaly"]
    assert sum(result.truth.refused.values()) <= len(ahead)


async def test_leap_second(make_harness, row, seed):
    """A leap second."""
    feed = Feed(sources=4, length=500, seed=seed)
    events = [changed(event, source="leap", ts="2016-12-31T23:59:60Z") for event in feed.take(1)]
    harness = await make_harness()
    await harness.workers.start("worker-1")
    await harness.send([*events, *feed.take()])
    result = await harness.settled()
    row.tell(result)
    assert not result.differences
    assert not result.truth.letters


async def test_group_of_others(make_harness, row):
    """The group has members of another protocol."""
    harness = await make_harness()
    stranger = AIOKafkaConsumer(
        harness.topic,
        bootstrap_servers=harness.kafka,
        group_id=harness.settings.worker.group,
        partition_assignment_strategy=[RangePartitionAssignor],
    )
    await stranger.start()
    try:
        await eventually(stranger.assignment)
        await refused(harness, row, harness.settings.worker.group, "worker.group")
    finally:
        await stranger.stop()


async def test_own_outputs(make_harness, row):
    """A stream would read the dead letters."""
    harness = await make_harness()
    file = harness.folder / "streamgauge.toml"
    await asyncio.to_thread(file.write_text, f'[streams.sensors]\ntopic = "{harness.topics.dead_letters}"\n')
    await refused(harness, row, harness.topics.dead_letters)


async def refused(harness, row, *words):
    """Start a worker that must end by itself within ten seconds beside those of its start, and name these words."""
    begin = time.monotonic()
    worker = await harness.workers.start("worker-1", restart=False)
    end = await worker.ended(60.0)
    row.verdict = "stopped clearly"
    row.remark(f"stopped {end.at - begin:.1f} s after its start")
    assert end.code > 0
    assert all(word in worker.last_line for word in words), worker.last_line
    assert "Traceback" not in worker.said
