"""A broker that dies, that is cut off, and whose topic of dead letters is of no use."""

import asyncio
import time

import pytest
from aiokafka.admin import NewTopic
from conftest import eventually
from faults.log import START, Event, Feed, make_topic
from servers.proxy import Proxy

from stream_app.embedded import free_port

_BAD = b'{"source": "pump-0", "ts": "never", "values": {"flow": 1.0}}'


async def test_broker_is_killed_and_started_again(make_harness, own_kafka, row, scale, seed):
    """Broker kill -9 and restart."""
    rounds, away, piece = scale.pick(1, 4), scale.pick(5.0, 20.0), 6000
    feed = Feed(sources=4, length=(2 * rounds + 1) * piece // 4, seed=seed)
    broker = await own_kafka()
    harness = await make_harness(kafka=f"127.0.0.1:{broker.port}", max_batch=200)
    worker = await harness.workers.start("worker-1")
    slowest = 0.0
    for i in range(rounds):
        done = await harness.processed()
        await harness.send(feed.take(piece))
        await harness.reached(done + 1)
        # With a kill, then with an orderly stop: it is seen differently by clients.
        await asyncio.to_thread(broker.stop if i % 2 else broker.kill)
        await asyncio.sleep(away)
        await asyncio.to_thread(broker.start)
        begin = time.monotonic()
        # What was fetched before says nothing of the broker: all of that, and one event more.
        sent = sum((await harness.ends()).values())
        await harness.send(feed.take(piece))
        await harness.reached(sent + 1)
        slowest = max(slowest, time.monotonic() - begin)
    await harness.send(feed.take())
    result = await harness.settled()
    row.tell(result)
    row.recovery = slowest
    row.remark(f"{rounds} restarts of the broker, {worker.starts - 1} of the worker")
    assert slowest <= 60.0
    assert not result.differences
    assert result.truth.alerts


async def test_broker_is_cut_off(make_harness, own_kafka, row, scale, seed):
    """Broker cut off by a proxy."""
    seconds = scale.pick(20, 300)
    row.fault = f"Broker cut off for {seconds} s by a proxy"
    feed = Feed(sources=4, length=3000, seed=seed)
    direct, port = free_port(), free_port()
    with Proxy(port) as proxy:
        # This process goes around the proxy: the listener has another name, but no other protocol.
        await own_kafka(
            port=port,
            advertised_port=proxy.port,
            listeners={"DIRECT": direct},
            properties={
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT",
                "inter.broker.listener.name": "DIRECT",
            },
        )
        harness = await make_harness(
            kafka=f"127.0.0.1:{direct}", worker_kafka=f"127.0.0.1:{proxy.port}", max_batch=200
        )
        worker = await harness.workers.start("worker-1")
        await harness.send(feed.take(4000))
        await harness.caught_up()
        await worker.green()
        held = worker.memory.peak
        begin = time.monotonic()
        proxy.cut()
        red = asyncio.create_task(worker.red_after())
        await harness.send(feed.take(4000))
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - begin)))
        proxy.heal()
        begin = time.monotonic()
        # What was under way when the connection was cut arrives at once, and says nothing of the rest.
        await harness.caught_up()
        row.recovery = time.monotonic() - begin
        await harness.send(feed.take())
        result = await harness.settled()
        row.tell(result)
        row.remark(
            f"red after {await red:.1f} s, {worker.memory.peak - held:.0f} MB more, {worker.starts - 1} restarts"
        )
    assert row.recovery <= 60.0
    assert not result.differences
    assert result.truth.alerts


@pytest.mark.parametrize("trouble", ["takes no letter of that size", "is deleted"])
async def test_dead_letter_topic_is_of_no_use(make_harness, row, seed, trouble):
    """The dead-letter topic cannot be written."""
    row.fault = f"The dead-letter topic {trouble}"
    feed = Feed(sources=4, length=1500, seed=seed)
    harness = await make_harness(max_batch=100)
    letters = harness.topics.dead_letters
    small = {"max.message.bytes": "100"} if trouble.startswith("takes") else {}
    await make_topic(harness.kafka, letters, 1, **small)
    await harness.send(feed.take(2000))
    worker = await harness.workers.start("worker-1", restart=False)
    await harness.caught_up()
    admin = await harness.admin()
    try:
        if not small:
            await admin.delete_topics([letters])
        bad = (await harness.ends())[0]
        await harness.send([Event(0, b"pump-0", _BAD, START * 1000), *feed.take(2000)])
        await noticed(worker)
        assert (await harness.positions())[0] <= bad
        if worker.running:
            # It waits. It must not look well as long as it does.
            for _ in range(5):
                assert (await worker.ask("/healthz"))[0] != 200
                await asyncio.sleep(1.0)
            row.verdict = "waits and says so, the offset stays"
        else:
            assert (await worker.ended(5.0)).code == 1
            assert "Traceback" not in worker.said
            assert "dead.letters" in worker.last_line or "dead letters" in worker.last_line
            row.verdict = "stopped clearly, the offset stayed"
        assert (await harness.positions())[0] <= bad
        if small:
            await admin.delete_topics([letters])
            await gone(admin, letters)
        if letters not in await admin.list_topics():
            await admin.create_topics([NewTopic(letters, 1, 1)])
    finally:
        await admin.close()
    if not worker.running:
        await harness.workers.start("worker-1")
    await harness.send(feed.take())
    result = await harness.settled()
    verdict = row.verdict
    row.tell(result)
    row.verdict = f"{verdict}; then {result.verdict}"
    assert not result.differences
    assert result.truth.letters == {(0, bad, "timestamp")}


async def noticed(worker):
    """Wait until a worker has ended, or says that it is not well."""

    async def either():
        return not worker.running or (await worker.ask("/healthz"))[0] == 503

    await eventually(either, timeout=60.0)


async def gone(admin, topic):
    """Wait until a topic is deleted."""

    async def missing():
        return topic not in await admin.list_topics()

    await eventually(missing, timeout=10)
