"""Batches on Kafka that cannot be read: the worker stops and says how to go on, or leaves them out with a dead letter."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaProducer
from conftest import eventually
from faust.types import TP
from workers import working

from stream_app.errors import DataError
from stream_app.events import DeadLetter, Reason, Topics
from stream_app.kafka import client_options
from stream_app.kafka.decompression import MAX_BATCH_BYTES
from stream_app.runtime.worker import Worker
from stream_app.settings import SensorStream
from stream_app.store import FeatureReader

pytestmark = pytest.mark.integration

START = 1_600_000_000.0


def reading(i):
    return json.dumps({"source": "pump", "ts": START + i, "values": {"flow": float(i)}}).encode()


async def send(kafka, topic, values, **options):
    producer = AIOKafkaProducer(**client_options(kafka), max_request_size=2 * MAX_BATCH_BYTES, **options)
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value, partition=0)
    await producer.stop()


@pytest.fixture
async def topic(kafka, make_topic):
    """Five readings, a batch that grows beyond what is taken, five readings."""
    topic = await make_topic("sensor.readings")
    await send(kafka, topic, map(reading, range(5)))
    await send(
        kafka,
        topic,
        [bytes(MAX_BATCH_BYTES + 1)],
        compression_type="zstd",
        max_batch_size=2 * MAX_BATCH_BYTES,
    )
    await send(kafka, topic, map(reading, range(5, 10)))
    return topic


async def all_counted(store):
    row = await FeatureReader(store, "sensors").get("pump")
    return row is not None and row.values["events"] == 10


async def test_a_bad_batch_stops_the_worker_which_says_how_to_go_on(settings, store, topic):
    worker = Worker(settings)
    with pytest.raises(
        DataError, match=rf"{topic}/0: the batch of the offsets 5 to 5 .*grows beyond"
    ) as error:
        await asyncio.wait_for(worker.run(handle_signals=False), 60)
    assert f"`streamgauge worker --skip-batch {topic}/0/5`" in str(error.value)


@pytest.mark.parametrize("once", [True, False])
async def test_a_bad_batch_that_is_left_out_is_a_dead_letter(settings, store, topic, read_topic, once):
    skip = [(TP(topic, 0), 5)] if once else []
    stream = SensorStream(on_bad_batch="stop" if once else "skip")
    async with working(settings.model_copy(update={"streams": {"sensors": stream}}), skip=skip) as (_, task):
        await eventually(lambda: all_counted(store), timeout=60)
        (record,) = await read_topic(Topics(settings.prefix).dead_letters, 1)
        assert not task.done()
    letter = DeadLetter.parse(record.key, record.value, record.timestamp, record.headers)
    assert (letter.topic, letter.partition, letter.offset, letter.reason) == (topic, 0, 5, Reason.UNREADABLE)
    assert "offsets 5 to 5" in letter.message
    assert "bytes) cannot be read: it grows beyond" in letter.message
