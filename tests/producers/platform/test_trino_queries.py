"""Queries out of Trino's ``system.runtime.queries``, by its client."""

import asyncio
import json

import pytest
from conftest import eventually
from pydantic import SecretStr
from servers.trino import TrinoServer

from producers.platform import Endpoint, Position, QueryPoller
from stream_app.errors import SettingsError, SourceError

pytest.importorskip("trino", reason="the extra `platform` is not installed")


@pytest.fixture
def trino():
    server = TrinoServer()
    yield server
    server.stop()


def row(number, **changes):
    return {
        "query_id": f"q{number}",
        "state": "FINISHED",
        "user": "etl",
        "source": "airflow",
        "query": f"SELECT 'SESAME{number}'",
        "resource_group_id": ["global"],
        "queued_time_ms": 120,
        "analysis_time_ms": 8,
        "planning_time_ms": 30,
        "created": f"2026-01-01 00:{number:02}:00.000 UTC",
        "started": f"2026-01-01 00:{number:02}:01.000 UTC",
        "end": f"2026-01-01 01:{number:02}:04.250 Europe/Berlin",
    } | changes


@pytest.mark.integration
async def test_each_query_that_has_ended_is_sent_once(trino, sending, running, sent, tmp_path):
    def poller(*, resume=False):
        position = Position(tmp_path / "place.json", "trino", resume=resume)
        return QueryPoller(Endpoint(trino.url, option="--trino"), "watch", 0.2, position=position)

    trino.rows = [row(3), row(1), row(2, source="streamgauge"), row(4, end=None)]
    async with running(sending(), poller()) as (told, stop, task), sent() as so_far:

        async def ids(count):
            found = [record["metadata"]["queryId"] for record in await so_far()]
            return found if len(found) >= count else None

        assert await eventually(lambda: ids(2)) == ["q1", "q3"]
        # One whose end is told late, and one that fails.
        trino.rows += [row(0), row(5, state="FAILED", error_type="USER_ERROR", error_code="DIVISION_BY_ZERO")]
        assert await eventually(lambda: ids(4)) == ["q1", "q3", "q0", "q5"]
        trino.error = {
            "message": "line 1:1: SESAME",
            "errorCode": 1,
            "errorName": "SERVER_STARTING_UP",
            "errorType": "INTERNAL_ERROR",
        }
        await eventually(lambda: any("trying again" in note for note in told.notes))
        trino.error = None
        await eventually(lambda: f"{trino.url} can be read again" in told.notes)
        stop.set()
        summary = await asyncio.wait_for(task, 20)
        trino.rows.append(row(6))
        async with running(sending(limit=1), poller(resume=True)) as (_, _, again):
            await asyncio.wait_for(again, 20)
        records = await so_far()
        assert await ids(5) == ["q1", "q3", "q0", "q5", "q6"]
    assert summary.records == 4
    assert summary.failures >= 1
    first, *_, failed, _ = records
    assert first["statistics"] == {
        "queuedTime": 0.12,
        "analysisTime": 0.008,
        "planningTime": 0.03,
        "wallTime": 4.25,
        "executionTime": 3.25,
    }
    assert first["endTime"] == "2026-01-01T00:01:04.250Z"
    assert first["context"] == {"user": "etl", "source": "airflow"}
    assert failed["failureInfo"] == {"errorCode": {"name": "DIVISION_BY_ZERO", "type": "USER_ERROR"}}
    assert "SESAME" not in json.dumps(records)
    statement, headers = trino.asked[0]
    assert "system.runtime.queries" in statement
    assert (headers["X-Trino-User"], headers["X-Trino-Source"]) == ("watch", "streamgauge")


@pytest.mark.integration
async def test_queries_before_the_start_are_left_out(trino, sending, running, sent):
    trino.rows = [row(1), row(2)]
    since = 1767225664.25 + 1.0
    poller = QueryPoller(Endpoint(trino.url, option="--trino"), "watch", 0.2, since)
    async with running(sending(limit=1), poller) as (_, _, task), sent() as so_far:
        await asyncio.wait_for(task, 20)
        assert [record["metadata"]["queryId"] for record in await eventually(so_far)] == ["q2"]


@pytest.mark.integration
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", None])
async def test_a_server_that_is_away_or_refuses_at_the_start_is_told_in_a_line(trino, sending, running, url):
    trino.error = {
        "message": "Access Denied",
        "errorCode": 4,
        "errorName": "DENIED",
        "errorType": "USER_ERROR",
    }
    poller = QueryPoller(Endpoint(url or trino.url, option="--trino"), "watch", 0.2)
    async with running(sending(), poller) as (_, _, task):
        with pytest.raises(SourceError, match="Access Denied" if url is None else "cannot be read") as told:
            await asyncio.wait_for(task, 60)
    assert "\n" not in str(told.value)


def test_a_token_is_not_sent_readable():
    with pytest.raises(SettingsError, match="Trino takes a token over https:// only"):
        QueryPoller(Endpoint("http://127.0.0.1:8080", SecretStr("SESAME"), option="--trino"), "watch", 1.0)
