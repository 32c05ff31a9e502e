"""The worker from Kafka to Redis, over a real broker and a real store."""

import asyncio
import json
import time

import numpy as np
import pytest
from conftest import eventually
from workers import working

from stream_app.errors import BrokerError, DataError, FencedError, SettingsError, StateError, StoreError
from stream_app.events import Alert, AlertState, DeadLetter, Reason, Topics
from stream_app.runtime.worker import Worker
from stream_app.settings import KafkaSettings, RedisSettings, SensorStream, Settings
from stream_app.store import AlertReader, CheckpointStore, FeatureReader

pytestmark = pytest.mark.integration

START = 1_600_000_000.0


def reading(source="pump", ts=0.0, **values):
    return json.dumps({"source": source, "ts": START + ts, "values": values or {"flow": 1.0}}).encode()


async def send(producer, settings, values, partition=0, topic=None):
    topic = topic or Topics(settings.prefix).sensors
    for value in values:
        await producer.send(topic, value=value, key=b"k", partition=partition)
    await producer.flush()


async def position(store, settings, partition=0):
    key = store.keys.offsets(settings.worker.group, Topics(settings.prefix).sensors, partition)
    found = await store.client.hget(key, "next")
    return None if found is None else int(found)


async def at(store, settings, offset):
    return await position(store, settings) == offset


def refused(worker):
    return {
        sample.labels["reason"]: sample.value
        for family in worker.metrics.refused.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    }


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"partitions": 1})})


async def test_readings_become_live_features(settings, store, producer, make_topic):
    await make_topic("sensor.readings")
    await send(producer, settings, [reading(ts=i, flow=i, pressure=2.0) for i in range(100)])
    async with working(settings):
        await eventually(lambda: at(store, settings, 100))
        row = await FeatureReader(store, "sensors").get("pump")
    assert row.event_ts == START + 99
    assert row.offset == 99
    assert row.values["events"] == 100
    # The last 60 seconds hold the readings 40 to 99.
    assert row.values["flow.mean"] == pytest.approx(69.5)
    assert row.values["flow.min"] == 40
    assert row.values["flow.last"] == 99
    assert row.values["flow.slope"] == pytest.approx(1.0)
    assert row.values["pressure.std"] == 0.0


async def test_a_worker_that_is_stopped_the_moment_it_is_ready_leaves_nothing_undone(settings, recwarn):
    worker = Worker(settings)

    class Ready(asyncio.Event):
        def set(self):
            super().set()
            worker.stop()

    worker.ready = Ready()
    await asyncio.wait_for(worker.run(), 30)
    assert [str(one.message) for one in recwarn if "never awaited" in str(one.message)] == []


async def test_lag_and_sources_are_told(settings, store, producer, make_topic):
    topic = await make_topic("sensor.readings")
    await send(producer, settings, [reading(source, ts=i) for i in range(50) for source in ("a", "b")])
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, 100))
        value = worker.metrics.registry.get_sample_value
        await eventually(lambda: value("streamgauge_sources", {"stream": "sensors"}) == 2)
        lag = {"topic": topic, "partition": "0"}
        await eventually(lambda: value("streamgauge_lag_events", lag) == 0)


async def test_a_delivery_of_more_sources_than_memory_holds_is_stored_in_parts(
    settings, store, producer, make_topic
):
    await make_topic("sensor.readings")
    sources = [f"pump-{i}" for i in range(600)]
    await send(producer, settings, [reading(source) for source in sources])
    tight = {"max_state_bytes": 200_000, "checkpoint_interval": 3600.0}
    small = settings.model_copy(update={"worker": settings.worker.model_copy(update=tight)})
    stored = set()

    async def all_processed():
        stored.add(await position(store, settings))
        return worker.metrics.processed() == len(sources)

    async with working(small) as (worker, _):
        await eventually(all_processed)
        value = worker.metrics.registry.get_sample_value
        await eventually(lambda: 0 < value("streamgauge_sources", {"stream": "sensors"}) < 100)
    # Only memory called for checkpoints meanwhile.
    assert len(stored) > 3, stored
    features = FeatureReader(store, "sensors")
    assert [(await features.get(source)).values["events"] for source in sources] == [1] * len(sources)


@pytest.mark.slow
async def test_slow_detectors_leave_the_loop_its_turns(settings, store, producer, make_topic):
    await make_topic("sensor.readings")
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(1500, 60)).tolist()
    values = [reading(ts=i, **{f"c{k}": x for k, x in enumerate(row)}) for i, row in enumerate(rows)]
    await send(producer, settings, values)
    names = ("adwin", "hddm_a", "hddm_w", "kswin", "page_hinkley")
    slow = SensorStream.model_validate({"detectors": [{"name": name} for name in names]})
    seen = set()

    async def all_processed():
        seen.add(worker.metrics.processed())
        return len(rows) in seen

    async with working(settings.model_copy(update={"streams": {"sensors": slow}})) as (worker, _):
        await eventually(all_processed)
    assert len(seen) > 3, seen


BAD = {
    b"{": Reason.NOT_JSON,
    b"\xff\xfe": Reason.NOT_JSON,
    b'{"source": "a", "ts": 1, "values": {"x": NaN}}': Reason.NOT_FINITE,
    b'{"source": "a", "ts": 1, "values": {"x": "3"}}': Reason.SCHEMA,
    b'{"source": "", "ts": 1, "values": {"x": 3}}': Reason.SCHEMA,
    b'{"source": "a", "ts": 1600000000000, "values": {"x": 3}}': Reason.TIMESTAMP,
    b'{"source": "a", "ts": -5, "values": {"x": 3}}': Reason.TIMESTAMP,
    b"x" * 900_000: Reason.TOO_LARGE,
    None: Reason.TOMBSTONE,
}


async def test_bad_events_become_dead_letters_and_the_rest_goes_on(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("sensor.readings")
    values = []
    for i, bad in enumerate(BAD):
        values += [reading(ts=10 * i), bad, reading(ts=10 * i + 1)]
    await send(producer, settings, values)
    async with working(settings) as (worker, task):
        await eventually(lambda: at(store, settings, len(values)))
        row = await FeatureReader(store, "sensors").get("pump")
        letters = await read_topic(Topics(settings.prefix).dead_letters, len(BAD))
        assert not task.done()
        counted = refused(worker)
    assert row.values["events"] == 2 * len(BAD)
    assert len(letters) == len(BAD)
    assert sum(counted.values()) == len(BAD)
    for offset, (record, (bad, reason)) in enumerate(zip(letters, BAD.items(), strict=True)):
        letter = DeadLetter.parse(record.key, record.value, record.timestamp, record.headers)
        assert (letter.value, letter.offset, letter.topic) == (
            bad if bad is None else bad[: len(letter.value)],
            3 * offset + 1,
            Topics(settings.prefix).sensors,
        )
        assert letter.cut_from == (len(b"k" + bad) if reason is Reason.TOO_LARGE else None)
        assert letter.reason is reason, letter
        assert letter.message
        assert letter.key == b"k"


async def test_late_and_future_readings_are_kept_aside_and_duplicates_counted(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("sensor.readings")
    values = [reading(ts=i) for i in range(100)]
    values += [reading(ts=99), reading(ts=10), reading(ts=50.5), reading(ts=4e8)]
    await send(producer, settings, values)
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, len(values)))
        row = await FeatureReader(store, "sensors").get("pump")
        letters = await read_topic(Topics(settings.prefix).dead_letters, 2)
        counted = refused(worker)
    assert counted == {"duplicate": 1, "late": 1, "timestamp": 1}
    assert row.values["events"] == 101  # the one that is 48.5 s old is within the lateness
    reasons = [DeadLetter.parse(None, None, 0, record.headers).reason for record in letters]
    assert sorted(reasons) == ["late", "timestamp"]


async def test_declared_channels_are_a_contract(settings, store, producer, make_topic, read_topic):
    await make_topic("sensor.readings")
    settings = settings.model_copy(update={"streams": {"pumps": SensorStream(channels=["flow", "pressure"])}})
    values = [
        reading(ts=1, flow=1, pressure=2),
        reading(ts=2, flow=1),
        reading(ts=3, flow=1, pressure=2, colour=3),
        reading(ts=4, flow=None, pressure=2),
    ]
    await send(producer, settings, values)
    async with working(settings):
        await eventually(lambda: at(store, settings, 4))
        letters = await read_topic(Topics(settings.prefix).dead_letters, 2)
        row = await FeatureReader(store, "pumps").get("pump")
    messages = [DeadLetter.parse(None, None, 0, record.headers).message for record in letters]
    assert "missing ['pressure']" in messages[0]
    assert "unknown ['colour']" in messages[1]
    assert row.values["flow.missing"] == 0.5


async def test_a_restart_goes_on_where_the_last_worker_stopped(settings, store, producer, make_topic):
    await make_topic("sensor.readings")
    await send(producer, settings, [reading(ts=i, flow=i) for i in range(50)])
    async with working(settings):
        await eventually(lambda: at(store, settings, 50))
    await send(producer, settings, [reading(ts=50 + i, flow=50 + i) for i in range(50)])
    async with working(settings):
        await eventually(lambda: at(store, settings, 100))
        row = await FeatureReader(store, "sensors").get("pump")
    assert row.values["events"] == 100
    assert row.values["flow.mean"] == pytest.approx(69.5)


async def test_a_stop_stores_what_was_done(settings, store, producer, make_topic):
    await make_topic("sensor.readings")
    slow = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"checkpoint_interval": 3600.0})}
    )
    async with working(slow) as (worker, _):
        await eventually(worker.ready.is_set)
        await send(producer, settings, [reading(ts=i) for i in range(20)])
        await eventually(
            lambda: sum(s.value for f in worker.metrics.events.collect() for s in f.samples[:1]) >= 20
        )
        assert await position(store, settings) is None
    assert await position(store, settings) == 20


async def test_a_worker_whose_partition_was_taken_over_stops_without_writing(
    settings, store, producer, make_topic
):
    topic = await make_topic("sensor.readings")
    await send(producer, settings, [reading(ts=i) for i in range(10)])
    async with working(settings) as (_, task):
        await eventually(lambda: at(store, settings, 10))
        await CheckpointStore(store, settings.worker.group).claim(topic, 0)
        await send(producer, settings, [reading(ts=10 + i) for i in range(10)])
        await eventually(task.done)
        with pytest.raises(FencedError, match="owned by another worker"):
            task.result()
    assert await position(store, settings) == 10


async def test_too_many_bad_events_stop_the_worker(settings, producer, make_topic):
    await make_topic("sensor.readings")
    strict = settings.model_copy(update={"worker": settings.worker.model_copy(update={"max_bad_run": 50})})
    await send(producer, settings, [b"junk"] * 60)
    async with working(strict) as (_, task):
        await eventually(task.done)
        with pytest.raises(DataError, match="50 events in a row"):
            task.result()


async def test_a_damaged_state_stops_the_worker_by_name(settings, store, producer, make_topic):
    topic = await make_topic("sensor.readings")
    await send(producer, settings, [reading(ts=i) for i in range(10)])
    async with working(settings):
        await eventually(lambda: at(store, settings, 10))
    key = store.keys.state(settings.worker.group, topic, 0)
    blob = await store.client.hget(key, "pump")
    await store.client.hset(key, "pump", blob[:-3] + b"xyz")
    await send(producer, settings, [reading(ts=10)])
    async with working(settings) as (_, task):
        await eventually(task.done)
        with pytest.raises(StateError, match=r"state of pump in .*checksum"):
            task.result()
    assert await position(store, settings) == 10


async def test_a_missing_broker_is_one_line(settings, impatient):
    settings = settings.model_copy(update={"kafka": KafkaSettings(bootstrap="127.0.0.1:1")})
    with pytest.raises(BrokerError, match=r"Kafka at 127\.0\.0\.1:1 cannot be reached") as caught:
        await Worker(settings).run()
    assert "\n" not in str(caught.value)


async def test_a_missing_store_is_one_line_without_the_password(settings):
    settings = settings.model_copy(update={"redis": RedisSettings(url="redis://:hunter2@127.0.0.1:1/0")})
    with pytest.raises(StoreError, match=r"Redis at redis://127.0.0.1:1 cannot be reached") as caught:
        await Worker(settings).run()
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_missing_topic_is_named_where_none_may_be_made(settings):
    settings = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"create_topics": False})}
    )
    with pytest.raises(BrokerError, match=r"has no topic .*sensor.readings"):
        await Worker(settings).run()


def test_a_worker_needs_servers():
    with pytest.raises(SettingsError, match="STREAMGAUGE_KAFKA"):
        Worker(Settings())


async def test_a_stop_does_not_wait_for_a_server_that_is_silent(settings):
    async def never_answer(reader, writer):
        await reader.read()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    worker = Worker(settings.model_copy(update={"kafka": KafkaSettings(bootstrap=f"127.0.0.1:{port}")}))
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.5)  # it is waiting for an answer now
    worker.stop()
    await asyncio.wait_for(task, 5)
    silent.close()


async def test_two_streams_are_watched_side_by_side(settings, store, producer, make_topic):
    first, second = await make_topic("sensor.readings"), await make_topic("pumps")
    streams = {"sensors": SensorStream(), "pumps": SensorStream(topic=second, window="10 events")}
    settings = settings.model_copy(update={"streams": streams})
    await send(producer, settings, [reading(ts=i, flow=i) for i in range(50)])
    await send(producer, settings, [reading(ts=i, flow=i) for i in range(50)], topic=second)
    async with working(settings):
        await eventually(lambda: at(store, settings, 50))
        key = store.keys.offsets(settings.worker.group, second, 0)

        async def stored():
            return await store.client.hget(key, "next") == b"50"

        await eventually(stored)
    rows = [await FeatureReader(store, view).get("pump") for view in ("sensors", "pumps")]
    assert [row.values["flow.count"] for row in rows] == [50, 10]
    assert first != second


async def test_without_room_for_it_a_new_source_is_refused_and_others_go_on(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("sensor.readings")
    stream = SensorStream(max_store_bytes=16_700)
    settings = settings.model_copy(update={"streams": {"sensors": stream}})
    async with working(settings) as (worker, _):
        sent = [
            ("pump", 0.0, {}),
            ("late", 1.0, {}),
            ("pump", 1.0, {"flow": 1.0, "heat": 2.0}),
            ("pump", 2.0, {}),
        ]
        await send(producer, settings, [reading(source, ts=ts, **more) for source, ts, more in sent])
        await eventually(lambda: at(store, settings, 4))
        assert refused(worker) == {"no_room": 2}
        used = worker.metrics.registry.get_sample_value(
            "streamgauge_stream_store_bytes", {"stream": "sensors"}
        )
    letters = [
        DeadLetter.parse(r.key, r.value, 0, r.headers)
        for r in await read_topic(f"{settings.prefix}.dead.letters", 2)
    ]
    assert [(letter.offset, letter.reason) for letter in letters] == [
        (1, Reason.NO_ROOM),
        (2, Reason.NO_ROOM),
    ]
    assert "a new source" in letters[0].message
    assert "new channels" in letters[1].message
    row = await FeatureReader(store, "sensors").get("pump")
    assert (row.values["events"], used) == (2, 13658)
    # Another worker goes on with the one alert.
    await send(producer, settings, [reading("late", ts=3.0)])
    async with working(settings):
        await eventually(lambda: at(store, settings, 5))
    (alert,) = await AlertReader(store).recent(10)
    assert (alert.source, alert.detector, alert.state) == ("sensors", "quality.store_room", AlertState.FIRING)
    assert "1 sources of partition 0 take 0.0 of 0.0 MB" in alert.summary


async def test_the_alert_about_little_room_ends_when_sources_expire(settings, store, producer, make_topic):
    topic = await make_topic("sensor.readings")
    stream = SensorStream(max_store_bytes=20_000, source_ttl=1600.0)
    settings = settings.model_copy(update={"streams": {"sensors": stream}})
    begin = time.time() - 10_000.0
    alerts = AlertReader(store)

    async def send_at(source, ts, **values):
        await producer.send(
            topic, value=reading(source, ts=ts, **values), key=b"k", timestamp_ms=int((begin + ts) * 1000)
        )

    async with working(settings):
        for source in ("a", "b"):
            await send_at(source, 0.0)
        await eventually(lambda: at(store, settings, 2))
        assert await alerts.firing() == []
        await send_at("a", 1.0, flow=1.0, heat=1.0)
        (began,) = await eventually(alerts.firing)
        await send_at("c", 9_000.0)
        (ended,) = await eventually(lambda: resolved(alerts))
    assert (began.detector, began.id) == ("quality.store_room", ended.id)


async def resolved(alerts):
    return [one for one in await alerts.recent(10) if one.state is AlertState.RESOLVED]


async def test_a_strange_reading_of_a_new_source_stops_nobody(settings, store, producer, make_topic):
    await make_topic("sensor.readings")
    stream = SensorStream(channels=["flow"])
    settings = settings.model_copy(update={"streams": {"sensors": stream}})
    async with working(settings) as (worker, _):
        await send(producer, settings, [reading("strange", heat=1.0)])
        await eventually(lambda: at(store, settings, 1))
        await send(producer, settings, [reading("pump", flow=1.0)])
        await eventually(lambda: at(store, settings, 2))
        assert refused(worker) == {"channels": 1}


async def test_the_alerts_of_a_forgotten_source_end(settings, store, producer, make_topic, read_topic):
    topic = await make_topic("sensor.readings")
    stream = SensorStream(channels={"flow": {"max": 10.0}}, source_ttl=1600.0)
    settings = settings.model_copy(update={"streams": {"sensors": stream}})
    reader = AlertReader(store)
    # The topic's retention would remove older records before they are read.
    begin = time.time() - 10_000.0

    async def send_at(source, times, **values):
        for ts in times:
            value = reading(source, ts=ts, **values)
            await producer.send(topic, value=value, key=b"k", timestamp_ms=int((begin + ts) * 1000))

    async with working(settings):
        await send_at("a", range(30), flow=99.0)
        (began,) = await eventually(reader.firing)
        await send_at("b", [5_000.0], flow=1.0)
        await eventually(lambda: at(store, settings, 31))
        assert await reader.firing() == []
        ended = await reader.show(began.id)
        records = await read_topic(Topics(settings.prefix).alerts(began.kind), 2)
    assert (began.source, began.detector) == ("a", "quality.range")
    assert (ended.state, ended.end_offset) == (AlertState.RESOLVED, 29)
    assert ended.context["source_forgotten"] == 1.0
    # The log's clock goes in steps of a sixteenth of the time to live.
    assert -stream.source_ttl / 16 <= ended.ended_at - begin - 1629.0 <= 0.0
    assert [Alert.from_cloudevent(json.loads(record.value)) for record in records] == [began, ended]
