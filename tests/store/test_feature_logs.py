"""Logs of entities: each is replaced only by one that was made of it, whole or not at all."""

import asyncio
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.core.features import EntityLog, Feature, FeatureView, Layout, Sliding
from stream_app.errors import DataError, FencedError, StateError, StoreError
from stream_app.events import SessionRow
from stream_app.monitors.sessions import LogChange, SessionArrivals, SessionConfig, SessionMonitor
from stream_app.store import (
    GRACE_SECONDS,
    CheckpointStore,
    FeatureLogReader,
    FeatureLogWriter,
    Fence,
    connect,
)

pytestmark = pytest.mark.integration

VIEWS = tuple(
    FeatureView("purchases", (Feature("spent", "sum", "amount", Sliding(60)),), version=version, lateness=60)
    for version in (1, 2)
)
VIEW = VIEWS[0]
NOW = 1000.0
NAMES = (f"e{n}" for n in count())  # each example writes where none has written


@pytest.fixture
def writer(store):
    return FeatureLogWriter(store, VIEWS)


@pytest.fixture
def reader(store):
    return FeatureLogReader(store)


@pytest.fixture
def checkpoints(store):
    return CheckpointStore(store, "g")


def change(entity="a", base=None, last=1, log=b"log", view="purchases:v1", partition=0):
    before = None if base is None else (partition, base)
    return LogChange(entity, view, log, before, (partition, last), 100.0 + last)


async def test_a_log_comes_back(writer, reader):
    await writer.write([change(log=b"\x00\xff" * 99, last=7)], written_ts=NOW)
    (found,) = await reader.read("purchases:v1", ["a"])
    assert found == (NOW, 0, 7, b"\x00\xff" * 99)
    assert (found.written_ts, found.partition, found.offset) == (NOW, 0, 7)


async def test_what_is_not_there_is_none_at_its_place(writer, reader):
    await writer.write([change("b"), change("b", view="purchases:v2", log=b"two")], written_ts=NOW)
    assert [log and log.log for log in await reader.read("purchases:v1", ["a", "b", "c"])] == [
        None,
        b"log",
        None,
    ]
    both = await reader.read_views(["purchases:v2", "purchases:v1"], ["b", "a"])
    assert [[log and log.log for log in logs] for logs in both] == [[b"two", None], [b"log", None]]
    assert await reader.read("purchases:v1", []) == []


async def test_more_logs_than_go_into_one_command(writer, reader):
    names = [f"e{n}" for n in range(1234)]
    await writer.write([change(name, last=n) for n, name in enumerate(names)], written_ts=NOW)
    assert [log.offset for log in await reader.read("purchases:v1", names)] == list(range(1234))


async def test_a_log_is_replaced_only_by_one_that_was_made_of_it(writer, reader):
    await writer.write([change(last=5)], written_ts=NOW)
    await writer.write([change(base=5, last=9, log=b"second")], written_ts=NOW + 1)
    for wrong in (change(base=5, last=10), change(base=4, last=10), change(base=None, last=10)):
        with pytest.raises(
            StateError, match=r"purchases:v1, entity 'a': the stored log is not .*worker\.group"
        ):
            await writer.write([wrong], written_ts=NOW + 2)
    (found,) = await reader.read("purchases:v1", ["a"])
    assert (found.log, found.written_ts) == (b"second", NOW + 1)


async def test_the_same_offset_of_another_partition_is_another_log(writer):
    await writer.write([change(last=5, partition=1)], written_ts=NOW)
    with pytest.raises(StateError, match="Somebody else writes it"):
        await writer.write([change(base=5, last=6)], written_ts=NOW)


async def test_written_twice_is_written_once(writer, reader):
    changes = [change(last=5), change("b", last=6)]
    await writer.write(changes, written_ts=NOW)
    await writer.write([*changes, change("c", last=7)], written_ts=NOW + 1)
    found = await reader.read("purchases:v1", ["a", "b", "c"])
    assert [log.written_ts for log in found] == [NOW, NOW, NOW + 1]


async def test_a_conflict_leaves_the_others_of_its_slice_as_they_were(writer, reader):
    await writer.write([change("b", last=5)], written_ts=NOW)
    with pytest.raises(StateError, match="entity 'b'"):
        await writer.write([change("a"), change("b", base=4, last=6)], written_ts=NOW)
    assert [log and log.offset for log in await reader.read("purchases:v1", ["a", "b"])] == [None, 5]


async def test_a_log_that_expired_is_written_anew(store, writer, reader):
    await writer.write([change(last=5)], written_ts=NOW)
    await store.client.delete(store.keys.features("purchases", 1, "a"))
    await writer.write([change(base=5, last=9)], written_ts=NOW)
    assert (await reader.read("purchases:v1", ["a"]))[0].offset == 9


async def test_an_entity_that_falls_silent_is_forgotten_after_the_ttl_and_a_day(store, writer):
    await writer.write([change()], written_ts=NOW)
    left = await store.client.ttl(store.keys.features("purchases", 1, "a"))
    assert VIEW.ttl + GRACE_SECONDS - 60 < left <= VIEW.ttl + GRACE_SECONDS


async def test_entities_of_a_view_are_listed_by_their_newest_events(store, writer):
    await writer.write([change("a", last=5), change("b", last=3)], written_ts=NOW)
    listed = await store.client.zrange(store.keys.view_entities("purchases", 1), 0, -1, withscores=True)
    assert listed == [(b"b", 103.0), (b"a", 105.0)]


async def test_only_the_owner_of_the_partition_writes(checkpoints, writer, reader):
    old = Fence(await checkpoints.claim("session.events", 0), None)
    await writer.write([change(last=1)], written_ts=NOW, fence=old)
    new = Fence(await checkpoints.claim("session.events", 0), None)
    with pytest.raises(FencedError, match="owned by another worker"):
        await writer.write([change(base=1, last=2)], written_ts=NOW, fence=old)
    await writer.write([change(base=1, last=3)], written_ts=NOW, fence=new)
    assert (await reader.read("purchases:v1", ["a"]))[0].offset == 3
    assert (old.writes, new.writes) == (1, 1)


async def test_what_is_no_log_is_named_by_its_key(store, writer, reader):
    key = store.keys.features("purchases", 1, "a")
    await store.client.set(key, b"abc")
    with pytest.raises(StateError, match=r":features:purchases:v1:a: 3 bytes are no log"):
        await reader.read("purchases:v1", ["a"])
    with pytest.raises(StateError, match="entity 'a'"):
        await writer.write([change(base=1, last=2)], written_ts=NOW)
    await store.client.delete(key)
    await store.client.hset(key, "a", "b")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await writer.write([change("b"), change("a")], written_ts=NOW)
    assert await reader.read("purchases:v1", ["b"]) == [None]


async def test_a_view_has_a_name_and_a_version(reader):
    with pytest.raises(DataError, match="'purchases' is not the name and version"):
        await reader.read("purchases", ["a"])


async def test_nothing_to_write_is_nothing_written(store, writer):
    await writer.write([], written_ts=NOW)
    assert [key async for key in store.client.scan_iter(match=f"{store.keys.prefix}:*")] == []


ODD = ["a:b", "a::b", "{a}", "a}b{", "a b", "%3A", "a%3Ab", "ü", "💧", "x" * 256, "..", "*", "[a]", "\\"]


async def test_odd_names_are_never_mixed_up(writer, reader):
    await writer.write([change(name, last=n) for n, name in enumerate(ODD)], written_ts=NOW)
    assert [log.offset for log in await reader.read("purchases:v1", ODD)] == list(range(len(ODD)))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_lost_and_told_again_the_log_is_that_of_all_events(redis_settings, sizes, data):
    """A worker that dies after any write, and reads again from any earlier offset, ends with the same bytes."""
    entity = next(NAMES)
    rows = [SessionRow(entity, 10.0 * i, None, {"amount": 1.5 * i}) for i in range(sum(sizes))]
    config = SessionConfig((VIEW,))

    def of(first, last):
        some = rows[first:last]
        return SessionArrivals(some, list(range(first, first + len(some))), [row.ts for row in some])

    async def work():
        store = await connect(redis_settings)
        writer, reader = FeatureLogWriter(store, (VIEW,)), FeatureLogReader(store)
        try:
            at = 0
            for size in [*sizes, len(rows)]:
                monitor = SessionMonitor(config)
                (stored,) = await reader.read(VIEW.key, [entity])
                monitor.restore(entity, {VIEW.key: stored and stored.log})
                await writer.write(monitor.update(of(at, at + size)).changes, written_ts=NOW)
                at = data.draw(st.integers(0, min(at + size, len(rows))))
            monitor = SessionMonitor(config)
            (stored,) = await reader.read(VIEW.key, [entity])
            monitor.restore(entity, {VIEW.key: stored.log})
            await writer.write(monitor.update(of(at, len(rows))).changes, written_ts=NOW)
            return (await reader.read(VIEW.key, [entity]))[0].log
        finally:
            await store.close()

    never_killed = SessionMonitor(config)
    never_killed.update(of(0, len(rows)))
    found = asyncio.run(work())
    assert found == never_killed.state(entity)[VIEW.key]
    assert len(EntityLog.decode(found, Layout(VIEW))) == len(never_killed.log(entity, VIEW.key))
