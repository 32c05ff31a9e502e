"""A small batch that would grow to gigabytes is refused; all others are read as before."""

import asyncio
import contextlib
import gzip
import resource
import struct
import sys
from functools import partial
from pathlib import Path

import cramjam
import pytest
from aiokafka import AIOKafkaProducer, codec
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from stream_app.errors import DataError
from stream_app.kafka import client_options
from stream_app.kafka.decompression import MAX_BATCH_BYTES, bound_decompression
from stream_app.runtime.worker import Worker
from stream_app.settings import KafkaSettings

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
every_codec = pytest.mark.parametrize("name", CODECS)


@pytest.fixture(autouse=True, scope="module")
def bounded():
    client_options(KafkaSettings())
    bound_decompression()


def resident():
    """Bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def batch(name, values):
    builder = DefaultRecordBatchBuilder(2, CODECS[name], 0, -1, -1, 0, 2 * MAX_BATCH_BYTES)
    for i, value in enumerate(values):
        builder.append(i, 0, None, value, [])
    return bytes(builder.build())


def read(raw):
    return [record.value for record in DefaultRecordBatch(raw)]


@every_codec
@given(
    values=st.lists(st.binary(max_size=2000) | st.integers(0, 300_000).map(bytes), min_size=1, max_size=20)
)
def test_ordinary_batches_are_read_as_before(name, values):
    assert read(batch(name, values)) == values


@every_codec
def test_the_largest_batch_that_is_taken(name):
    values = [bytes(MAX_BATCH_BYTES - 100)]
    assert read(batch(name, values)) == values


@every_codec
def test_a_batch_that_grows_larger_is_refused_before_it_grows(name):
    raw = batch(name, [bytes(MAX_BATCH_BYTES + 1_000_000)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=f"grows beyond {MAX_BATCH_BYTES} bytes"):
        read(raw)
    # The largest of the tests before this one may have been at its peak already; this one adds nothing to it.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def xerial(*blocks):
    head = b"\x82SNAPPY\x00" + struct.pack("!ii", 1, 1)
    return head + b"".join(struct.pack("!i", len(block)) + block for block in blocks)


def test_blocks_are_added_up():
    block = bytes(cramjam.snappy.compress_raw(bytes(1_000_000)))
    assert codec.snappy_decode(xerial(*[block] * 3)) == bytes(3_000_000)
    with pytest.raises(DataError, match="grows beyond"):
        codec.snappy_decode(xerial(*[block] * 70))
    for name in ("gzip", "zstd", "lz4"):
        part = bytes(getattr(cramjam, name).compress(bytes(1_000_000)))
        with pytest.raises(DataError, match="grows beyond"):
            getattr(codec, f"{name}_decode")(part * 70)


def test_a_length_below_zero_does_not_go_round_for_ever():
    raw = b"\x82SNAPPY\x00" + struct.pack("!iii", 1, 1, -4) + bytes(20)
    with pytest.raises(DataError, match="damaged"):
        codec.snappy_decode(raw)


@every_codec
@given(data=st.data())
def test_damaged_batches_are_refused_or_read_and_never_hang(name, data):
    good = bytes(getattr(codec, f"{name}_encode")(bytes(range(256)) * 50))
    at = data.draw(st.integers(0, len(good) - 1))
    cut = data.draw(st.integers(0, len(good)))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    for raw in (bytes(bad), good[:cut], data.draw(st.binary(max_size=100))):
        # Refused as damaged, or read.
        with contextlib.suppress(DataError):
            assert len(getattr(codec, f"{name}_decode")(raw)) <= MAX_BATCH_BYTES


@pytest.mark.parametrize("name", ["gzip", "lz4", "zstd"])
def test_frames_one_after_the_other_are_one_batch_and_a_frame_cut_off_is_none(name):
    first, second = (bytes(getattr(cramjam, name).compress(part)) for part in (b"a" * 1000, b"b" * 1000))
    decode = getattr(codec, f"{name}_decode")
    assert decode(first + second) == b"a" * 1000 + b"b" * 1000
    for cut in (first[:-1], first + second[:-1], first + second[:5], b""):
        with pytest.raises(DataError, match=f"compressed by {name} is damaged"):
            decode(cut)


def test_many_members_of_a_byte_each_are_one_batch():
    assert codec.gzip_decode(gzip.compress(b"x") * 48_000) == b"x" * 48_000


def members(name, count):
    """A batch of so many members, frames or blocks of a byte each."""
    if name == "snappy":
        return xerial(*[bytes(cramjam.snappy.compress_raw(b"x"))] * count)
    return bytes(getattr(cramjam, name).compress(b"x")) * count


class Work:
    """Calls of functions while something runs, and the bytes that the library is handed."""

    def __init__(self, monkeypatch):
        self.calls = self.bytes = 0
        for name, function in (("snappy", "decompress_raw"), *((name, "decompress_into") for name in CODECS)):
            library = getattr(cramjam, name)
            monkeypatch.setattr(library, function, partial(self._hand, getattr(library, function)))
        bound_decompression()

    def _hand(self, function, payload, *rest):
        self.bytes += len(payload)
        return function(payload, *rest)

    def of(self, decode, payload):
        """Decode, and return both."""
        self.calls = self.bytes = 0
        sys.setprofile(self._count)
        try:
            decode(payload)
        finally:
            sys.setprofile(None)
        return self.calls, self.bytes

    def _count(self, frame, event, _):
        self.calls += event in {"call", "c_call"}


@every_codec
def test_twice_the_members_take_twice_the_work_at_most(name, monkeypatch):
    with monkeypatch.context() as patched:
        work = Work(patched)
        one, two = (members(name, count) for count in (5_000, 10_000))
        decode = getattr(codec, f"{name}_decode")
        decode(one)  # what comes with the first call only
        calls, handed = work.of(decode, one)
        more_calls, more_handed = work.of(decode, two)
    bound_decompression()
    assert calls > 0
    assert more_calls <= 2 * calls
    assert 0 < handed <= len(one)
    assert more_handed <= len(two)


def test_zstd_of_before_its_first_version_is_refused():
    # Magic of v0.7, whose decoder some builds still have.
    with pytest.raises(DataError, match="compressed by zstd is damaged"):
        codec.zstd_decode(b"\x27\xb5\x2f\xfd" + bytes(50))


def test_room_of_a_large_batch_is_given_back():
    raw = bytes(cramjam.zstd.compress(bytes(MAX_BATCH_BYTES - 100)))
    codec.zstd_decode(raw)
    before = resident()
    for _ in range(3):
        codec.zstd_decode(raw)
    assert resident() - before < 16_000_000


@pytest.mark.integration
async def test_a_worker_stops_at_such_a_batch_and_says_why(settings, kafka, make_topic):
    topic = await make_topic("sensor.readings")
    producer = AIOKafkaProducer(
        **client_options(kafka),
        compression_type="zstd",
        max_request_size=2 * MAX_BATCH_BYTES,
        max_batch_size=2 * MAX_BATCH_BYTES,
    )
    await producer.start()
    await producer.send_and_wait(topic, bytes(MAX_BATCH_BYTES + 1_000_000))
    await producer.stop()
    worker = Worker(settings)
    work = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await asyncio.wait_for(asyncio.wait([work]), 30)
    finally:
        worker.stop()
        await asyncio.wait_for(asyncio.gather(work, return_exceptions=True), 20)
    assert "grows beyond" in str(work.exception())
