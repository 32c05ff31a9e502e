"""Transactional producers: events of aborted and open transactions are not processed. The embedded broker has no transactions."""

import json

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from conftest import REAL, eventually
from workers import working

from stream_app.events import Topics
from stream_app.kafka import client_options, consumer_options
from stream_app.store import FeatureReader

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not REAL, reason="needs a broker with transactions"),
]

START = 1_700_000_000.0


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"partitions": 1})})


@pytest.fixture
async def transactional(kafka, make_topic):
    topic = await make_topic("sensor.readings")
    producer = AIOKafkaProducer(**client_options(kafka), transactional_id=f"{topic}.producer")
    await producer.start()

    async def send(values, first):
        for i, value in enumerate(values):
            event = {"source": "pump", "ts": START + first + i, "values": {"flow": value}}
            await producer.send_and_wait(topic, json.dumps(event).encode(), key=b"pump", partition=0)

    producer.send_readings = send
    yield producer
    await producer.stop()


async def write_three(producer):
    """Ten readings near 100 that are committed, ten of 9,999 that are not, ten near 100 that are."""
    async with producer.transaction():
        await producer.send_readings([100.0 + i % 3 for i in range(10)], 0)
    await producer.begin_transaction()
    await producer.send_readings([9999.0] * 10, 10)
    await producer.abort_transaction()
    async with producer.transaction():
        await producer.send_readings([100.0 + i % 3 for i in range(10)], 20)


def lag(worker, settings):
    labels = {"topic": Topics(settings.prefix).sensors, "partition": "0"}
    return worker.metrics.registry.get_sample_value("streamgauge_lag_events", labels)


async def features(store):
    row = await FeatureReader(store, "sensors").get("pump")
    return None if row is None else (row.values["events"], row.values["flow.max"])


async def seen(store, expected):
    return await features(store) == expected


async def test_aborted_events_are_not_processed_and_the_lag_ends_at_zero(settings, store, transactional):
    await write_three(transactional)
    async with working(settings) as (worker, _):
        await eventually(lambda: seen(store, (20, 102.0)))
        # Three marks of transactions are in the log, too, and no event comes after the last.
        await eventually(lambda: lag(worker, settings) == 0)
        # Neither they nor what was aborted are events that somebody removed.
        topic = Topics(settings.prefix).sensors
        assert (
            worker.metrics.registry.get_sample_value("streamgauge_missing_events_total", {"topic": topic})
            == 0
        )


async def test_events_of_an_open_transaction_wait_for_its_end(settings, store, transactional):
    async with transactional.transaction():
        await transactional.send_readings([100.0] * 5, 0)
    async with working(settings) as (worker, _):
        await eventually(lambda: seen(store, (5, 100.0)))
        async with transactional.transaction():
            await transactional.send_readings([107.0] * 5, 5)
            await eventually(lambda: lag(worker, settings) == 0)
            assert await features(store) == (5, 100.0)
        await eventually(lambda: seen(store, (10, 107.0)))


async def test_who_wants_them_reads_uncommitted_events(settings, store, transactional):
    await write_three(transactional)
    kafka = settings.kafka.model_copy(update={"isolation_level": "read_uncommitted"})
    async with working(settings.model_copy(update={"kafka": kafka})):
        await eventually(lambda: seen(store, (30, 9999.0)))


@pytest.mark.parametrize(("isolation", "expected"), [("read_committed", 20), ("read_uncommitted", 30)])
async def test_every_other_consumer_reads_what_the_settings_say(
    kafka, settings, transactional, isolation, expected
):
    await write_three(transactional)
    options = consumer_options(kafka.model_copy(update={"isolation_level": isolation}))
    consumer = AIOKafkaConsumer(Topics(settings.prefix).sensors, **options, auto_offset_reset="earliest")
    await consumer.start()
    try:
        records = []
        while len(records) < expected:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                records += batch
        assert len(records) == expected
    finally:
        await consumer.stop()
