"""Sources, alerts and incidents over the worker's HTTP port, over a real store."""

import asyncio
import json

import aiohttp
import numpy as np
import pytest
from http_port import TOKEN, Watched
from store.test_alerts import alert, resolved

from stream_app.core.bank import Bank
from stream_app.core.history import history_layout
from stream_app.core.history.recorder import HistoryRecorder
from stream_app.embedded import free_port
from stream_app.events import Severity
from stream_app.runtime.http import start_http
from stream_app.settings import Settings, WorkerSettings
from stream_app.store import AlertWriter, FeatureRow, FeatureWriter, HistoryWriter, OutboxStore

pytestmark = pytest.mark.integration


async def record_history(store, source="pump/1"):
    bank = Bank(history_layout(2))
    slots = np.full(20, bank.add(source))
    recorder = HistoryRecorder(("flow", "heat"))
    values = np.column_stack([np.arange(20.0), np.full(20, np.nan)])
    closed = recorder.record(bank, [source] * 20, slots, 1e9 + np.arange(20.0), values, np.ones(20))
    await HistoryWriter(store, "sensors").write([*closed, recorder.open(bank, [source])])


@pytest.fixture
async def session(store):
    port = free_port()
    stop = await start_http(
        Watched(Settings(worker=WorkerSettings(metrics_port=port, http_token=TOKEN))), store
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", headers=headers, timeout=aiohttp.ClientTimeout(30)
    ) as session:
        yield session
    await stop()


async def get(session, path):
    async with session.get(path) as answer:
        return answer.status, await answer.json()


async def test_the_history_of_a_source_is_served_with_as_many_points_as_asked(session, store):
    await record_history(store)
    status, found = await get(session, "/history/sensors/pump%2F1")
    assert status == 200
    assert found["time"] == [1e9, 1e9 + 5, 1e9 + 10, 1e9 + 15]
    assert (found["mean"]["flow"], found["mean"]["heat"]) == ([2.0, 7.0, 12.0, 17.0], [None] * 4)
    _, found = await get(
        session, "/history/sensors/pump/1?points=2&begin=1000000005&end=2001-09-09T01:47:00Z"
    )
    assert len(found["time"]) == 2
    for wrong in ("points=0", "points=x", "begin=soon", "other=1"):
        assert (await get(session, f"/history/sensors/pump%2F1?{wrong}"))[0] == 400
    status, problem = await get(session, "/history/sensors/nobody")
    assert (status, problem["type"]) == (404, "/docs#unknown-source")


async def test_live_features_of_every_kind_are_served(session, store):
    row = FeatureRow("digits", 7, 9.0, 10.0, {"accuracy": 0.5, "estimated_accuracy": None})
    await FeatureWriter(store, "models").write([row])
    assert await get(session, "/live/models/digits") == (
        200,
        {
            "stream": "models",
            "source": "digits",
            "event_ts": 9.0,
            "written_ts": 10.0,
            "values": {"accuracy": 0.5, "estimated_accuracy": None},
        },
    )
    assert (await get(session, "/live/models/nobody"))[0] == 404


async def test_alerts_and_incidents_are_chosen_by_what_they_are(session, store):
    critical = alert(2, source="pump-9", severity=Severity.CRITICAL)
    await AlertWriter(store).write([alert(1), critical, alert(3), resolved(1)])

    async def ids(query, path="/alerts"):
        status, found = await get(session, f"{path}?{query}")
        assert status == 200
        return [one.get("id") or one["incident"]["id"] for one in found.get("alerts", found.get("incidents"))]

    everything = await ids("")
    assert everything == [critical.id, alert(3).id, alert(1).id]
    assert await ids("state=firing") == everything[:2]
    assert await ids("source=pump-9&severity=critical") == [critical.id]
    assert await ids("since=1003") == everything[1:]
    assert await ids("limit=1") == everything[-1:]
    assert await ids("stream=other") == []
    assert await ids("state=firing&severity=critical", "/incidents") == [critical.case.id]
    for wrong in ("state=odd", "limit=0", "since=soon"):
        assert (await get(session, f"/alerts?{wrong}"))[0] == 400


async def test_a_verdict_is_taken_for_the_incident_of_any_of_its_alerts(session, store):
    await AlertWriter(store).write([alert(1)])
    body = {"real": False, "by": "ann", "comment": "maintenance"}
    async with session.post(f"/incidents/{alert(1).id[:12]}/verdict", json=body) as answer:
        found = await answer.json()
    assert (answer.status, found["incident"], found["verdict"]["real"]) == (200, alert(1).id, False)
    _, listed = await get(session, "/incidents")
    assert listed["incidents"][0]["verdict"] == found["verdict"]
    assert [one.note for one in await OutboxStore(store).deeds(count=9)] == ["maintenance"]


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("f" * 32, {"real": True, "by": "ann"}, 404, "unknown-incident"),
        ("*", {"real": True, "by": "ann"}, 404, "unknown-incident"),
        (alert(1).id, {"real": "no", "by": "ann"}, 400, "bad-request"),
        (alert(1).id, {"real": True, "by": ""}, 400, "bad-request"),
        (alert(1).id, {"real": True}, 400, "bad-request"),
    ],
)
async def test_what_is_wrong_with_a_verdict_is_said(session, store, path, body, status, kind):
    await AlertWriter(store).write([alert(1)])
    async with session.post(f"/incidents/{path}/verdict", json=body) as answer:
        assert (answer.status, (await answer.json())["type"]) == (status, f"/docs#{kind}")
    assert await OutboxStore(store).deeds(count=9) == []


async def test_without_a_token_nothing_is_written(store):
    await AlertWriter(store).write([alert(1)])
    port = free_port()
    stop = await start_http(Watched(Settings(worker=WorkerSettings(metrics_port=port))), store)
    try:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
            session.post(f"/incidents/{alert(1).id}/verdict", json={"real": True, "by": "ann"}) as answer,
        ):
            assert (answer.status, (await answer.json())["type"]) == (403, "/docs#no-token")
    finally:
        await stop()
    assert await OutboxStore(store).deeds(count=9) == []


async def test_alerts_are_followed_and_go_on_behind_the_last_event(session, store):
    async def events(answer, count):
        found = []
        while len(found) < count:
            event = {}
            while line := (await answer.content.readline()).decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                event[name] = value
            if "data" in event:
                found.append((event["id"], event["event"], json.loads(event["data"])["id"]))
        return found

    writer = AlertWriter(store)
    await writer.write([alert(1)])
    async with session.get("/alerts/stream") as answer:
        await writer.write([alert(2), resolved(1)])
        async with asyncio.timeout(30):
            first, second = await events(answer, 2)
    assert [first[1:], second[1:]] == [("firing", alert(2).id), ("resolved", alert(1).id)]
    async with session.get("/alerts/stream", headers={"Last-Event-ID": first[0]}) as answer:
        async with asyncio.timeout(30):
            assert await events(answer, 1) == [second]
    async with session.get("/alerts/stream", headers={"Last-Event-ID": "x"}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("path", ["/alerts", "/incidents", "/alerts/stream", "/live/a/b", "/history/a/b"])
async def test_nothing_is_served_without_the_token(session, path):
    async with session.get(path, headers={"Authorization": "Bearer other"}) as answer:
        assert answer.status == 401
