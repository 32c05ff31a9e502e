"""Replays through a real broker: everything arrives, in order, once, whatever interrupts."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from conftest import eventually

from producers.batch import Readings
from producers.connection import ensure_topics
from producers.drift import Injector, parse_schedule
from producers.pacing import Pace
from producers.progress import Silent
from producers.publish import REPLAY_HEADER, lanes_of, partition_of
from producers.replay import Replay, run
from producers.resume import ReplayState
from producers.sources import Simulated, WaterFlow
from producers.water_loop import WaterLoop
from stream_app.embedded import EmbeddedBroker
from stream_app.errors import BrokerError, SourceError, StateError
from stream_app.events import SensorReading
from stream_app.settings import KafkaSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow]

QUICK = WaterLoop(motor_lag=60.0, water_lag=90.0, ambient_lag=60.0)


@pytest.fixture
def topic(prefix):
    return f"{prefix}.sensor.readings"


@pytest.fixture
def replay(kafka, topic, tmp_path):
    def make(events=2000, pumps=5, **changes):
        source = changes.pop("source", None) or Simulated(QUICK, seed=7, pumps=pumps, events=events)
        given = {"kafka": kafka, "topics": (topic,), "partitions": 3, "state": tmp_path / "state.json"}
        return Replay(source, **{**given, **changes})

    return make


async def ends(kafka, topic, partitions=3):
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        return await consumer.end_offsets([TopicPartition(topic, p) for p in range(partitions)])
    finally:
        await consumer.stop()


@pytest.fixture
def everything(kafka, topic, read_topic):
    async def read():
        return await read_topic(topic, sum((await ends(kafka, topic)).values()))

    return read


def numbers(records):
    """Numbers of the events by partition, in the order of the topic."""
    out = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        stamps = [value for key, value in record.headers if key == REPLAY_HEADER]
        out[record.partition] += [int(stamp.split(b":")[1]) for stamp in stamps]
    return out


def assert_each_once(records, count):
    got = numbers(records)
    assert sorted(n for part in got.values() for n in part) == list(range(count))
    assert all(part == sorted(part) for part in got.values())


async def test_everything_arrives_in_order_in_the_partition_of_its_source(replay, topic, everything):
    summary = await run(replay())
    records = await everything()
    assert (summary.events, summary.sources, summary.topics) == (2000, 5, {topic: 3})
    assert summary.idempotent
    assert not summary.interrupted
    assert summary.bytes == sum(len(r.value) for r in records)
    assert_each_once(records, 2000)
    expected = [e for b in Simulated(QUICK, seed=7, pumps=5, events=2000).batches() for e in b.encode()]
    by_number = {}
    for record in records:
        reading = SensorReading.model_validate_json(record.value)
        assert record.key == reading.source.encode()
        assert record.partition == partition_of(reading.source, 3)
        by_number[int(record.headers[0][1].split(b":")[1])] = record.value
    assert [by_number[i] for i in range(2000)] == expected


def test_sources_go_where_other_kafka_clients_would_put_them():
    choose = DefaultPartitioner()
    for name in ("pump-1", "", "Pumpe \u00e4", "x" * 300):
        for count in (1, 3, 16):
            assert partition_of(name, count) == choose(name.encode(), list(range(count)), list(range(count)))


async def test_event_time_is_kept_and_the_record_time_is_now(replay, everything):
    before = time.time() - 1
    await run(replay(source=WaterFlow(), limit=10))
    records = await everything()
    assert json.loads(records[0].value)["ts"] == 1647770400.0
    assert all(before <= r.timestamp / 1000 <= time.time() + 1 for r in records)


async def test_a_loop_goes_on_until_the_limit_with_event_time_growing(replay, everything):
    summary = await run(replay(source=WaterFlow(), loop=True, limit=3000))
    times = [json.loads(r.value)["ts"] for r in await everything()]
    assert summary.events == len(times) == 3000
    assert (np.diff(times) > 0).all()


async def test_injected_drift_arrives_with_its_truth(replay, everything):
    schedule = parse_schedule("flow:mean+500@#100..#110")
    await run(replay(events=200, pumps=1, change=lambda: partial(map, Injector(schedule).apply)))
    events = [json.loads(r.value) for r in await everything()]
    assert [i for i, e in enumerate(events) if e["values"]["flow"] > 500] == list(range(100, 110))
    assert [i for i, e in enumerate(events) if e["labels"]["anomaly"]] == list(range(100, 110))


async def test_a_rate_is_kept(replay):
    summary = await run(replay(events=600, pace=Pace(rate=500.0)))
    assert summary.seconds >= 0.7


async def test_a_stop_is_clean_and_the_rest_follows(replay, everything):
    class StopAfter(Silent):
        def update(self, done):
            if done >= 500:
                stop.set()

    stop = asyncio.Event()
    first = await run(replay(20_000, pace=Pace(rate=5000.0)), progress=StopAfter(), stop=stop)
    assert first.interrupted
    assert 500 <= first.events < 20_000
    assert_count = len(await everything())
    assert assert_count == first.events
    second = await run(replay(20_000, resume=True))
    assert (second.before, second.events) == (first.events, 20_000 - first.events)
    assert second.replay_id == first.replay_id
    assert_each_once(await everything(), 20_000)


async def test_resuming_a_finished_replay_sends_nothing(replay, everything):
    await run(replay())
    summary = await run(replay(resume=True))
    assert (summary.events, summary.before) == (0, 2000)
    assert len(await everything()) == 2000


async def test_a_higher_limit_continues_a_finished_replay(replay, everything):
    await run(replay(5000, limit=700))
    await run(replay(5000, limit=900, resume=True))
    assert_each_once(await everything(), 900)


async def test_what_was_acknowledged_but_never_written_down_is_found_in_the_topic(
    replay, everything, kafka, topic, tmp_path
):
    plan = replay()
    await run(replay(limit=300))
    # Another replay's records lie between, and the state is that from before the first event.
    async with AsyncExitStack() as stack:
        other = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
        await other.start()
        stack.push_async_callback(other.stop)
        for partition in range(3):
            await other.send_and_wait(
                topic, b"{}", partition=partition, headers=[(REPLAY_HEADER, b"other:999999")]
            )
    state = ReplayState.load(tmp_path / "state.json")
    ReplayState.begin(state.replay_id, plan.identity, dict.fromkeys(lanes_of({topic: 3}), 0)).save(
        tmp_path / "state.json"
    )
    summary = await run(replay(resume=True))
    assert (summary.before, summary.events) == (300, 1700)
    mine = [r for r in await everything() if not r.headers[0][1].startswith(b"other")]
    assert_each_once(mine, 2000)


async def test_without_a_state_there_is_nothing_to_resume(replay):
    progress = Silent()
    summary = await run(replay(events=10, resume=True), progress=progress)
    assert summary.events == 10
    assert progress.notes[-1] == "nothing to resume: beginning at the first event"


async def test_another_source_topic_or_number_of_partitions_is_not_resumed(replay, kafka, prefix):
    await run(replay(events=10))
    with pytest.raises(StateError, match="not what it was"):
        await run(replay(events=10, pumps=4, resume=True))
    with pytest.raises(StateError, match="not what it was"):
        await run(replay(events=10, loop=True, limit=10, resume=True))
    with pytest.raises(StateError, match=r"not to .* with 2"):
        await run(replay(events=10, topics=(f"{prefix}.other",), partitions=2, resume=True))


async def test_a_damaged_state_is_named(replay, tmp_path):
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StateError, match=r"state\.json: not the state of a replay"):
        await run(replay(resume=True))


async def test_a_topic_that_lost_events_is_not_continued(replay, topic, tmp_path):
    await run(replay(events=10))
    state = ReplayState.load(tmp_path / "state.json")
    ReplayState.begin(
        state.replay_id, replay(events=10).identity, dict.fromkeys(lanes_of({topic: 3}), 10_000)
    ).save(tmp_path / "state.json")
    with pytest.raises(BrokerError, match="the broker lost events or the topic is a new one"):
        await run(replay(events=10, resume=True))


async def test_the_same_replay_does_not_run_twice_at_once(replay, tmp_path):
    stop = asyncio.Event()
    first = asyncio.create_task(run(replay(20_000, pace=Pace(rate=100.0)), stop=stop))
    await eventually((tmp_path / "state.json").exists)
    with pytest.raises(StateError, match="running already"):
        await run(replay(20_000, limit=1))
    stop.set()
    await first


async def test_a_source_that_breaks_keeps_what_was_sent(replay, everything, tmp_path):
    class Breaks:
        identity, total = "breaks", None

        def batches(self):
            yield Readings.of("p", np.arange(100.0), ["a"], np.arange(100.0))
            raise SourceError("a.csv:102: broken")

    with pytest.raises(SourceError, match=r"a\.csv:102"):
        await run(replay(source=Breaks()))
    there = len(await everything())
    state = ReplayState.load(tmp_path / "state.json")
    assert max(state.done.values()) == there - 1 == 99


async def test_topics_are_made_once_and_their_partitions_are_told(kafka, topic):
    assert await ensure_topics(kafka, {topic: 3}) == {topic: 3}
    assert await ensure_topics(kafka.bootstrap, {topic: None}) == {topic: 3}
    with pytest.raises(BrokerError, match="has 3 partitions, not 5"):
        await ensure_topics(kafka, {topic: 5})


async def test_a_broker_that_is_away_is_one_line_with_its_address(replay, impatient):
    with pytest.raises(
        BrokerError, match=r"Kafka at 127.0.0.1:1 cannot be reached \(tried 5 times\)"
    ) as caught:
        await run(replay(kafka=KafkaSettings(bootstrap="127.0.0.1:1")))
    assert "\n" not in str(caught.value)


async def test_a_broker_that_dies_ends_the_replay_with_an_error(replay, monkeypatch):
    monkeypatch.setattr("producers.publish.DELIVERY_SECONDS", 2.0)
    broker = EmbeddedBroker()
    address = broker.start()
    try:

        class Kill(Silent):
            def update(self, done):
                if done > 500 and broker.pid is not None:
                    # The program is a launcher: the server is in its process group.
                    os.killpg(broker.pid, signal.SIGKILL)
                    broker.kill()

        plan = replay(1_000_000, kafka=KafkaSettings(bootstrap=address), pace=Pace(rate=5000.0))
        with pytest.raises(BrokerError, match="were not delivered: no acknowledgement for 2 s"):
            await run(plan, progress=Kill())
    finally:
        broker.stop()


CRASH = """
import asyncio, sys
from pathlib import Path
from producers.pacing import Pace
from producers.replay import Replay, run
from producers.sources import Simulated
from producers.water_loop import WaterLoop
from stream_app.settings import KafkaSettings
address, topic, state, resume = sys.argv[1:]
loop = WaterLoop(motor_lag=60.0, water_lag=90.0, ambient_lag=60.0)
asyncio.run(run(Replay(
    Simulated(loop, seed=7, pumps=5, events=40_000), KafkaSettings(bootstrap=address), (topic,), 3,
    pace=Pace(rate=40_000.0), state=Path(state), resume=resume == "yes",
)))
"""


async def test_kill_9_again_and_again_neither_repeats_nor_skips(kafka, topic, everything, tmp_path):
    await ensure_topics(kafka, {topic: 3})
    rng = np.random.default_rng(11)
    kills = 0
    for attempt in range(20):
        command = [
            sys.executable,
            "-c",
            CRASH,
            kafka.bootstrap,
            topic,
            str(tmp_path / "s.json"),
            "yes" if attempt else "no",
        ]
        process = subprocess.Popen(  # noqa: ASYNC220 it must be killed as a shell would
            command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        )
        before = sum((await ends(kafka, topic)).values())
        target = before + int(rng.integers(500, 12_000))
        while process.poll() is None and kills < 4:
            if sum((await ends(kafka, topic)).values()) >= target:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
        if process.wait(timeout=60) == 0:
            break
    assert kills == 4
    assert process.returncode == 0
    assert_each_once(await everything(), 40_000)
    shutil.rmtree(tmp_path)
