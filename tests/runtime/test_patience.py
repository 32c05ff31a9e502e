"""An idle consumer leaves the broker alone, and still gets what comes."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest

from stream_app.kafka import client_options
from stream_app.runtime.patience import PAUSE_SECONDS, be_patient

pytestmark = pytest.mark.integration


async def test_an_idle_consumer_asks_rarely_and_still_gets_what_comes(kafka, make_topic, producer):
    topic = await make_topic("idle", 2)
    await producer.send_and_wait(topic, b"first", partition=0)
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **client_options(kafka))
    asked = 0
    send = consumer._client.send

    async def counted(node_id, request, **options):
        nonlocal asked
        asked += isinstance(request, FetchRequest)
        return await send(node_id, request, **options)

    consumer._client.send = counted
    be_patient(consumer._client)
    await consumer.start()
    try:
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == b"first"
        asked, begin = 0, time.monotonic()
        await asyncio.sleep(0.5)  # nothing comes in this time
        assert asked <= (time.monotonic() - begin) / PAUSE_SECONDS + 2
        await producer.send_and_wait(topic, b"second", partition=1)
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == b"second"
    finally:
        await consumer.stop()
