"""What we rely on in a broker: run against the embedded one and any that STREAMGAUGE_TEST_KAFKA names."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import MessageSizeTooLargeError
from conftest import eventually

from stream_app.kafka import client_options, ensure_topics

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@asynccontextmanager
async def consuming(kafka, *topics, **options):
    consumer = AIOKafkaConsumer(
        *topics,
        enable_auto_commit=False,
        **({"auto_offset_reset": "earliest"} | client_options(kafka) | options),
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def fill(producer, topic, count, partition=0, first=0):
    sent = [await producer.send(topic, b"%d" % n, partition=partition) for n in range(first, first + count)]
    return [record.offset for record in await asyncio.gather(*sent)]


async def take(consumer, count):
    records = []

    async def more():
        for found in (await consumer.getmany(timeout_ms=200)).values():
            records.extend(found)
        return len(records) >= count

    await eventually(more)
    return records


async def test_records_come_back_in_order_with_consecutive_offsets(kafka, make_topic, producer):
    topic = await make_topic("order")
    assert await fill(producer, topic, 5000) == list(range(5000))
    async with consuming(kafka, topic) as consumer:
        records = await take(consumer, 5000)
    assert [record.offset for record in records] == list(range(5000))
    assert [record.value for record in records] == [b"%d" % n for n in range(5000)]


async def test_keys_headers_timestamps_and_tombstones_are_kept(kafka, make_topic, producer):
    topic = await make_topic("parts")
    headers = [("a", b"\x00\xff"), ("a", b"again"), ("empty", b"")]
    await producer.send_and_wait(topic, b"v", key=b"k\x00", headers=headers, timestamp_ms=1_583_748_873_123)
    await producer.send_and_wait(topic, None, key=b"gone")
    await producer.send_and_wait(topic, b"no key")
    async with consuming(kafka, topic) as consumer:
        first, tombstone, plain = await take(consumer, 3)
    assert (first.key, first.value, list(first.headers)) == (b"k\x00", b"v", headers)
    assert (first.timestamp, first.timestamp_type) == (1_583_748_873_123, 0)
    assert (tombstone.key, tombstone.value) == (b"gone", None)
    assert (plain.key, plain.value, list(plain.headers)) == (None, b"no key", [])


@pytest.mark.parametrize("compression", [None, "gzip", "lz4", "snappy", "zstd"])
async def test_compressed_batches_are_read(kafka, make_topic, compression):
    topic = await make_topic(f"packed-{compression}")
    producer = AIOKafkaProducer(**client_options(kafka), compression_type=compression, linger_ms=20)
    await producer.start()
    try:
        await fill(producer, topic, 500)
    finally:
        await producer.stop()
    async with consuming(kafka, topic) as consumer:
        records = await take(consumer, 500)
    assert [record.value for record in records] == [b"%d" % n for n in range(500)]


async def test_a_record_of_nearly_a_megabyte_goes_through(kafka, make_topic):
    topic = await make_topic("large")
    value = bytes(range(256)) * 3900
    producer = AIOKafkaProducer(**client_options(kafka), max_request_size=1_048_576)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
        await producer.send_and_wait(topic, b"small")
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send(topic, b"x" * 2_000_000)
    finally:
        await producer.stop()
    async with consuming(kafka, topic) as consumer:
        large, small = await take(consumer, 2)
    assert (large.value, small.value) == (value, b"small")


async def test_an_idempotent_producer_writes_each_record_once(kafka, make_topic):
    topic = await make_topic("idempotent")
    producer = AIOKafkaProducer(**client_options(kafka), enable_idempotence=True)
    await producer.start()
    try:
        for first in range(0, 300, 100):
            await fill(producer, topic, 100, first=first)
    finally:
        await producer.stop()
    async with consuming(kafka, topic) as consumer:
        records = await take(consumer, 300)
        assert await consumer.getmany(timeout_ms=300) == {}
    assert [record.value for record in records] == [b"%d" % n for n in range(300)]


async def test_offsets_are_listed(kafka, make_topic, producer):
    topic = await make_topic("offsets", 2)
    partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    async with consuming(kafka) as consumer:
        consumer.assign(partitions)
        assert list((await consumer.end_offsets(partitions)).values()) == [0, 0]
        await fill(producer, topic, 700)
        await fill(producer, topic, 1)
        assert await consumer.beginning_offsets(partitions) == dict.fromkeys(partitions, 0)
        assert await consumer.end_offsets(partitions) == {partitions[0]: 701, partitions[1]: 0}


async def test_the_high_watermark_tells_the_lag(kafka, make_topic, producer):
    topic = await make_topic("lag")
    await fill(producer, topic, 50)
    async with consuming(kafka, topic) as consumer:
        await take(consumer, 50)
        assert consumer.highwater(TopicPartition(topic, 0)) == 50


@pytest.mark.parametrize("offset", [0, 1, 137, 499, 500])
async def test_reading_may_begin_in_the_middle_of_a_batch(kafka, make_topic, offset):
    topic = await make_topic(f"seek{offset}")
    partition = TopicPartition(topic, 0)
    producer = AIOKafkaProducer(**client_options(kafka), linger_ms=100, max_batch_size=1_000_000)
    await producer.start()
    try:
        await fill(producer, topic, 500)
        async with consuming(kafka) as consumer:
            consumer.assign([partition])
            consumer.seek(partition, offset)
            await fill(producer, topic, 1, first=500)
            records = await take(consumer, 501 - offset)
    finally:
        await producer.stop()
    assert [record.offset for record in records] == list(range(offset, 501))


async def test_committed_offsets_are_kept_for_the_group(kafka, prefix, make_topic, producer):
    topic = await make_topic("commits", 2)
    partition, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    await fill(producer, topic, 20)
    async with consuming(kafka, group_id=prefix) as consumer:
        consumer.assign([partition, other])
        assert await consumer.committed(partition) is None
        await consumer.commit({partition: 13})
    async with consuming(kafka, group_id=prefix) as consumer:
        consumer.assign([partition, other])
        assert await consumer.committed(partition) == 13
        assert await consumer.committed(other) is None
        assert (await take(consumer, 7))[0].offset == 13
    async with consuming(kafka, group_id=f"{prefix}-other") as consumer:
        consumer.assign([partition])
        assert await consumer.committed(partition) is None


async def test_a_group_of_one_gets_all_partitions_within_seconds(kafka, prefix, make_topic):
    topic = await make_topic("join", 3)
    async with consuming(
        kafka, topic, group_id=prefix, session_timeout_ms=6000, heartbeat_interval_ms=500
    ) as consumer:
        await eventually(lambda: len(consumer.assignment()) == 3, timeout=10)


async def test_two_members_share_and_one_takes_over_from_the_other(kafka, prefix, make_topic, producer):
    topic = await make_topic("share", 4)
    for partition in range(4):
        await fill(producer, topic, 10, partition)
    options = {"group_id": prefix, "session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
    everything = {TopicPartition(topic, partition) for partition in range(4)}
    async with consuming(kafka, topic, **options) as first:
        await eventually(lambda: first.assignment() == everything)
        records = await take(first, 40)
        assert {(r.partition, r.offset) for r in records} == {(p, o) for p in range(4) for o in range(10)}
        await first.commit()
        async with consuming(kafka, topic, **options) as second:

            async def shared():
                await asyncio.gather(first.getmany(timeout_ms=50), second.getmany(timeout_ms=50))
                mine, theirs = first.assignment(), second.assignment()
                return len(mine) == len(theirs) == 2 and mine | theirs == everything

            await eventually(shared, timeout=30)
        await eventually(lambda: first.assignment() == everything, timeout=30)
        for partition in range(4):
            await fill(producer, topic, 1, partition, first=10)
        more = await take(first, 4)
        assert sorted((r.partition, r.offset) for r in more) == [(p, 10) for p in range(4)]


async def test_topics_are_made_once_with_their_partitions_and_grown(kafka, prefix):
    topic = f"{prefix}.made"
    await ensure_topics(kafka, {topic: 3}, create=True)
    await ensure_topics(kafka, {topic: 7}, create=True)
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    try:

        async def partitions():
            (description,) = await admin.describe_topics([topic])
            return len(description["partitions"])

        assert await partitions() == 3
        answer = await admin.create_topics([NewTopic(topic, 1, 1)])
        assert [code for _, code, *_ in answer.topic_errors] == [36], "TopicAlreadyExists"
        await admin.create_partitions({topic: NewPartitions(total_count=4)})

        async def grown():
            return await partitions() == 4

        await eventually(grown)
    finally:
        await admin.close()


async def test_many_clients_at_once(kafka, make_topic, producer):
    topic = await make_topic("many")
    await fill(producer, topic, 100)

    async def read():
        async with consuming(kafka, topic) as consumer:
            return len(await take(consumer, 100))

    assert await asyncio.gather(*(read() for _ in range(8))) == [100] * 8
