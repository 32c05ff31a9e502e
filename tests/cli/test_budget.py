"""``streamgauge budget`` over a store with alerts in it."""

import asyncio
import json
from pathlib import Path

import pytest

from stream_app.events import Alert, AlertState, LogId, Severity, alert_id
from stream_app.settings import load_settings
from stream_app.store import AlertWriter, connect

pytestmark = pytest.mark.integration

NOW = 1_700_000_000.0
DAY = 86_400.0


def alert(offset, days_ago, kind="drift", severity=Severity.WARNING, stream="pumps"):
    return Alert(
        id=alert_id(stream, "pump-1", kind, "flow", LogId(0), offset), stream=stream, source="pump-1", kind=kind,
        detector=kind, channel="flow", state=AlertState.FIRING, severity=severity, started_at=NOW - days_ago * DAY,
        partition=0, offset=offset, statistic=21.3, threshold=20.1, summary="flow lower than usual",
    )  # fmt: skip


ALERTS = (
    alert(1, 9.0),
    alert(2, 6.0),
    alert(3, 5.0, "quality"),
    alert(4, 4.0, "quality", Severity.CRITICAL),
    alert(5, 3.0, "changepoint", Severity.INFO),
    alert(6, 0.0),
    alert(7, 0.2, stream="counted"),
)
FILE = """
[streams.pumps]
topic = "pumps"
budget = "2 per week"

[streams.counted]
topic = "counted"
budget = "1 per 1000 events"
"""


@pytest.fixture
def written(servers):
    async def work():
        store = await connect(load_settings().redis)
        writer = AlertWriter(store)
        await writer.write(ALERTS)
        await writer.write([ALERTS[1].ended(NOW)])
        await store.close()

    asyncio.run(work())


def spent(call, *options):
    Path("streamgauge.toml").write_text(FILE)
    ended = call("budget", "--json", "--until", str(NOW), *options)
    assert ended.code == 0, ended
    return {found["stream"]: found for found in map(json.loads, ended.lines)}


def test_all_that_pages_counts_in_the_budgets_own_period(call, written):
    found = spent(call)
    pumps = found["pumps"]
    assert (pumps["allowed"], pumps["spent"], pumps["left"]) == (2.0, 3, -1.0)
    assert (pumps["kinds"], pumps["notes"]) == ({"drift": 1, "quality": 2}, 1)
    assert (found["counted"]["allowed"], found["counted"]["spent"]) == (None, 1)


def test_alerts_of_one_incident_count_once(call, servers):
    first, second = alert(1, 2.0, "changepoint", Severity.INFO), alert(2, 2.0, "anomaly")
    third = alert(3, 1.9, "quality")

    async def work():
        store = await connect(load_settings().redis)
        members = [one.model_copy(update={"incident": first.case}) for one in (first, second, third)]
        await AlertWriter(store).write(members)
        await store.close()

    asyncio.run(work())
    pumps = spent(call)["pumps"]
    assert (pumps["spent"], pumps["kinds"], pumps["notes"]) == (1, {"anomaly": 1}, 0)


def test_another_period_has_its_own_allowance(call, written):
    pumps = spent(call, "--over", "2 weeks")["pumps"]
    assert (pumps["allowed"], pumps["spent"], pumps["left"]) == (4.0, 4, 0.0)


def test_it_prints_a_line_a_stream(call, written):
    Path("streamgauge.toml").write_text(FILE)
    heading, pumps, counted = call("budget", "--until", "2023-11-14T22:13:20Z").lines
    assert heading.split() == ["stream", "budget", "since", "allowed", "spent", "left", "of"]
    assert " ".join(pumps.split()) == "pumps 2 per week 2023-11-07 22:13:20Z 2 3 -1 1 drift, 2 quality"
    assert "counts events" in counted


def test_a_mistake_in_the_call_is_told(call, servers):
    Path("streamgauge.toml").write_text(FILE)
    assert call("budget", "--over", "soon").code == 2
    assert call("budget", "--until", "soon").code == 2
