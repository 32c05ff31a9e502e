"""What somebody can do who may write to one topic or reach the HTTP port: each attempt, with its bound."""

import asyncio
import json
import re
import time
from collections.abc import Sequence

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from faults.hostile import CODECS, bomb, hostile_record, send_junk
from faults.log import START, Event, make_topic, produce

from stream_app.events import Alert
from stream_app.kafka.decompression import MAX_BATCH_BYTES
from stream_app.store import AlertReader, FeatureReader

MB = 1_000_000
WIDE_BYTES = 58_083
"""That a source of eight channels takes in Redis, as the worker counts it."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

GOOD = """
[streams.sensors]

[streams.good]
kind = "sensors"
topic = "{topic}"
channels = {{ flow = {{ max = 1000.0 }} }}
"""


# Within the largest batch that a broker takes by default, snappy shrinks nothing so far.
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "snappy"])
async def test_a_batch_that_would_grow(make_harness, abuse, codec):
    """A batch that grows beyond what is taken at once."""
    abuse.attempt = f"A {codec} batch that grows to {(MAX_BATCH_BYTES + MB) / MB:.0f} MB"
    harness = await make_harness(monitor="", partitions=1)
    worker = await harness.workers.start("worker-1", restart=False)
    await worker.ready()
    idle, begin = worker.memory.highest, time.monotonic()
    await bomb(harness.kafka, harness.topic, codec, MAX_BATCH_BYTES + MB)
    end = await worker.ended(60.0)
    abuse.verdict = "stopped clearly"
    abuse.bound("memory above idle", worker.memory.highest - idle, 256, "MB")
    abuse.bound("until it stops", end.at - begin, 15, "s")
    assert end.code == 1
    assert "grows beyond" in worker.last_line
    assert "Traceback" not in worker.said


@pytest.mark.parametrize("codec", CODECS)
async def test_many_batches_that_grow(make_harness, abuse, scale, codec):
    """Batches of few bytes, each as large as is taken, one behind the other."""
    count = scale.pick(12, 40)
    size = 30 if codec == "snappy" else 60  # of snappy as large as fits into the broker's limit
    abuse.attempt = f"{count} {codec} batches that grow to {size} MB each, in 2 partitions"
    harness = await make_harness(monitor="", partitions=2)
    worker = await harness.workers.start("worker-1", restart=False)
    await worker.ready()
    idle = worker.memory.highest
    await worker.stop()
    # All are there before it starts, so that a fetch brings as many as it can.
    for number in range(count):
        await bomb(harness.kafka, harness.topic, codec, size * MB, partition=number % 2)
    worker = await harness.workers.start("worker-2", restart=False)
    await harness.caught_up()
    abuse.bound("memory above idle", worker.memory.highest - idle, 256, "MB")
    await worker.stop()
    assert len(await harness.letters()) == count


@pytest.mark.parametrize(
    ("count", "size", "codec", "most"),
    [(2000, 200, None, 4), (20, 700_000, None, 1), (20, 700_000, "zstd", 100)],
)
async def test_bad_events_are_kept(
    make_harness, kafka_server, abuse, scale, chance, count, size, codec, most
):
    """Bad events whose dead letters would take more room than they."""
    count = scale.pick(count, 10 * count)
    abuse.attempt = f"{count:,} bad events of {size:,} bytes, {'zeros in ' + codec if codec else 'random'}"
    harness = await make_harness(monitor="", partitions=1, max_bad_run=10**6, max_bad_ratio=1)
    worker = await harness.workers.start("worker-1")
    producer = AIOKafkaProducer(bootstrap_servers=harness.kafka, compression_type=codec)
    await producer.start()
    for _ in range(count):
        value = bytes(size) if codec else chance.randbytes(size)
        await producer.send(harness.topic, value, partition=0)
    await producer.stop()
    await harness.caught_up()
    await worker.stop()
    came, kept = (written(kafka_server, topic) for topic in (harness.topic, harness.topics.dead_letters))
    abuse.bound("dead letters", kept / came, most, "times what came")
    assert len(await harness.letters()) == count


def written(broker, topic):
    """Bytes that a broker holds of a topic."""
    return sum(file.stat().st_size for file in broker.directory.glob(f"data/{topic}-*/*.log"))


async def test_a_source_an_event(make_harness, abuse, scale):
    """A new source with each event."""
    sources = scale.pick(20_000, 50_000)
    abuse.attempt = f"{sources:,} sources with one event each"
    harness = await make_harness(monitor="")
    worker = await harness.workers.start("worker-1")
    await worker.ready()
    idle = worker.memory.highest
    begin = time.monotonic()
    await harness.send([event(f"s{i}", i / 1000) for i in range(sources)])
    await harness.caught_up(900.0)
    abuse.verdict = f"all processed after {time.monotonic() - begin:.0f} s"
    abuse.bound("memory above idle", worker.memory.highest - idle, 256, "MB")
    assert worker.starts == 1, worker.said[-2000:]


async def test_ever_new_sources_and_little_room(make_harness, own_redis, abuse, scale):
    """New sources that take far more than Redis has, from a worker that is killed meanwhile."""
    sources, kills = scale.pick((1600, 1), (40_000, 8))
    room, limit = 12 * MB, 40 * MB
    abuse.attempt = f"{sources:,} new sources of 8 channels, {sources * WIDE_BYTES / MB:,.0f} MB, with {limit / MB:.0f} MB of Redis"
    server = await own_redis("--maxmemory", str(limit))
    harness = await make_harness(
        monitor="[streams.sensors]\n",
        redis=f"redis://127.0.0.1:{server.port}/0",
        redis_options={"max_bytes": room},
        max_batch=300,
    )
    worker = await harness.workers.start("worker-1")
    await harness.send([wide("good", i / 1000, partition=i % 2) for i in range(100)])
    names = [f"s{i}" for i in range(sources)]
    piece = sources // (kills + 1)
    for first in range(0, sources, piece):
        some = names[first : first + piece]
        await harness.send([wide(name, 1 + i / 1000, partition=i % 2) for i, name in enumerate(some)])
        if first:
            await harness.reached(first)
            await worker.kill()
    await harness.send([wide("good", 100.0 + i, partition=i % 2) for i in range(100)])
    await harness.caught_up(600.0)
    await worker.stop()
    letters = [dict(letter.headers) for letter in await harness.letters()]
    places = {(h["__streamgauge.errors.partition"], h["__streamgauge.errors.offset"]) for h in letters}
    kept = await kept_in(harness)
    each = room // 2 // WIDE_BYTES
    used = (await harness.store.client.info("memory"))["used_memory"]
    row = await FeatureReader(harness.store, "sensors").get("good")
    abuse.verdict = f"{sum(map(len, kept)):,} kept, the others refused as no_room"
    abuse.bound("memory of Redis", used / MB, limit / MB, "MB")
    abuse.bound("lost of a source before them", 200 - 2 * int(row.values["events"]), 0, "events")
    # The first ones of the log, whatever was processed twice.
    assert kept == [{"good", *names[part::2][: each - 1]} for part in (0, 1)]
    assert len(places) == sources - 2 * (each - 1)
    assert {h["__streamgauge.errors.exception.class.name"] for h in letters} == {b"no_room"}
    # A kill may meet a worker that starts just then.
    assert [end.code for end in worker.exits if end.code != -9] == [0], worker.said[-2000:]
    told = [alert.partition for alert in await AlertReader(harness.store).firing()]
    assert sorted(told) == [0, 1]
    assert "no room in Redis for new sources" in worker.said


def wide(source: str, second: float, partition: int) -> Event:
    """Return a reading of eight channels."""
    ts = START + second
    values = {f"c{i}": 100.0 + i for i in range(8)}
    value = json.dumps({"source": source, "ts": ts, "values": values}).encode()
    return Event(partition, source.encode(), value, int(ts * 1000))


async def kept_in(harness) -> list[set[str]]:
    """Return the sources of each partition that have a state."""
    keys = harness.store.keys
    found = [
        await harness.store.client.hkeys(keys.state(harness.settings.worker.group, harness.topic, number))
        for number in range(harness.partitions)
    ]
    return [{name.decode() for name in names} for names in found]


async def test_noise_beside_a_good_stream(make_harness, abuse, scale, chance):
    """Random records, keys and requests beside a good stream, for a while."""
    seconds = scale.pick(15, 600)
    abuse.attempt = f"Random records, batches, keys, headers and HTTP for {seconds} s beside a good stream"
    good = f"good-{chance.randrange(10**9)}"
    harness = await make_harness(
        monitor=GOOD.format(topic=good), max_bad_run=10**9, max_bad_ratio=1, partitions=2
    )
    await make_topic(harness.kafka, good, 1)
    worker = await harness.workers.start("worker-1")
    await worker.ready()
    stream = GoodStream(harness, good)
    await stream.run(3.0)  # what the first events of a process cost
    await stream.run(max(8.0, seconds / 10))
    quiet = await stream.delays()
    idle = worker.memory.highest
    noise = [asyncio.create_task(hostile_records(harness, chance)), asyncio.create_task(junk(worker, chance))]
    await stream.run(seconds)
    for task in noise:
        task.cancel()
    await asyncio.gather(*noise, return_exceptions=True)
    loud = await stream.delays()
    await harness.caught_up()
    await worker.stop()
    row = await FeatureReader(harness.store, "good").get("pump")
    lost = stream.sent - int(row.values["events"])
    p99 = [float(np.quantile(delays, 0.99)) for delays in (quiet, loud)]
    abuse.verdict = f"held; without noise p99 is {1000 * p99[0]:.0f} ms"
    abuse.bound("lost", lost, 0, "events")
    abuse.bound("p99 of alerts", 1000 * p99[1], 2000 * max(p99[0], _LEAST_P99), "ms")
    abuse.bound("memory above idle", worker.memory.highest - idle, 256, "MB")
    assert worker.starts == 1, worker.said[-2000:]
    assert "Traceback" not in worker.said
    assert not _UNPRINTABLE.search(worker.said)


_LEAST_P99 = 0.05
"""Seconds; below that the scheduler of a shared machine decides."""


class GoodStream:
    """A stream with a reading each twentieth of a second; each second a new source alerts with its fifth reading."""

    def __init__(self, harness, topic: str) -> None:
        self._harness = harness
        self._topic = topic
        self._begun: dict[str, float] = {}
        self._told: set[str] = set()
        self.sent = 0

    async def run(self, seconds: float) -> None:
        """Produce for so long."""
        producer = AIOKafkaProducer(bootstrap_servers=self._harness.kafka, linger_ms=0)
        await producer.start()
        begin, end = self.sent, self.sent + int(20 * seconds)
        start = time.monotonic()
        try:
            while self.sent < end:
                await asyncio.sleep(start + (self.sent - begin) / 20 - time.monotonic())
                events = [event("pump", self.sent / 20)]
                if self.sent % 20 == 0:
                    source = f"probe-{self.sent}"
                    events += [event(source, self.sent / 20 + i, 5000.0) for i in range(_OUTSIDE)]
                    self._begun[source] = time.time()
                await produce(producer, self._topic, events)
                self.sent += 1
        finally:
            await producer.stop()

    async def delays(self) -> Sequence[float]:
        """Of the sources that began since the last call, seconds until their alert was in Redis."""
        wanted = self._begun.keys() - self._told
        deadline = time.monotonic() + 60.0
        while True:
            found = {}
            for name, fields in await self._harness.store.client.xrange(self._harness.store.keys.alerts):
                alert = Alert.model_validate_json(fields[b"alert"])
                if alert.source in wanted:
                    found[alert.source] = int(name.split(b"-")[0]) / 1000 - self._begun[alert.source]
            if found.keys() == wanted:
                break
            assert time.monotonic() < deadline, f"no alert of {sorted(wanted - found.keys())}"
            await asyncio.sleep(0.5)
        self._told |= wanted
        return list(found.values())


_OUTSIDE = 5
"""Readings outside of the limits that a probe sends: enough for an alert."""


def event(source: str, second: float, flow: float = 100.0) -> Event:
    """Return a reading of the good stream."""
    ts = START + second
    value = json.dumps({"source": source, "ts": ts, "values": {"flow": flow}}).encode()
    return Event(0, source.encode(), value, int(ts * 1000))


async def hostile_records(harness, chance):
    """Some hundred records a second, in batches of every codec."""
    producers = [
        AIOKafkaProducer(bootstrap_servers=harness.kafka, compression_type=codec) for codec in (None, *CODECS)
    ]
    await asyncio.gather(*(producer.start() for producer in producers))
    number = 0
    try:
        while True:
            producer = chance.choice(producers)
            for _ in range(chance.randint(1, 60)):
                record = hostile_record(chance, number)
                await producer.send(
                    harness.topic, record.value, record.key, partition=number % 2, headers=record.headers
                )
                number += 1
            await producer.flush()
            await asyncio.sleep(0.1)
    finally:
        await asyncio.gather(*(producer.stop() for producer in producers))


async def junk(worker, chance):
    """Some requests a second."""
    while True:
        await send_junk(worker.port, chance)
        await asyncio.sleep(0.1)
