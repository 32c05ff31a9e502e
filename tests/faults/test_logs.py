"""Topics that are made anew, and partitions that are added."""

from dataclasses import replace

import pytest
from conftest import eventually
from faults.harness import SHARED
from faults.log import Feed, make_topic

from stream_app.store import FeatureReader


async def make_anew(harness):
    admin = await harness.admin()
    await admin.delete_topics([harness.topic])

    async def is_gone():
        return harness.topic not in await admin.list_topics()

    await eventually(is_gone)
    await admin.close()
    await make_topic(harness.kafka, harness.topic, harness.partitions)


@pytest.mark.parametrize("length", ["shorter", "longer"])
async def test_a_topic_is_made_anew(make_harness, row, seed, length):
    """The topic is made anew while its worker is stopped."""
    row.fault = f"The topic is made anew, and {length} than before"
    feed = Feed(sources=4, length=3000, seed=seed)
    harness = await make_harness()
    first = await harness.workers.start("worker-1")
    await harness.send(feed.take(8000 if length == "shorter" else 4000))
    before = await harness.settled()
    assert not before.differences
    await first.stop()
    await make_anew(harness)
    await harness.send(feed.take())
    second = await harness.workers.start("worker-2")

    async def begun():
        return "made anew" in second.said

    await eventually(begun, timeout=60)
    await harness.caught_up()
    await harness.workers.stop()
    result = await harness.compare(before.truth)
    row.tell(result)
    assert not result.differences
    assert result.truth.alerts


async def test_a_topic_is_made_anew_and_read_by_another_group(make_harness, row, seed):
    """The topic is made anew with the same events, and read by another group."""
    harness = await make_harness()
    await harness.workers.start("worker-1")
    await harness.send(Feed(sources=4, length=3000, seed=seed).take())
    before = await harness.settled()
    assert not before.differences
    await make_anew(harness)
    other = f"{harness.settings.worker.group}-other"
    worker = harness.settings.worker.model_copy(update={"group": other})
    harness.settings = harness.settings.model_copy(update={"worker": worker})
    # At the same offsets: only the topic's id says that these are others.
    await harness.send(Feed(sources=4, length=3000, seed=seed).take())
    await harness.workers.start("worker-2", STREAMGAUGE_WORKER__GROUP=other)
    await harness.caught_up()
    await harness.workers.stop()
    result = await harness.compare()
    first = {alert.id for alert in before.truth.alerts}
    second = {alert.id for alert in result.truth.alerts}
    # In Redis and on the topics are the alerts of the first life as well; none of the second may be missing.
    differences = [
        text for text in result.differences if "too many" not in text and "fire that should not" not in text
    ]
    row.tell(result)
    row.verdict = "equal" if not differences else differences[0]
    row.remark(f"{len(first)} alerts before, {len(second)} after, {len(first & second)} of both")
    assert not differences
    assert not first & second
    assert second


async def test_partitions_are_added_under_load(make_harness, row, seed):
    """Partitions are added under load, and sources move."""
    events = Feed(sources=8, length=1500, seed=seed, partitions=4).take()
    harness = await make_harness(partitions=1, monitor=SHARED)
    worker = await harness.workers.start("worker-1")
    half = len(events) // 2
    await harness.send([replace(event, partition=0) for event in events[:half]])
    await harness.reached(half // 2)
    await harness.add_partitions(4)
    await harness.send(events[half:])
    await harness.caught_up()
    await harness.workers.stop()
    assert not await harness.half_written()
    newest = {event.key.decode(): event.timestamp_ms / 1000 for event in events}
    reader = FeatureReader(harness.store, "sensors")
    assert {source: (await reader.get(source)).event_ts for source in newest} == newest
    row.events = len(events)
    row.verdict = "positions and features right"
    row.remark("alerts are not compared: sources that moved start cold, as the worker says")
    assert "start cold" in worker.said
