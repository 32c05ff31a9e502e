"""Batch delivery against a real broker."""

import asyncio
import random
from contextlib import asynccontextmanager

import faust
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from conftest import eventually

from stream_app.errors import StoreUnavailableError
from stream_app.kafka import client_options
from stream_app.runtime.batches import FinishedBatches
from stream_app.runtime.delivery import BatchTransport, batched_topic

pytestmark = pytest.mark.integration


class Recorder:
    """An agent that notes what it got; what it has noted counts as stored."""

    def __init__(self):
        self.batches = []
        self.plain = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = 0
        self.finished = FinishedBatches()

    def note(self, batch):
        self.batches.append(batch)
        self.finished.add(batch)

    def offsets(self, partition):
        return [r.offset for batch in self.batches if batch.tp.partition == partition for r in batch.records]

    def total(self):
        return sum(len(batch.records) for batch in self.batches)


@asynccontextmanager
async def running(kafka, group, topic, recorder, tmp_path, *, plain=None, positions=None, **options):
    app = faust.App(
        group,
        broker=f"kafka://{kafka.bootstrap}",
        datadir=str(tmp_path / f"{group}-{id(recorder)}"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_commit_interval=0.2,
        **({"stream_buffer_maxsize": 2, "broker_max_poll_records": 500} | options),
    )
    app.transport = BatchTransport(app, topics={topic}, positions=positions or recorder.finished)

    @app.agent(batched_topic(app, topic), name="batched")
    async def watch(stream):
        async for batches in stream:
            recorder.entered += 1
            await recorder.gate.wait()
            for batch in batches:
                recorder.note(batch)

    if plain:

        @app.agent(app.topic(plain, value_serializer="raw"), name="plain")
        async def watch_plain(stream):
            async for value in stream:
                recorder.plain.append(value)

    app.finalize()
    await app.start()
    try:
        yield app
    finally:
        recorder.gate.set()
        await app.stop()


async def fill(producer, topic, counts):
    sent = [
        await producer.send(topic, value=b"%d" % i, partition=partition)
        for partition, count in counts.items()
        for i in range(count)
    ]
    await asyncio.gather(*sent)


async def committed(kafka, group, topic, partition=0):
    consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **client_options(kafka))
    await consumer.start()
    try:
        return await consumer.committed(TopicPartition(topic, partition))
    finally:
        await consumer.stop()


async def test_every_record_comes_once_in_order_and_commits_pass_all_of_them(
    kafka, prefix, make_topic, producer, tmp_path
):
    topic = await make_topic("batched", 2)
    await fill(producer, topic, {0: 3000, 1: 1700})
    recorder = Recorder()
    async with running(kafka, prefix, topic, recorder, tmp_path):
        await eventually(lambda: recorder.total() >= 4700)
    assert recorder.offsets(0) == list(range(3000))
    assert recorder.offsets(1) == list(range(1700))
    assert len(recorder.batches) < 100
    assert await committed(kafka, prefix, topic, 0) == 3000
    assert await committed(kafka, prefix, topic, 1) == 1700


async def test_nothing_is_skipped_when_a_worker_dies_between_batches(
    kafka, prefix, make_topic, producer, tmp_path
):
    topic = await make_topic("crash")
    await fill(producer, topic, {0: 1000})
    first, second = Recorder(), Recorder()
    first.note = first.batches.append  # stores nothing
    async with running(kafka, prefix, topic, first, tmp_path, broker_max_poll_records=100) as app:
        first.gate.clear()  # the first batch is in hand and never finishes
        await eventually(lambda: first.entered == 1)
        await asyncio.sleep(0.5)  # two commit intervals pass with it in hand
        assert await committed(kafka, prefix, topic) in {None, 0}
        # What a killed process leaves behind: an agent that never finished.
        app.consumer._unacked_messages.clear()
        app.conf.stream_wait_empty = False
    async with running(kafka, prefix, topic, second, tmp_path):
        await eventually(lambda: second.total() >= 1000)
    assert second.offsets(0) == list(range(1000))


async def test_only_finished_batches_are_committed(kafka, prefix, make_topic, producer, tmp_path):
    topic = await make_topic("partial")
    await fill(producer, topic, {0: 1000})
    recorder = Recorder()
    async with running(kafka, prefix, topic, recorder, tmp_path, broker_max_poll_records=100):
        note = recorder.note

        def stopping(batch):
            note(batch)
            if len(recorder.batches) == 3:
                recorder.gate.clear()

        recorder.note = stopping
        await eventually(lambda: len(recorder.batches) == 3 and recorder.entered == 4)
        expected = recorder.batches[-1].last + 1
        await eventually(lambda: committed_is(kafka, prefix, topic, expected))
        await asyncio.sleep(0.5)
        assert await committed(kafka, prefix, topic) == expected


async def committed_is(kafka, group, topic, expected):
    return await committed(kafka, group, topic) == expected


async def test_partitions_share_fairly(kafka, prefix, make_topic, producer, tmp_path):
    topic = await make_topic("fair", 4)
    for _ in range(30):  # a broker hands out whole batches of a producer, so make them small
        await fill(producer, topic, dict.fromkeys(range(4), 100))
    recorder = Recorder()
    async with running(
        kafka, prefix, topic, recorder, tmp_path, broker_max_poll_records=200, consumer_max_fetch_size=4096
    ):
        await eventually(lambda: recorder.total() >= 12_000)
    # When the first partition is through, the slowest has had at least half of its turn.
    seen = dict.fromkeys(range(4), 0)
    for batch in recorder.batches:
        seen[batch.tp.partition] += len(batch.records)
        if seen[batch.tp.partition] == 3000:
            break
    assert min(seen.values()) >= 1500, seen


async def test_a_slow_agent_holds_the_consumer_back(kafka, prefix, make_topic, producer, tmp_path):
    topic = await make_topic("pressure")
    await fill(producer, topic, {0: 5000})
    recorder = Recorder()
    async with running(kafka, prefix, topic, recorder, tmp_path, broker_max_poll_records=100) as app:
        recorder.gate.clear()
        await eventually(lambda: recorder.entered == 1)
        await asyncio.sleep(1.0)
        # One in hand, two in the queue, and one that the consumer holds.
        assert len(app.consumer._unacked_messages) <= 5
        recorder.gate.set()
        await eventually(lambda: recorder.total() >= 5000)
    assert recorder.offsets(0) == list(range(5000))


async def test_ordinary_topics_are_delivered_as_ever(kafka, prefix, make_topic, producer, tmp_path):
    topic, plain = await make_topic("batched"), await make_topic("plain")
    await fill(producer, topic, {0: 300})
    await fill(producer, plain, {0: 50})
    recorder = Recorder()
    async with running(kafka, prefix, topic, recorder, tmp_path, plain=plain):
        await eventually(lambda: recorder.total() >= 300 and len(recorder.plain) >= 50)
    assert recorder.plain == [b"%d" % i for i in range(50)]
    assert await committed(kafka, prefix, plain) == 50


async def test_a_rebalance_in_mid_stream_loses_nothing(kafka, prefix, make_topic, producer, tmp_path):
    topic = await make_topic("rebalance", 2)
    await fill(producer, topic, {0: 2000, 1: 2000})
    first, second = Recorder(), Recorder()
    async with running(kafka, prefix, topic, first, tmp_path, broker_max_poll_records=50):
        await eventually(lambda: first.total() >= 500)
        async with running(kafka, prefix, topic, second, tmp_path, broker_max_poll_records=50):
            await fill(producer, topic, {0: 1000, 1: 1000})
            await eventually(lambda: second.total() > 0, timeout=40)
            await eventually(
                lambda: all(
                    set(first.offsets(p)) | set(second.offsets(p)) == set(range(3000)) for p in (0, 1)
                ),
                timeout=40,
            )
    for partition in (0, 1):
        for recorder in (first, second):
            got = recorder.offsets(partition)
            assert got == sorted(set(got)), "out of order or twice in one member"


class FixedPositions:
    def __init__(self, start, stored):
        self.start, self.at = start, stored

    async def load(self, partitions):
        return dict.fromkeys(partitions, self.start)

    def stored(self, partition):
        return self.at


async def test_reading_starts_and_commits_end_where_positions_say(
    kafka, prefix, make_topic, producer, tmp_path
):
    topic = await make_topic("positions")
    await fill(producer, topic, {0: 1000})
    recorder = Recorder()
    positions = FixedPositions(start=137, stored=140)
    async with running(kafka, prefix, topic, recorder, tmp_path, positions=positions):
        await eventually(lambda: recorder.total() >= 863)
        await eventually(lambda: committed_is(kafka, prefix, topic, 140))
    assert recorder.offsets(0) == list(range(137, 1000))
    assert await committed(kafka, prefix, topic) == 140


async def test_an_error_of_positions_stops_the_app(kafka, prefix, make_topic, producer, tmp_path):
    topic = await make_topic("broken")
    await fill(producer, topic, {0: 10})

    class Broken(FixedPositions):
        async def load(self, partitions):
            raise RuntimeError("no store")

    recorder = Recorder()
    async with running(kafka, prefix, topic, recorder, tmp_path, positions=Broken(0, 0)) as app:
        await eventually(lambda: app.crashed)
    assert recorder.total() == 0


async def test_nothing_is_read_before_positions_are_known(kafka, prefix, make_topic, producer, tmp_path):
    topic = await make_topic("unknown")
    await fill(producer, topic, {0: 500})

    class Away(FixedPositions):
        asked = 0
        away = True

        async def load(self, partitions):
            self.asked += 1
            if self.away:
                raise StoreUnavailableError("gone")
            return await super().load(partitions)

    recorder = Recorder()
    positions = Away(start=123, stored=123)
    async with running(kafka, prefix, topic, recorder, tmp_path, positions=positions) as app:
        await eventually(lambda: positions.asked >= 3)
        assert not app.consumer.placed
        assert recorder.total() == 0
        positions.away = False
        await eventually(lambda: recorder.total() >= 377)
        assert app.consumer.placed
        assert not app.crashed
    assert recorder.offsets(0) == list(range(123, 500))


async def test_after_a_reposition_what_was_delivered_before_is_known_as_stale(
    kafka, prefix, make_topic, producer, tmp_path
):
    topic = await make_topic("again")
    await fill(producer, topic, {0: 500})
    recorder = Recorder()
    positions = FixedPositions(start=0, stored=0)
    async with running(kafka, prefix, topic, recorder, tmp_path, positions=positions) as app:
        await eventually(lambda: recorder.total() >= 500)
        old = list(recorder.batches)
        assert all(app.transport.is_current(batch) for batch in old)
        positions.start = 200
        app.transport.reposition()
        await eventually(lambda: recorder.total() >= 800)
        assert not any(app.transport.is_current(batch) for batch in old)
    assert recorder.offsets(0) == [*range(500), *range(200, 500)]


async def test_whatever_seeks_come_between_a_reader_that_keeps_count_misses_nothing(
    kafka, prefix, make_topic, producer, tmp_path
):
    topic = await make_topic("count", 2)
    await fill(producer, topic, {0: 3000, 1: 3000})
    recorder = Recorder()
    chance = random.Random(5)
    done = {}

    class Count(FixedPositions):
        async def load(self, partitions):
            await asyncio.sleep(chance.uniform(0.0, 0.05))
            return {tp: done.get(tp, 0) for tp in partitions}

    def take(app):
        for batch in recorder.batches:
            if app.transport.is_current(batch) and batch.continues(done.get(batch.tp, 0)):
                done[batch.tp] = max(done.get(batch.tp, 0), batch.last + 1)
                got.setdefault(batch.tp, set()).update(record.offset for record in batch.records)
            else:
                app.transport.reposition()
        recorder.batches.clear()
        return sum(done.values()) >= 6000

    got = {}
    async with running(
        kafka, prefix, topic, recorder, tmp_path, positions=Count(0, 0), broker_max_poll_records=50
    ) as app:
        for _ in range(40):
            take(app)
            await asyncio.sleep(chance.uniform(0.0, 0.02))
            # Seeks of Faust's own come at any time, beside a fetch that is under way.
            await app.consumer.perform_seek()
        await eventually(lambda: take(app), timeout=60)
    assert {tp.partition: offsets for tp, offsets in got.items()} == {p: set(range(3000)) for p in (0, 1)}


@pytest.mark.slow
async def test_a_member_without_partitions_takes_over_however_long_it_waited(
    kafka, prefix, make_topic, producer, tmp_path
):
    topic = await make_topic("spare")
    options = {"positions": FixedPositions(start=0, stored=0), "broker_max_poll_interval": 3.0}
    one, other = Recorder(), Recorder()
    async with (
        running(kafka, prefix, topic, one, tmp_path, **options) as first,
        running(kafka, prefix, topic, other, tmp_path, **options) as second,
    ):
        await eventually(lambda: bool(first.consumer.assignment()) != bool(second.consumer.assignment()))

        async def watch():
            # As the watchdog does: without it, a member that stops slowly leaves the spare time to be expelled.
            while True:
                first.consumer.stay()
                second.consumer.stay()
                await asyncio.sleep(0.5)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(8.0)  # more than twice the interval, which is what is tried
        busy, spare, record = (first, second, other) if first.consumer.assignment() else (second, first, one)
        await busy.stop()
        await eventually(spare.consumer.assignment, timeout=30)
        await fill(producer, topic, {0: 100})
        await eventually(lambda: record.total() >= 100, timeout=30)
        watching.cancel()
    assert record.offsets(0) == list(range(100))
