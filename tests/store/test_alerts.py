"""Alerts in Redis: told once, looked up, followed."""

import asyncio

import pytest
from conftest import eventually

from stream_app.errors import StateError
from stream_app.events import Alert, AlertState, LogId, Severity, alert_id
from stream_app.store import AlertReader, AlertWriter

pytestmark = pytest.mark.integration


def alert(offset=1, state=AlertState.FIRING, **changes):
    fields = {
        "id": alert_id("sensors", "pump", "adwin", "flow", LogId(0), offset),
        "stream": "sensors",
        "source": "pump",
        "kind": "drift",
        "detector": "adwin",
        "channel": "flow",
        "state": state,
        "severity": Severity.WARNING,
        "started_at": 1000.0 + offset,
        "ended_at": 2000.0 if state is AlertState.RESOLVED else None,
        "partition": 0,
        "offset": offset,
        "statistic": 1.0,
        "threshold": 0.5,
        "summary": "flow fell — 20 %",
    }
    return Alert(**(fields | changes))


def resolved(offset=1):
    return alert(offset, AlertState.RESOLVED)


@pytest.fixture
def writer(store):
    return AlertWriter(store)


@pytest.fixture
def reader(store):
    return AlertReader(store)


async def test_an_alert_is_told_once_however_often_it_is_written(writer, reader):
    assert await writer.write([alert(), alert()]) == [True, False]
    assert await writer.write([alert()]) == [False]
    assert await reader.recent(10) == [alert()]
    assert await reader.firing() == [alert()]
    assert await writer.write([resolved(), resolved()]) == [True, False]
    assert await reader.recent(10) == [alert(), resolved()]
    assert await reader.firing() == []
    assert await reader.show(alert().id) == resolved()


async def test_a_resolved_alert_does_not_fire_again(writer, reader):
    # After a crash the events since the checkpoint are processed again: beginning and end are written once more.
    await writer.write([alert(), resolved()])
    assert await writer.write([alert(), resolved()]) == [False, False]
    assert await reader.firing() == []
    assert await reader.show(alert().id) == resolved()
    assert len(await reader.recent(10)) == 2


async def test_an_alert_that_becomes_critical_is_told_once_and_fires_on(writer, reader):
    began, end = alert(), resolved()
    grown = began.escalated(began.started_at + 60.0, 5)
    assert await writer.write([began, grown, began, grown]) == [True, True, False, False]
    assert await reader.recent(10) == [began, grown]
    assert await reader.firing() == [grown]
    assert await writer.write([end, grown]) == [True, False]
    assert await reader.firing() == []


async def test_nothing_to_write_is_nothing_written(writer, reader):
    assert await writer.write([]) == []
    assert await reader.recent(10) == []
    assert await reader.position() == "0"


async def test_firing_alerts_come_oldest_first(writer, reader):
    await writer.write([alert(3), alert(1), alert(2)])
    await writer.write([resolved(2)])
    assert [found.offset for found in await reader.firing()] == [1, 3]


async def test_the_newest_come_last_and_are_counted(writer, reader):
    await writer.write([alert(n) for n in range(1, 8)])
    assert [found.offset for found in await reader.recent(3)] == [5, 6, 7]


async def test_an_alert_is_shown_by_the_beginning_of_its_id(writer, reader):
    await writer.write([alert(1), alert(2)])
    assert await reader.show(alert(1).id[:10]) == alert(1)
    assert await reader.show("0" * 32) is None
    assert await reader.show("") is None


@pytest.mark.parametrize("pattern", ["*", "?" * 31, "[0-9a-f]*"])
async def test_an_id_is_no_pattern(writer, reader, pattern):
    await writer.write([alert()])
    assert await reader.show(pattern) is None


async def test_followers_see_what_comes_after_their_position(writer, reader):
    await writer.write([alert(1)])
    position = await reader.position()
    seen = []

    async def follow():
        async for found in reader.follow(position, block_ms=100):
            seen.append(found)  # noqa: PERF401 the test looks at it meanwhile

    task = asyncio.create_task(follow())
    await eventually(lambda: None in seen)
    await writer.write([alert(2), alert(3)])
    await writer.write([alert(2), resolved(3)])
    await eventually(lambda: len([found for found in seen if found]) >= 3)
    task.cancel()
    assert [found for found in seen if found] == [alert(2), alert(3), resolved(3)]


async def test_followers_may_begin_at_the_beginning(writer, reader):
    await writer.write([alert(n) for n in range(1, 300)])
    offsets = []
    async for found in reader.follow("0", block_ms=100):
        if found is None:
            break
        offsets.append(found.offset)
    assert offsets == list(range(1, 300))


async def test_subscribers_hear_each_change_once(store, writer):
    async with store.client.pubsub() as heard:
        await heard.subscribe(store.keys.live_channel)
        await heard.get_message(timeout=5)
        await writer.write([alert(), alert(), resolved()])
        messages = [await heard.get_message(ignore_subscribe_messages=True, timeout=5) for _ in range(2)]
        assert [Alert.model_validate_json(message["data"]) for message in messages] == [alert(), resolved()]
        assert await heard.get_message(ignore_subscribe_messages=True, timeout=0.1) is None


async def test_an_alert_with_infinite_evidence_is_read_back_beside_the_others(writer, reader):
    boundless = alert(2, statistic=float("inf"))
    await writer.write([alert(1), boundless])
    assert await reader.recent(10) == [alert(1), boundless]


FORGED = [
    "{}",
    "not JSON",
    b"\xff",
    "[" * 100_000,
    alert().model_dump_json().replace("1001.0", "1e18"),
    alert().model_dump_json().replace("1001.0", '"NaN"'),
    alert().model_dump_json().replace("1001.0", "-1.0"),
    resolved().model_dump_json().replace("2000.0", "1e400"),
]


@pytest.mark.parametrize("fields", [*({"alert": raw} for raw in FORGED), {"note": "no alert at all"}])
async def test_what_others_wrote_among_the_alerts_is_named_and_passed_over(
    store, writer, reader, fields, caplog
):
    await writer.write([alert(1)])
    await store.client.xadd(store.keys.alerts, fields)
    await writer.write([alert(2)])
    assert await reader.recent(10) == [alert(1), alert(2)]
    following = reader.follow("0")
    assert [await anext(following), await anext(following)] == [alert(1), alert(2)]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all(f"{store.keys.alerts}: an entry is not an alert" in line for line in told)


@pytest.mark.parametrize("raw", FORGED)
async def test_a_damaged_alert_is_passed_over_in_a_list_and_an_error_where_it_was_asked_for(
    store, writer, reader, raw, caplog
):
    await writer.write([alert(1), alert(2)])
    key = store.keys.alert(alert(1).id)
    await store.client.hset(key, "alert", raw)
    await store.client.zadd(store.keys.firing, {b"\xff": 5.0})
    assert await reader.firing() == [alert(2)]
    assert key in caplog.text
    with pytest.raises(StateError, match=f"{key}: an entry is not an alert"):
        await reader.show(alert(1).id[:12])
