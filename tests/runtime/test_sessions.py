"""Session events from Kafka to the logs in Redis: what is served at any instant is what the events say."""

import asyncio
import json
import os
import random
import sys
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import workers
from conftest import eventually
from naive_features import Event, admitted, read
from pydantic import SecretStr
from servers.proxy import Proxy

from stream_app.core.features import (
    Condition,
    EntityLog,
    Evaluator,
    Feature,
    FeatureView,
    Layout,
    Session,
    Sliding,
    micros,
)
from stream_app.embedded import EmbeddedStore
from stream_app.errors import DataError, FencedError, StateError, StoreError
from stream_app.events import DeadLetter, Reason, Topics
from stream_app.runtime.worker import Worker
from stream_app.settings import SensorStream, SessionStream
from stream_app.store import (
    AlertReader,
    CheckpointStore,
    FeatureLogReader,
    FeatureReader,
    LastSeen,
    ViewRegistry,
    connect,
)

pytestmark = pytest.mark.integration

START = 1_600_000_000.0
FEATURES = (
    Feature("spent_30m", "sum", "amount", Sliding(1800)),
    Feature("events_30m", "count", window=Sliding(1800)),
    Feature("bought_2h", "count", window=Sliding(7200), where=(Condition("type", "==", "bought"),)),
    Feature("items_2h", "distinct", "item", Sliding(7200)),
    Feature("session", "count", window=Session(600)),
    Feature("hour_before", "sum", "amount", Sliding(3600, delay=3600)),
    Feature("pause", "time_since_last", window=Sliding(7200)),
    Feature("share", "ratio", over=("bought_2h", "events_30m")),
)
VIEW = FeatureView("purchases", FEATURES, stream="shop", lateness=900.0, history=86_400.0)
SETTINGS = """
[streams.shop]
kind = "sessions"
max_future = "1000 days"
[[streams.shop.views]]
name = "purchases"
lateness = 900
history = "1 day"
[streams.shop.views.features]
spent_30m = { sum = "amount", window = "30m" }
events_30m = { count = "*", window = "30m" }
bought_2h = { count = "*", window = "2h", where = "type == bought" }
items_2h = { distinct = "item", window = "2h" }
session = { count = "*", session = "10m" }
hour_before = { sum = "amount", window = "1h", delay = "1h" }
pause = { time_since_last = "*", window = "2h" }
share = { ratio = ["bought_2h", "events_30m"] }
"""
ENTITIES = ("a", "b:c", "{d}", "é 💧", "x" * 256)


def shopping(count, seed=1, partitions=1):
    """Events of some entities: mostly forward in time, some late, some too late, some sent twice."""
    chance, now = random.Random(seed), START
    told, offsets = [], [0] * partitions
    for i in range(count):
        now += chance.choice([0.0, 1.0, 30.0, 200.0, 700.0])
        entity = chance.choice(ENTITIES)
        partition = ENTITIES.index(entity) % partitions
        event = Event(
            ts=now - chance.choice([0.0, 0.0, 0.0, 60.0, 899.0, 5000.0]),
            offset=offsets[partition],
            amount=chance.choice([None, 2.5, 0.1, -7.25, 1e6]),
            item=chance.choice([None, "x", "y"]),
            type=chance.choice([None, "bought", "seen"]),
            id=f"{i}" if chance.random() < 0.5 else None,
            partition=partition,
        )
        if told and chance.random() < 0.05:
            again = chance.choice(told[-20:])
            entity, event = again[0], replace(again[1], offset=offsets[again[1].partition])
        offsets[event.partition] += 1
        told.append((entity, event))
    return told


def encoded(entity, event):
    values = {} if event.amount is None else {"amount": event.amount}
    said = {"entity": entity, "ts": event.ts, "type": event.type, "values": values, "id": event.id}
    return json.dumps(said | {"attributes": {"item": event.item}}).encode()


@pytest.fixture
def settings(settings):
    worker = settings.worker.model_copy(update={"partitions": 1})
    streams = {"shop": SessionStream(max_future="1000 days")}
    return settings.model_copy(update={"worker": worker, "streams": streams})


def working(settings, *views):
    return workers.working(settings, *(views or (VIEW,)))


async def send(producer, settings, told):
    for entity, event in told:
        topic = Topics(settings.prefix).sessions
        await producer.send(topic, value=encoded(entity, event), partition=event.partition)
    await producer.flush()


async def send_raw(producer, settings, values):
    for value in values:
        await producer.send(Topics(settings.prefix).sessions, value=value, key=b"k", partition=0)
    await producer.flush()


async def position(store, settings, partition=0):
    key = store.keys.offsets(settings.worker.group, Topics(settings.prefix).sessions, partition)
    return int(await store.client.hget(key, "next") or 0)


async def processed(store, settings, *ends):
    async def all_there():
        return [await position(store, settings, p) for p in range(len(ends))] == list(ends)

    await eventually(all_there, timeout=60)


def ends_of(told):
    ends = {}
    for _, event in told:
        ends[event.partition] = event.offset + 1
    return [ends[partition] for partition in sorted(ends)]


async def check(store, told, view=VIEW, seed=2):
    """Compare values at instants with the naive model's, for every entity."""
    layout, chance = Layout(view), random.Random(seed)
    evaluator = Evaluator(layout)
    logs = await FeatureLogReader(store).read(view.key, ENTITIES)
    for entity, stored in zip(ENTITIES, logs, strict=True):
        taken = admitted(view, [event for name, event in told if name == entity])
        log = EntityLog.decode(stored.log, layout)
        newest = taken[-1].ts
        instants = [event.ts for event in taken[-30:]] + [
            newest + 1e-6,
            newest + 1799.0,
            newest + 1800.5,
            newest + 7200.5,
        ]
        instants += [newest - chance.uniform(0, 40_000) for _ in range(20)]
        for t in instants:
            expected = read(view, taken, t).values
            found = dict(zip(evaluator.names, evaluator.read(log, micros(t)).values, strict=True))
            assert found == expected, (entity, t)


async def contents(store, *views):
    """All logs, as they are stored, without the time of writing."""
    views = views or (VIEW.key,)
    found = await FeatureLogReader(store).read_views(views, ENTITIES)
    return [[log and log[1:] for log in logs] for logs in found]


def refused(worker):
    return {
        sample.labels["reason"]: sample.value
        for family in worker.metrics.refused.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    }


async def test_values_at_instants_are_those_of_the_events(settings, store, producer, make_topic):
    await make_topic("session.events")
    told = shopping(1500)
    await send(producer, settings, told)
    async with working(settings) as (worker, _):
        await processed(store, settings, 1500)
        counted = refused(worker)
        value = worker.metrics.registry.get_sample_value
        assert value("streamgauge_events_total", {"stream": "shop"}) == 1500
        await eventually(lambda: value("streamgauge_sources", {"stream": "shop"}) == len(ENTITIES))
    await check(store, told)
    assert counted["late"] > 50
    assert counted["duplicate"] > 5
    assert (await ViewRegistry(store).get("purchases")).view == VIEW


@pytest.mark.slow
async def test_little_memory_and_small_deliveries_change_nothing(settings, store, producer, make_topic):
    await make_topic("session.events", 2)
    told = shopping(1200, partitions=2)
    await send(producer, settings, told)
    tight = {"max_state_bytes": 1, "max_batch": 40, "checkpoint_interval": 0.05}
    small = settings.model_copy(update={"worker": settings.worker.model_copy(update=tight)})
    async with working(small) as (worker, _):
        await processed(store, settings, *ends_of(told))
        held = worker.metrics.registry.get_sample_value
        await eventually(lambda: held("streamgauge_sources", {"stream": "shop"}) <= 2)
    await check(store, told)


async def test_live_events_are_served_at_once(settings, store, producer, make_topic):
    await make_topic("session.events")
    told = shopping(300)
    lazy = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"checkpoint_interval": 3600.0})}
    )
    reader = FeatureLogReader(store)
    async with working(lazy) as (worker, _):
        await eventually(worker.ready.is_set)
        await send(producer, settings, told)
        last = {entity: event.offset for entity, event in told}

        async def served():
            logs = await reader.read(VIEW.key, list(last))
            return [log and log.offset for log in logs] == list(last.values())

        await eventually(served)
        assert await position(store, settings) < 300


async def test_told_twice_changes_nothing(settings, store, producer, make_topic, read_topic):
    topic = await make_topic("session.events")
    told = shopping(800)
    await send(producer, settings, told)
    async with working(settings):
        await processed(store, settings, 800)
    once = await contents(store)
    for key in (store.keys.offsets, store.keys.state, store.keys.seen):
        await store.client.delete(key(settings.worker.group, topic, 0))
    async with working(settings):
        await processed(store, settings, 800)
    assert await contents(store) == once
    await check(store, told)


@pytest.mark.slow
async def test_a_new_version_is_filled_and_the_old_one_unchanged(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("session.events")
    told = shopping(800)
    await send_raw(producer, settings, [b"junk"])
    told = [(entity, replace(event, offset=event.offset + 1)) for entity, event in told]
    await send(producer, settings, told)
    async with working(settings) as (worker, _):
        await processed(store, settings, 801)
        first = refused(worker)
    (once,) = await contents(store)
    second = replace(VIEW, version=2, lateness=60.0, features=FEATURES[:3])
    async with working(settings, VIEW, second) as (worker, _):
        logs = FeatureLogReader(store)

        async def filled():
            return all(await logs.read(second.key, ENTITIES)) and await position(store, settings) == 801

        await eventually(filled)
        newest = max(event.ts for _, event in told)
        told.append(("a", Event(newest + 10.0, 801, amount=1.0)))
        await send(producer, settings, told[-1:])
        await processed(store, settings, 802)
        # What was refused was told when it was read first.
        assert refused(worker) == {}
    assert first["not_json"] == 1
    (old,) = await contents(store)
    assert old[1:] == once[1:]
    await check(store, told)
    await check(store, told, second)
    assert (await ViewRegistry(store).get("purchases:latest")).view == second
    letters = await read_topic(Topics(settings.prefix).dead_letters, 10_000, timeout=2.0)
    assert len(letters) == first["not_json"] + first["late"]
    # The position holds for both now: a restart goes on from it.
    async with working(settings, VIEW, second) as (worker, _):
        await eventually(worker.ready.is_set)
        await send(producer, settings, [("a", Event(newest + 20.0, 802, amount=1.0))])
        await processed(store, settings, 803)
        assert worker.metrics.processed() == 1


@pytest.mark.slow
async def test_a_view_that_was_left_out_for_a_while_catches_up(settings, store, producer, make_topic):
    await make_topic("session.events")
    told = shopping(600)
    other = replace(VIEW, name="other")
    await send(producer, settings, told[:200])
    async with working(settings, VIEW, other):
        await processed(store, settings, 200)
    await send(producer, settings, told[200:400])
    async with working(settings, VIEW):
        await processed(store, settings, 400)
    await send(producer, settings, told[400:])
    async with working(settings, VIEW, other):
        await processed(store, settings, 600)
    await check(store, told)
    await check(store, told, other)


async def test_a_changed_definition_is_refused_at_the_start(settings, store, make_topic):
    await make_topic("session.events")
    async with working(settings) as (worker, _):
        await eventually(worker.ready.is_set)
    with pytest.raises(StateError, match=r"definition of purchases:v1 changed .* give it a new version"):
        await Worker(settings, [replace(VIEW, lateness=1.0)]).run()


async def test_a_position_of_long_ago_is_not_trusted_with_logs_that_may_have_expired(
    settings, store, producer, make_topic
):
    topic = await make_topic("session.events")
    told = shopping(300)
    await send(producer, settings, told)
    async with working(settings):
        await processed(store, settings, 300)
    once = await contents(store)
    # Two days passed, and an entity was forgotten whose next event waits.
    await store.client.hset(
        store.keys.seen(settings.worker.group, topic, 0), "views", str(LastSeen(299, 1000.0))
    )
    await store.client.delete(store.keys.features("purchases", 1, "a"))
    async with working(settings):

        async def back():
            return await contents(store) == once

        await eventually(back)
    await check(store, told)


BAD = {
    b"{": Reason.NOT_JSON,
    b'{"entity": "a", "ts": 1, "values": {"amount": NaN}}': Reason.NOT_FINITE,
    b'{"entity": "a", "ts": 1, "values": {"amount": 1e300}}': Reason.SCHEMA,
    b'{"entity": "a", "ts": 1, "values": {"amount": "3"}}': Reason.SCHEMA,
    b'{"entity": "", "ts": 1}': Reason.SCHEMA,
    b'{"entity": "a\\nb", "ts": 1}': Reason.SCHEMA,
    b'{"entity": "' + b"x" * 257 + b'", "ts": 1}': Reason.SCHEMA,
    b'{"entity": "' + b"x" * 900_000 + b'", "ts": 1}': Reason.TOO_LARGE,
    b'{"entity": "a", "ts": -5}': Reason.TIMESTAMP,
    b'{"entity": "a", "ts": 99999999999}': Reason.TIMESTAMP,
    json.dumps({"entity": "a", "ts": START, "values": {"amount": -1.0}}).encode(): Reason.SCHEMA,
    None: Reason.TOMBSTONE,
}


async def test_bad_events_become_dead_letters_and_the_rest_goes_on(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("session.events")
    strict = SessionStream(max_future="1000 days", limits={"amount": {"min": 0}})
    settings = settings.model_copy(update={"streams": {"shop": strict}})
    values = []
    for i, bad in enumerate(BAD):
        values += [encoded("a", Event(START + i, 0, amount=1.0)), bad]
    await send_raw(producer, settings, values)
    async with working(settings) as (worker, task):
        await processed(store, settings, len(values))
        letters = await read_topic(Topics(settings.prefix).dead_letters, len(BAD))
        assert not task.done()
        counted = refused(worker)
    assert sum(counted.values()) == len(BAD)
    reasons = [DeadLetter.parse(r.key, r.value, r.timestamp, r.headers) for r in letters]
    assert sorted((one.offset, one.reason) for one in reasons) == [
        (2 * i + 1, reason) for i, reason in enumerate(BAD.values())
    ]
    (stored,) = await FeatureLogReader(store).read(VIEW.key, ["a"])
    assert len(EntityLog.decode(stored.log, Layout(VIEW))) == len(BAD)


async def test_too_many_bad_events_stop_the_worker(settings, producer, make_topic):
    await make_topic("session.events")
    strict = settings.model_copy(update={"worker": settings.worker.model_copy(update={"max_bad_run": 50})})
    await send_raw(producer, settings, [b"junk"] * 60)
    async with working(strict) as (_, task):
        await eventually(task.done)
        with pytest.raises(DataError, match="50 events in a row"):
            task.result()


async def test_a_worker_whose_partition_was_taken_over_stops_without_writing(
    settings, store, producer, make_topic
):
    topic = await make_topic("session.events")
    told = shopping(100)
    await send(producer, settings, told[:50])
    async with working(settings) as (_, task):
        await processed(store, settings, 50)
        once = await contents(store)
        await CheckpointStore(store, settings.worker.group).claim(topic, 0)
        await send(producer, settings, told[50:])
        await eventually(task.done)
        with pytest.raises(FencedError, match="owned by another worker"):
            task.result()
    assert await contents(store) == once


async def test_a_log_that_somebody_else_wrote_stops_the_worker(settings, store, producer, make_topic):
    await make_topic("session.events")
    told = shopping(100)
    await send(producer, settings, told[:50])
    async with working(settings) as (_, task):
        await processed(store, settings, 50)
        key = store.keys.features("purchases", 1, "a")
        raw = bytearray(await store.client.get(key))
        raw[12] ^= 1
        await store.client.set(key, bytes(raw))
        await send(producer, settings, told[50:])
        await eventually(task.done)
        with pytest.raises(StateError, match="purchases:v1, entity 'a': the stored log is not the one"):
            task.result()


async def test_a_damaged_log_stops_the_worker_by_name(settings, store, producer, make_topic):
    await make_topic("session.events")
    told = shopping(100)
    await send(producer, settings, told[:50])
    async with working(settings):
        await processed(store, settings, 50)
    key = store.keys.features("purchases", 1, "a")
    raw = await store.client.get(key)
    await store.client.set(key, raw[:-1] + bytes([raw[-1] ^ 1]))
    await send(producer, settings, told[50:])
    async with working(settings) as (_, task):
        await eventually(task.done)
        with pytest.raises(StateError, match=r"purchases:v1.*checksum"):
            task.result()
    assert await position(store, settings) == 50


@pytest.mark.slow
async def test_kills_at_any_instant_change_nothing(settings, store, producer, make_topic, tmp_path):
    await make_topic("session.events", 2)
    told = shopping(3000, partitions=2)
    (tmp_path / "streamgauge.toml").write_text(SETTINGS, encoding="utf-8")
    env = os.environ | {
        "STREAMGAUGE_CONFIG": str(tmp_path / "streamgauge.toml"),
        "STREAMGAUGE_KAFKA": settings.kafka.bootstrap,
        "STREAMGAUGE_REDIS": settings.redis.url.get_secret_value(),
        "STREAMGAUGE_PREFIX": settings.prefix,
        "STREAMGAUGE_WORKER__GROUP": settings.worker.group,
        "STREAMGAUGE_WORKER__INSTANCE": "worker-1",
        "STREAMGAUGE_WORKER__SESSION_TIMEOUT": "6",
        "STREAMGAUGE_WORKER__CHECKPOINT_INTERVAL": "0.05",
        "STREAMGAUGE_WORKER__MAX_BATCH": "100",
        "STREAMGAUGE_WORKER__MAX_STATE_BYTES": "50000",
    }
    chance, ends, kills = random.Random(1), ends_of(told), 0
    # In pieces, because a worker may be done with all of it before it can be killed.
    pieces = [told[first : first + 600] for first in range(0, len(told), 600)]

    async def at():
        return [await position(store, settings, partition) for partition in range(2)]

    while await at() != ends:
        before = await at()
        if pieces:
            await send(producer, settings, pieces.pop(0))
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stream_app", "worker", env=env, stderr=asyncio.subprocess.DEVNULL
        )

        async def moved(before=before, worker=worker):
            return worker.returncode is not None or await at() != before

        await eventually(moved, timeout=60)
        await asyncio.sleep(chance.uniform(0.0, 0.05))
        assert worker.returncode is None, "the worker ended by itself"
        worker.kill()
        await worker.wait()
        kills += 1
    assert kills >= 5
    await check(store, told)


@pytest.fixture
async def full(settings, prefix):
    """A store of our own, and how to fill it up."""
    server = EmbeddedStore(config={"maxmemory": "0"})
    redis = settings.redis.model_copy(update={"url": SecretStr(server.start())})
    store = await connect(redis)

    async def limit(size):
        await store.client.config_set("maxmemory", size)

    yield settings.model_copy(update={"redis": redis}), store, limit
    await store.close()
    server.stop()


@pytest.mark.slow
async def test_a_full_store_stops_the_worker_and_nothing_is_half_written(full, producer, make_topic):
    settings, store, limit = full
    await make_topic("session.events")
    told = shopping(1000)
    await send(producer, settings, told[:300])
    async with working(settings):
        await processed(store, settings, 300)
    once = await contents(store)
    async with working(settings) as (worker, task):
        await eventually(worker.ready.is_set)
        await limit(1)
        await send(producer, settings, told[300:])
        await eventually(task.done)
        with pytest.raises(StoreError, match=r"refuses writing features: .*raise maxmemory") as caught:
            task.result()
        assert "\n" not in str(caught.value)
    assert await contents(store) == once
    await limit(0)
    async with working(settings):
        await processed(store, settings, 1000)
    await check(store, told)


@pytest.mark.slow
async def test_a_clock_that_is_wrong_is_told_until_an_event_counts(
    settings, store, producer, make_topic, read_topic
):
    settings = settings.model_copy(update={"streams": {"shop": SessionStream()}})
    await make_topic("session.events")
    reader = AlertReader(store)

    async def send_some(count, ahead):
        await send(producer, settings, [(f"e{i}", Event(time.time() + ahead, 0)) for i in range(count)])

    # What is counted outlasts a restart.
    for first in (0, 20):
        async with working(settings):
            await send_some(20, ahead=7200.0)
            await processed(store, settings, first + 20)
    (alert,) = await reader.firing()
    assert (alert.detector, alert.source, alert.offset) == ("quality.refused", "shop", 31)
    assert "after its record's own time" in alert.summary
    async with working(settings):
        await send_some(1, ahead=0.0)
        await processed(store, settings, 41)
        assert await reader.firing() == []
    published = await read_topic(Topics(settings.prefix).alerts("quality"), 2)
    assert [json.loads(record.value)["id"] for record in published] == [
        f"{alert.id}-firing",
        f"{alert.id}-resolved",
    ]


@pytest.mark.slow
async def test_a_view_without_events_raises_an_alert_until_they_come_again(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("session.events")
    view, old = replace(VIEW, freshness=2.0), replace(VIEW, name="old", freshness=2.0)
    filtered = replace(old, where=(Condition("type", "==", "years ago"),))
    reader = AlertReader(store)

    async def state_of(wanted):
        return [alert.state.value for alert in await reader.recent(10)] == wanted

    async def live():
        await send(producer, settings, [("a", Event(time.time(), 0, amount=1.0))])

    await send(producer, settings, [("b", Event(START, 0, type="years ago"))])
    async with working(settings, view, filtered):
        await processed(store, settings, 1)
        await live()
        await eventually(lambda: state_of(["firing"]))
    async with working(settings, view, filtered):
        await send(producer, settings, [("b", Event(START, 0, type="years ago"))])
        await processed(store, settings, 3)
        assert await state_of(["firing"])
        await live()
        await eventually(lambda: state_of(["firing", "resolved"]))
        await eventually(lambda: state_of(["firing", "resolved", "firing"]))
    alerts = await reader.recent(10)
    assert {(alert.kind, alert.source, alert.stream) for alert in alerts} == {
        ("quality", "purchases:v1", "shop")
    }
    assert alerts[0].id == alerts[1].id != alerts[2].id
    assert [alert.source for alert in await reader.firing()] == ["purchases:v1"]
    published = await read_topic(Topics(settings.prefix).alerts("quality"), 3)
    assert len(published) == 3


async def test_a_store_that_is_away_or_loses_replies_is_waited_for(settings, store, producer, make_topic):
    await make_topic("session.events")
    told = shopping(1200)
    port = urlsplit(settings.redis.url.get_secret_value()).port
    with Proxy(port) as proxy:
        url = settings.redis.url.get_secret_value().replace(f":{port}", f":{proxy.port}")
        redis = settings.redis.model_copy(update={"url": SecretStr(url)})
        through = settings.model_copy(update={"redis": redis})
        async with working(through) as (worker, task):
            await send(producer, settings, told[:400])
            await processed(store, settings, 400)
            # Written, but nobody knows: it is written again, and found to be there.
            proxy.drop_replies(3, requests=lambda request: b"FCALL" in request)
            await send(producer, settings, told[400:800])
            await processed(store, settings, 800)
            assert proxy.replies_lost == 3
            proxy.refuse()
            await send(producer, settings, told[800:])
            await eventually(lambda: not worker.health().ok)
            proxy.heal()
            await processed(store, settings, 1200)
            assert not task.done()
    await check(store, told)


async def test_sensors_and_sessions_are_watched_side_by_side(settings, store, producer, make_topic):
    await make_topic("session.events")
    topic = await make_topic("sensor.readings")
    both = settings.model_copy(update={"streams": {**settings.streams, "sensors": SensorStream()}})
    told = shopping(300)
    await send(producer, settings, told)
    for i in range(100):
        reading = {"source": "pump", "ts": START + i, "values": {"flow": float(i)}}
        await producer.send(topic, value=json.dumps(reading).encode(), partition=0)
    await producer.flush()
    async with working(both):
        await processed(store, settings, 300)
        features = FeatureReader(store, "sensors")

        async def served():
            row = await features.get("pump")
            return row is not None and row.values["events"] == 100

        await eventually(served)
    await check(store, told)
