"""An idle consumer leaves the broker alone, and still gets what comes."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest

from stream_app.kafka import client_options
from stream_app.runtime.consumer import APART_SECONDS, PAUSE_SECONDS, throttle_fetches

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
    throttle_fetches(consumer._client)
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


@pytest.mark.parametrize(("size", "least", "most"), [(150, 0.0, 0.005), (1_000_000, APART_SECONDS, 0.1)])
async def test_the_pause_after_a_fetch_grows_with_what_it_brought(size, least, most):
    class Client:
        async def send(self, node_id, request):
            partition = (0, 0, 7, b"x" * size)
            return SimpleNamespace(topics=[("t", [partition])])

    client = Client()
    throttle_fetches(client)
    request = FetchRequest.__new__(FetchRequest)
    await client.send(1, request)
    took = []
    for _ in range(5):
        begin = time.monotonic()
        await client.send(1, request)
        took.append(time.monotonic() - begin)
    # The shortest: a machine that is busy makes any of them longer.
    assert least <= min(took) + 0.001
    assert min(took) < most
