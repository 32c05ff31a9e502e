"""What comes from outside is bounded before it is parsed, and what is too large harms nobody else."""

import asyncio
import json
import os
import time
from zlib import crc32

import pytest
from conftest import eventually

from stream_app.errors import SettingsError, StateError
from stream_app.events import Reason, Rejected, decode_reading
from stream_app.events.decoding import MAX_EVENT_BYTES
from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME
from stream_app.runtime.worker import Worker
from stream_app.settings import RedisSettings, WorkerSettings, load_settings
from stream_app.settings.loading import MAX_FILE_BYTES
from stream_app.store import FeatureReader, unpack_state


def event(**changes):
    return json.dumps({"source": "pump", "ts": 1.6e9, "values": {"flow": 1.0}} | changes).encode()


DEEP = b'{"source": "pump", "ts": 1, "values": {"flow": 1}, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
TOO_MUCH = {
    "bytes": (event(labels={"x": "x" * MAX_EVENT_BYTES}), Reason.TOO_LARGE),
    "no JSON": (b"[" * (MAX_EVENT_BYTES + 1), Reason.TOO_LARGE),
    "nested": (DEEP, Reason.NOT_JSON),
    "channels": (event(values={f"c{i}": 1.0 for i in range(MAX_CHANNELS + 1)}), Reason.SCHEMA),
    "source": (event(source="x" * (MAX_NAME + 1)), Reason.SCHEMA),
    "channel": (event(values={"x" * (MAX_NAME + 1): 1.0}), Reason.SCHEMA),
    "id": (event(id="x" * (MAX_NAME + 1)), Reason.SCHEMA),
    "digits": (b'{"source": "pump", "ts": 1, "values": {"flow": ' + b"9" * 200_000 + b"}}", None),
    "exponent": (b'{"source": "pump", "ts": 1, "values": {"flow": 1e999999999}}', None),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_an_event_that_is_too_much_is_refused_in_no_time(name):
    raw, reason = TOO_MUCH[name]
    begin = time.perf_counter()
    refused = decode_reading(raw)
    assert time.perf_counter() - begin < 1
    assert isinstance(refused, Rejected)
    assert reason in {None, refused.reason}
    assert len(refused.message) < 1000, "a message does not repeat the event"


@pytest.mark.integration
async def test_large_keys_and_many_headers_stop_nobody(settings, store, producer, make_topic, read_topic):
    settings = settings.model_copy(update={"worker": settings.worker.model_copy(update={"partitions": 1})})
    topic = await make_topic("sensor.readings")
    large = [
        {"key": b"k" * 900_000},
        {"headers": [("h" * 50, b"v" * 50)] * 8_000},
        {"key": b"k" * 400_000, "headers": [("h", b"v" * 400_000)]},
    ]
    for extra in large:
        await producer.send(topic, event(), **extra)
        await producer.send(topic, b"x" * 100_000, **extra)
    await producer.send(topic, b"x" * 1_000_000)
    await producer.send(topic, event(ts=1.6e9 + 1))
    worker = Worker(settings)
    work = asyncio.create_task(worker.run(handle_signals=False))

    async def seen():
        assert not work.done(), work
        row = await FeatureReader(store, "sensors").get("pump")
        return row is not None and row.event_ts == 1.6e9 + 1

    try:
        await eventually(seen, 30)
        assert len(await read_topic(f"{settings.prefix}.dead.letters", 4)) == 4
    finally:
        worker.stop()
        await asyncio.wait_for(asyncio.gather(work, return_exceptions=True), 20)
    assert work.exception() is None


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)
    return tmp_path / "streamgauge.toml"


def test_a_large_file_is_not_parsed(file):
    file.write_bytes(b"# " + b"x" * MAX_FILE_BYTES)
    with pytest.raises(SettingsError, match=f"{file}: larger than {MAX_FILE_BYTES} bytes"):
        load_settings(file)


def test_an_endless_file_is_not_read_to_its_end():
    with pytest.raises(SettingsError, match="/dev/zero: larger than"):
        load_settings("/dev/zero")


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "x = " + "{a = " * 50_000])
def test_a_file_that_is_nested_deeply_is_told_in_one_line(file, text):
    file.write_text(text)
    begin = time.perf_counter()
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert time.perf_counter() - begin < 5
    assert str(caught.value).startswith(str(file))
    assert str(caught.value).count("\n") == 0
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "make",
    [
        lambda: RedisSettings(prefix="x" * 101),
        lambda: RedisSettings(url="redis://h:1", username="x" * 257, password="p"),
        lambda: WorkerSettings(group="x" * 201),
        lambda: WorkerSettings(http_host="x" * 254),
        lambda: WorkerSettings(http_host="h\r\nX: y"),
    ],
)
def test_settings_that_become_parts_of_names_are_bounded(make):
    with pytest.raises(ValueError, match=r"at most|pattern"):
        make()


@pytest.mark.parametrize(
    "body",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of 4 billion, without one
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a\xd8\x01\x00\x04" + b"\xff" * 14,
        b"\x91" * 100_000 + b"\xc0",
    ],
    ids=["list", "table", "bytes", "extension", "array", "nested"],
)
def test_a_state_that_claims_more_than_it_holds_takes_no_memory(body):

    begin = time.perf_counter()
    with pytest.raises(StateError, match="state of s"):
        unpack_state(b"SGS1" + crc32(body).to_bytes(4, "little") + body, "state of s")
    assert time.perf_counter() - begin < 0.5
