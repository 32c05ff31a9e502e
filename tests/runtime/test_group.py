"""A group that Kafka does not let a worker join ends the worker with the reason. The embedded broker takes any member."""

import asyncio
import base64
import os
import time
import uuid
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CoordinatorNotAvailableError
from conftest import REAL, eventually
from servers.consumer_protocol import join_by_newer_protocol
from workers import working

from stream_app.errors import BrokerError
from stream_app.kafka import check_group, client_options
from stream_app.runtime.worker import Worker

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not REAL, reason="needs a broker with bounds")]


def changed(settings, **worker):
    return settings.model_copy(update={"worker": settings.worker.model_copy(update=worker)})


async def reason(settings):
    """What ends a worker within ten seconds."""
    begin = time.monotonic()
    with pytest.raises(BrokerError) as raised:
        await asyncio.wait_for(Worker(settings).run(handle_signals=False), 30)
    assert time.monotonic() - begin < 10
    return str(raised.value)


@pytest.fixture
async def stranger(settings, make_topic):
    """A member of the worker's group whose protocol is another one."""
    topic = await make_topic("sensor.readings")
    consumer = AIOKafkaConsumer(
        topic,
        **client_options(settings.kafka),
        group_id=settings.worker.group,
        partition_assignment_strategy=[RangePartitionAssignor],
    )
    await consumer.start()
    await eventually(consumer.assignment)
    yield consumer
    await consumer.stop()


async def test_a_session_timeout_outside_of_the_brokers_bounds(settings, make_topic):
    await make_topic("sensor.readings")
    said = await reason(changed(settings, session_timeout=2.0))
    assert "takes session timeouts of 6 to" in said
    assert "worker.session_timeout" in said


@pytest.mark.usefixtures("stranger")
async def test_members_of_another_protocol(settings):
    said = await reason(settings)
    assert f"group {settings.worker.group}" in said
    assert "'range'" in said
    assert "worker.group" in said


@pytest.mark.skipif(
    os.environ.get("STREAMGAUGE_TEST_KAFKA_VERSION", "4") < "4",
    reason="Kafka 3.x does not offer the protocol",
)
async def test_members_of_kafkas_newer_protocol(settings, make_topic):
    topic = await make_topic("sensor.readings")
    member = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    address, group = settings.kafka.bootstrap, settings.worker.group
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    await admin.start()

    async def joined():
        # Asking for the coordinator makes the broker become it.
        with suppress(CoordinatorNotAvailableError):
            await admin.find_coordinator(group)
        return await join_by_newer_protocol(address, group, topic, member) == 0

    await eventually(joined)
    await admin.close()
    said = await reason(settings)
    assert f"group {settings.worker.group}" in said
    assert "worker.group" in said


async def test_what_nobody_saw_before_is_told_by_the_join(settings, stranger, monkeypatch):
    async def unseen(*_):
        pass

    monkeypatch.setattr("stream_app.runtime.worker.check_group", unseen)
    assert "members of another protocol" in await reason(settings)
    assert "session timeout of 2 s" in await reason(
        changed(settings, session_timeout=2.0, group=f"{settings.worker.group}.other")
    )


async def test_a_group_of_workers_may_be_joined(settings, store, make_topic):
    await make_topic("sensor.readings")
    worker = Worker(settings)
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await eventually(lambda: worker.ready.is_set() and worker.health().ready)
        await check_group(settings.kafka, settings.worker.group, settings.worker.session_timeout)
    finally:
        worker.stop()
        await asyncio.wait_for(task, 20)


async def test_a_worker_that_comes_back_under_its_name_moves_no_partition(settings, store, make_topic):
    topic = await make_topic("sensor.readings", partitions=4)

    async def claims():
        """Epoch of each partition's claim, and generation of the group that it was made in."""
        keys = [store.keys.offsets(settings.worker.group, topic, number) for number in range(4)]
        return [tuple(await store.client.hmget(key, "epoch", "generation")) for key in keys]

    def well(worker):
        return worker.ready.is_set() and worker.health().ready

    def lasting(name):
        return changed(settings, instance=name, session_timeout=20.0)

    async with working(lasting("worker-1")) as (stays, _):
        await eventually(lambda: well(stays))
        alone = await claims()
        async with working(lasting("worker-0")) as (first, _):

            async def shared():
                return well(first) and {new for _, new in await claims()}.isdisjoint(old for _, old in alone)

            await eventually(shared, timeout=40)
        before = await claims()
        async with working(lasting("worker-0")) as (again, _):

            async def claimed_again():
                return (
                    well(again)
                    and sum(old != new for old, new in zip(before, await claims(), strict=True)) >= 2
                )

            await eventually(claimed_again, timeout=15)
            now = await claims()
    assert [generation for _, generation in now] == [generation for _, generation in before]
    assert sum(old == new for old, new in zip(before, now, strict=True)) == 2
