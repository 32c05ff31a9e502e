"""A stream into which something copies what Streamgauge writes."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka import AIOKafkaConsumer
from conftest import eventually
from workers import working

from stream_app.errors import DataError
from stream_app.events import DeadLetter, Topics
from stream_app.kafka import consumer_options

pytestmark = pytest.mark.integration

START = 1_700_000_000.0


@pytest.fixture
def settings(settings):
    worker = settings.worker.model_copy(update={"partitions": 1, "max_bad_run": 5})
    return settings.model_copy(update={"worker": worker})


@pytest.fixture
def topics(settings):
    return Topics(settings.prefix)


@asynccontextmanager
async def mirroring(settings, producer, source, target):
    """Copy a topic into another one, headers and all, as MirrorMaker does."""
    consumer = AIOKafkaConsumer(source, **consumer_options(settings.kafka), auto_offset_reset="earliest")
    await consumer.start()

    async def copy():
        async for record in consumer:
            headers = list(record.headers)
            await producer.send_and_wait(target, record.value, key=record.key, headers=headers)

    task = asyncio.create_task(copy())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


def metric(worker, name, **labels):
    return worker.metrics.registry.get_sample_value(f"streamgauge_{name}_total", labels) or 0


def reading(second):
    return json.dumps({"source": "pump", "ts": START + second, "values": {"flow": 1.0}}).encode()


async def test_one_bad_record_stays_one_dead_letter_where_a_mirror_feeds_it_back(
    settings, topics, make_topic, producer, read_topic
):
    await make_topic("sensor.readings")
    await make_topic("dead.letters")
    async with (
        mirroring(settings, producer, topics.dead_letters, topics.sensors),
        working(settings) as (worker, _),
    ):
        await producer.send_and_wait(topics.sensors, b"{", key=b"pump")
        await eventually(lambda: metric(worker, "refused_events", stream="sensors", reason="output") == 1)
        await producer.send_and_wait(topics.sensors, reading(0), key=b"pump")
        await eventually(lambda: metric(worker, "events", stream="sensors") == 3)
        assert metric(worker, "refused_events", stream="sensors", reason="not_json") == 1
    await producer.send_and_wait(topics.dead_letters, b"end")
    records = await read_topic(topics.dead_letters, 2)
    assert [record.value for record in records] == [b"{", b"end"]
    assert dict(records[0].headers)["__streamgauge.output"] == topics.dead_letters.encode()


async def test_a_stream_of_nothing_else_stops_the_worker(settings, topics, make_topic, producer):
    await make_topic("sensor.readings")
    for _ in range(5):
        headers = [("__streamgauge.output", b"alerts.drift")]
        await producer.send_and_wait(topics.sensors, reading(0), key=b"pump", headers=headers)
    async with working(settings) as (_, task):
        with pytest.raises(DataError, match="5 events in a row"):
            await asyncio.wait_for(asyncio.shield(task), 20)


async def test_what_a_replay_sends_back_is_an_event_again():
    letter = DeadLetter.parse(b"k", b"{", 0, [("a", b"1"), *_headers()])
    assert letter.origin_headers == (("a", b"1"),)


def _headers():
    fields = {"topic": b"t", "partition": b"0", "offset": b"7"}
    fields |= {"exception.class.name": b"not_json", "exception.message": b"EOF"}
    ours = [(f"__streamgauge.errors.{name}", value) for name, value in fields.items()]
    return [*ours, ("__streamgauge.output", b"dead.letters")]
