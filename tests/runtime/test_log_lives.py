"""Topics that are made anew under their name, and partitions that are added."""

import asyncio
import json
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from conftest import REAL, eventually
from logs import life_of
from structlog.testing import capture_logs
from workers import working

from stream_app.errors import BrokerError, StateError
from stream_app.kafka import client_options, ensure_topics
from stream_app.runtime import faust_app
from stream_app.store import AlertReader, FeatureReader

pytestmark = pytest.mark.integration
needs_ids = pytest.mark.skipif(not REAL, reason="the embedded broker has no ids of topics")

# Brokers may remove what is old.
START = time.time() - 2000


async def send(producer, topic, values, *, ts, key="pump", partition=0):
    for i, value in enumerate(values):
        event = {"source": key, "ts": ts + i, "values": {"flow": value}}
        record = {
            "value": json.dumps(event).encode(),
            "key": key.encode(),
            "timestamp_ms": int((ts + i) * 1e3),
        }
        await producer.send(topic, partition=partition, **record)
    await producer.flush()


async def make_anew(kafka, topic):
    await delete(kafka, topic)
    await ensure_topics(kafka, {topic: 1}, create=True)


async def delete(kafka, topic):
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def is_gone():
            return topic not in await admin.list_topics()

        await eventually(is_gone)
    finally:
        await admin.close()


async def position(store, settings, topic):
    raw = await store.client.hget(store.keys.offsets(settings.worker.group, topic, 0), "next")
    return None if raw is None else int(raw)


def until(store, settings, topic, offset):
    async def is_there():
        return await position(store, settings, topic) == offset

    return eventually(is_there, timeout=40)


async def events_of(store, source="pump"):
    row = await FeatureReader(store, "sensors").get(source)
    return row.values["events"]


async def knows(producer, topic, partitions):
    await producer.client.force_metadata_update()
    return len(await producer.partitions_for(topic)) == partitions


def wave(n):
    return [10.0 + (i * 7919 % 100) / 100 for i in range(n)]


@needs_ids
@pytest.mark.parametrize("again", [20, 60], ids=["shorter", "longer"])
async def test_a_topic_made_anew_is_read_from_its_beginning_with_what_was_learned(
    settings, store, producer, make_topic, again
):
    topic = await make_topic("sensor.readings")
    await send(producer, topic, wave(40), ts=START)
    async with working(settings):
        await until(store, settings, topic, 40)
    await make_anew(settings.kafka, topic)
    await send(producer, topic, wave(again), ts=START + 100)
    async with working(settings) as (worker, _):
        await until(store, settings, topic, again)
        assert await events_of(store) == 40 + again
        assert worker.metrics.made_anew.labels(topic)._value.get() == 1
    # The next start continues.
    async with working(settings) as (worker, _):
        await send(producer, topic, wave(1), ts=START + 500)
        await until(store, settings, topic, again + 1)
        assert await events_of(store) == 41 + again


@needs_ids
@pytest.mark.parametrize("again", [20, 3000], ids=["shorter", "longer"])
async def test_of_a_topic_made_anew_under_a_worker_each_event_is_counted_once(
    settings, store, producer, make_topic, again
):
    topic = await make_topic("sensor.readings")
    await send(producer, topic, wave(40), ts=START)
    async with working(settings) as (_, task):
        await until(store, settings, topic, 40)
        await make_anew(settings.kafka, topic)
        await send(producer, topic, wave(again), ts=START + 100)

        async def is_over():
            return task.done() or await position(store, settings, topic) == again

        await eventually(is_over, timeout=60)
        # The group may have noticed that the topic was away, and joined it again; or the worker ends, to be started anew.
        if task.done():
            with pytest.raises(StateError, match="made anew while it was read"):
                task.result()
    async with working(settings):
        await until(store, settings, topic, again)
        assert await events_of(store) == 40 + again


@needs_ids
async def test_another_group_in_a_topic_made_anew_has_alerts_and_features_of_its_own(
    settings, store, producer, make_topic
):
    topic = await make_topic("sensor.readings")
    fault = wave(600) + [value + 50.0 for value in wave(200)]
    lives = []
    for group in ("one", "two"):
        lives.append(await life_of(settings.kafka, topic))
        # The same times too: nothing but the topic's id tells one life from the other.
        await send(producer, topic, fault, ts=START)
        worker = settings.worker.model_copy(update={"group": f"{settings.worker.group}.{group}"})
        theirs = settings.model_copy(update={"worker": worker})
        async with working(theirs):
            await until(store, theirs, topic, 800)
        await make_anew(settings.kafka, topic)
    alerts = await AlertReader(store).recent(1000)
    by_life = [[(a.offset, a.detector, a.state) for a in alerts if a.life == life] for life in lives]
    assert by_life[0] == by_life[1] != []
    assert (
        len(
            {alert.id for alert in alerts if alert.life == lives[0]}
            & {a.id for a in alerts if a.life == lives[1]}
        )
        == 0
    )


async def test_added_partitions_are_read_and_features_of_sources_that_move_are_written_on(
    settings, store, producer, make_topic, monkeypatch
):
    monkeypatch.setattr(faust_app, "_METADATA_SECONDS", 1)
    topic = await make_topic("sensor.readings")
    sources = [f"pump-{number}" for number in range(8)]
    for source in sources:
        await send(producer, topic, wave(40), ts=START, key=source)
    async with working(settings) as (worker, _):
        await until(store, settings, topic, 320)
        admin = AIOKafkaAdminClient(**client_options(settings.kafka))
        await admin.start()
        await admin.create_partitions({topic: NewPartitions(4)})
        await admin.close()
        await eventually(lambda: knows(producer, topic, 4))
        # As Kafka's own partitioner spreads them; six of eight move.
        for number, source in enumerate(sources):
            await send(producer, topic, wave(10), ts=START + 100, key=source, partition=number % 4)

        async def values():
            rows = [await FeatureReader(store, "sensors").get(source) for source in sources]
            return [row.values["events"] for row in rows]

        async def all_written():
            return all(number != 40 for number in await values())

        await eventually(all_written, timeout=40)
        await eventually(lambda: worker.metrics.events.labels("sensors")._value.get() == 400)
        assert worker.metrics.forgotten.labels("moved")._value.get() == 6
    assert await values() == [50, 10, 10, 10, 50, 10, 10, 10]


@pytest.mark.slow
@needs_ids
@pytest.mark.parametrize("back", [True, False])
async def test_a_topic_that_is_deleted_while_a_worker_starts_is_waited_for_a_while(
    settings, store, producer, make_topic, monkeypatch, back
):
    # All topics are not looked at again meanwhile.
    monkeypatch.setattr(faust_app, "_METADATA_SECONDS", 600)
    topic = await make_topic("sensor.readings")
    with capture_logs() as said:
        async with working(settings) as (_, task):
            # It has looked at its topics by then, and is about to join the group.
            await eventually(lambda: store.client.exists(store.keys.deployment))
            await delete(settings.kafka, topic)
            await eventually(lambda: any(line["event"] == "topics are missing" for line in said))
            if back:
                await ensure_topics(settings.kafka, {topic: 1}, create=True)
                await producer.client.force_metadata_update()
                await send(producer, topic, wave(10), ts=START)
                await until(store, settings, topic, 10)
            else:
                with pytest.raises(BrokerError, match="is gone"):
                    await asyncio.wait_for(task, 60)
