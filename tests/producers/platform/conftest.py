"""A topic, and what is in it so far."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from conftest import eventually

from producers.platform import Sending, send_on
from producers.progress import Silent
from stream_app.events import PlatformDecoder, Rejected


@pytest.fixture
def topic(prefix):
    return f"{prefix}.platform"


@pytest.fixture
def sending(kafka, topic):
    def make(**changes):
        return Sending(platform="prod", kafka=kafka, topic=topic, partitions=1, **changes)

    return make


@pytest.fixture
def running():
    """Run a feed; give what it tells, what ends it, and what it will return."""

    @asynccontextmanager
    async def run(plan, feed):
        told, stop = Silent(), asyncio.Event()
        task = asyncio.create_task(send_on(plan, feed, progress=told, stop=stop))
        try:
            yield told, stop, task
        finally:
            stop.set()
            await asyncio.wait({task}, timeout=30)

    return run


@pytest.fixture
def sent(kafka, topic):
    """Give a function that returns all records of the topic so far, once there are some."""

    @asynccontextmanager
    async def tail():
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
        await consumer.start()

        async def made():
            return topic in await consumer.topics()

        await eventually(made)
        consumer.assign([TopicPartition(topic, 0)])
        records = []

        async def so_far():
            for some in (await consumer.getmany(timeout_ms=100)).values():
                assert {record.key for record in some} == {b"prod"}
                raws = [record.value for record in some]
                # A worker takes whatever is sent.
                assert not [one for one in PlatformDecoder("x").decode(raws) if isinstance(one, Rejected)]
                records.extend(json.loads(record.value) for record in some)
            return records

        try:
            yield so_far
        finally:
            await consumer.stop()

    return tail
