"""Fetches are decoded in parts, and what cannot be read is named, with what stands before and behind it read."""

import asyncio
import resource
import struct

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from stream_app.kafka import client_options, consumer_options
from stream_app.kafka.fetching import POLL_BYTES, record_bytes
from stream_app.settings import KafkaSettings

HERE = TopicPartition("t", 0)
LARGE = 60_000_000
CRC_AT, CHECKED_AT, MAGIC_AT, CODEC_AT, DELTA_AT = 17, 21, 16, 22, 23
CONTROL = 0x20


@pytest.fixture(autouse=True, scope="module")
def bounded():
    client_options(KafkaSettings())


def batch(first, values, codec=0):
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 10_000_000)
    for i, value in enumerate(values):
        builder.append(i, 0, None, value, [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, first)
    return raw


def result(raw, at=0):
    """What a consumer at an offset holds of a fetch."""
    assignment = Assignment({HERE})
    state = assignment.state_value(HERE)
    state.seek(at)
    state.highwater = 1000
    fetched = fetcher.MemoryRecords(bytes(raw))
    records = PartitionRecords(HERE, fetched, None, at, None, None, check_crcs=True, isolation_level=0)
    return fetcher.FetchResult(HERE, assignment=assignment, partition_records=records, backoff=0), state


def checked(raw):
    struct.pack_into(">I", raw, CRC_AT, calc_crc32c(bytes(raw[CHECKED_AT:])))
    return raw


def damaged():
    raw = batch(3, [b"x" * 100] * 4)
    raw[-5] ^= 1
    return raw


def damaged_delta():
    raw = batch(3, [b"x"] * 4)
    struct.pack_into(">i", raw, DELTA_AT, 2_000_000_000)
    return raw


def unknown_codec():
    raw = batch(3, [b"x"] * 4)
    raw[CODEC_AT] |= 7
    return checked(raw)


def no_records():
    raw = batch(3, [b"x"] * 4)
    raw[61:] = bytes([255]) * (len(raw) - 61)
    return checked(raw)


def not_compressed():
    raw = batch(3, [b"x"] * 4)
    raw[CODEC_AT] |= 4
    return checked(raw)


BAD = [damaged, damaged_delta, unknown_codec, no_records, not_compressed]


@pytest.mark.parametrize("bad", BAD)
async def test_a_batch_that_cannot_be_read_is_named_after_what_stands_before_it(bad):
    found, state = result(batch(0, [b"a", b"b", b"c"]) + bad() + batch(7, [b"d"]))
    records, _ = found.part(100, POLL_BYTES, None)
    assert [record.value for record in records] == [b"a", b"b", b"c"]
    assert state.position == 3
    error = found.bad
    assert (error.topic, error.partition, error.first, error.last) == ("t", 0, 3, 6)
    assert error.size == len(bad())
    # The next fetch begins with it.
    again, state = result(bad() + batch(7, [b"d"]), at=3)
    assert again.part(100, POLL_BYTES, None) == ([], 0)
    assert (again.bad.first, again.bad.last, state.position) == (3, 6, 3)


async def test_a_part_ends_with_the_record_that_reaches_its_size():
    values = [bytes([i]) * 1000 for i in range(20)]
    found, state = result(batch(0, values[:10], codec=4) + batch(10, values[10:], codec=1))
    seen = []
    while found.has_more():
        records, taken = found.part(100, 5000, None)
        assert taken == sum(map(record_bytes, records)) < 7000
        seen += records
        assert state.position == len(seen)
        assert (found.held > 10_000) == (len(seen) % 10 != 0)
    assert [record.value for record in seen] == values


def compacted(first, offsets, length):
    """A batch of which compaction left some records: it keeps its first and its last offset."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 10_000_000)
    for offset in offsets:
        builder.append(offset, 0, None, b"x", [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, first)
    struct.pack_into(">i", raw, DELTA_AT, length - 1)
    return checked(raw)


def mark(first):
    """The mark of a transaction."""
    raw = batch(first, [b"\0\0\0\0\0\0"])
    raw[CODEC_AT] |= CONTROL
    return checked(raw)


@pytest.mark.parametrize(
    ("log", "at", "missing"),
    [
        (batch(0, [b"x"] * 3) + mark(3) + batch(4, [b"x"]), 0, 0),
        (batch(0, [b"x"] * 3) + batch(7, [b"x"]), 0, 4),
        (compacted(0, [1, 4], 6), 0, 4),
        (compacted(0, [], 6) + batch(6, [b"x"]), 0, 6),
        (batch(5, [b"x"]), 5, 0),
        (batch(5, [b"x"]), 2, 3),
        (compacted(0, [1, 4], 6) + batch(6, [b"x"]), 3, 0),
        (batch(0, [b"x"]) + damaged_delta(), 0, 0),
    ],
    ids=[
        "marks",
        "batches",
        "records",
        "all of a batch",
        "none",
        "before the first",
        "read from the middle",
        "damaged",
    ],
)
async def test_what_is_missing_in_a_log_is_counted_once(log, at, missing):
    for most in (1, 100):
        found, _ = result(log, at)
        counted, until = 0, -1
        while found.has_more() and found.bad is None:
            found.part(most, POLL_BYTES, None)
            count, until = found.missing(until)
            counted += count
        assert counted == missing
        assert result(log, at)[0].missing(until) == (0, until)


async def test_a_value_that_is_too_long_is_cut_off():
    found, _ = result(batch(0, [b"x" * 1000, b"y"]))
    records, _ = found.part(100, POLL_BYTES, 10)
    assert [record.value for record in records] == [b"x" * 10, b"y"]


@pytest.mark.integration
@pytest.mark.slow
async def test_small_batches_that_hold_gigabytes_are_read_in_turn(kafka, make_topic):
    topic = await make_topic("bombs", 4)
    producer = AIOKafkaProducer(
        **client_options(kafka), compression_type="zstd", max_request_size=2 * LARGE, max_batch_size=2 * LARGE
    )
    await producer.start()
    for number in range(16):
        await producer.send_and_wait(topic, bytes(LARGE), partition=number % 4)
    await producer.stop()
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **consumer_options(kafka))
    await consumer.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = []
    try:
        async with asyncio.timeout(60):
            while len(seen) < 16:
                polled = await consumer.getmany(timeout_ms=1000)
                seen += [(record.partition, record.offset) for some in polled.values() for record in some]
                assert sum(map(len, polled.values())) <= 1
    finally:
        await consumer.stop()
    assert sorted(seen) == [(partition, offset) for partition in range(4) for offset in range(4)]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 256_000_000
