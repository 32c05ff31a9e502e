"""``streamgauge alerts`` over a store with alerts in it."""

import asyncio
import json
import signal
import time

import pytest

from stream_app.embedded import free_port
from stream_app.events import Alert, AlertState, LogId, Severity, alert_id
from stream_app.settings import load_settings
from stream_app.store import AlertWriter, connect

pytestmark = pytest.mark.integration


def alert(offset, state=AlertState.FIRING, **changes):
    source = changes.get("source", "pump-1")
    fields = {
        "id": alert_id("pumps", source, "drift.level", "flow", LogId(0), offset),
        "stream": "pumps",
        "source": source,
        "kind": "drift",
        "detector": "drift.level",
        "channel": "flow",
        "state": state,
        "severity": Severity.WARNING,
        "started_at": 1_700_000_000.0 + offset,
        "ended_at": 1_700_000_060.0 + offset if state is AlertState.RESOLVED else None,
        "partition": 0,
        "offset": offset,
        "statistic": 21.3,
        "threshold": 20.1,
        "summary": f"drift {offset} in flow: mean 124.6 → 118.2",
        "contributions": (("flow", 1.0),),
        "context": {"mean_before": 124.6},
    }
    return Alert(**(fields | changes))


@pytest.fixture
def write(servers):
    def written(*alerts):
        async def work():
            store = await connect(load_settings().redis)
            await AlertWriter(store).write(alerts)
            await store.close()

        asyncio.run(work())

    return written


STORY = (
    alert(1),
    alert(2, source="pump-2", kind="anomaly", severity=Severity.CRITICAL),
    alert(1, AlertState.RESOLVED),
    alert(3, kind="quality"),
)


@pytest.fixture
def story(write):
    write(*STORY)


def summaries(ended):
    assert ended.code == 0, ended
    return [(found["offset"], found["state"]) for found in map(json.loads, ended.lines)]


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ((), [1, 2, 1, 3]),
        (("--last", "2"), [1, 3]),
        (("-n", "0"), []),
        (("--source", "pump-2"), [2]),
        (("--kind", "quality"), [3]),
        # The newest two of this source, not those of this source among the newest two.
        (("--source", "pump-1", "-n", "3"), [1, 1, 3]),
        (("--from", "start", "-n", "1"), [1, 2, 1, 3]),
        (("--from", "2023-11-14T22:13:22Z"), [2, 1, 3]),
        (("--from", "1700000003"), [1, 3]),
        (("--from", "2030-01-01"), []),
    ],
)
def test_tail_begins_where_it_is_told(call, story, options, offsets):
    ended = call("alerts", "tail", "--no-follow", "--json", *options)
    assert [offset for offset, _ in summaries(ended)] == offsets


def test_tail_prints_a_line_for_each_beginning_and_end(call, story):
    ended = call("alerts", "tail", "--no-follow")
    assert ended.lines == [
        f"2023-11-14 22:13:21Z  warning   {STORY[0].id[:8]}  pumps/pump-1  {STORY[0].summary}",
        f"2023-11-14 22:13:22Z  critical  {STORY[1].id[:8]}  pumps/pump-2  {STORY[1].summary}",
        f"2023-11-14 22:14:21Z  resolved  {STORY[2].id[:8]}  pumps/pump-1  {STORY[2].summary} (for 1 min)",
        f"2023-11-14 22:13:23Z  warning   {STORY[3].id[:8]}  pumps/pump-1  {STORY[3].summary}",
    ]


def test_list_shows_those_that_fire_and_with_all_how_each_stands(call, story):
    assert summaries(call("alerts", "list", "--json")) == [(2, "firing"), (3, "firing")]
    assert summaries(call("alerts", "list", "--all", "--json")) == [
        (1, "resolved"),
        (2, "firing"),
        (3, "firing"),
    ]
    assert summaries(call("alerts", "list", "--json", "--kind", "anomaly")) == [(2, "firing")]
    told = call("alerts", "list", "--all").lines
    assert told[0] == "3 alerts, 2 firing"
    assert told[1].split() == ["id", "since", "state", "severity", "source", "what"]
    assert STORY[1].summary in told[3]
    assert len(told) == 5


def test_without_alerts_it_says_so(call, servers):
    assert call("alerts", "list").out == "No alert is firing.\n"
    assert call("alerts", "list", "--all").out == "No alerts.\n"
    assert call("alerts", "list", "--json").out == ""


def test_show_and_acknowledge_by_the_beginning_of_an_id(call, story):
    beginning = STORY[1].id[:10]
    assert json.loads(call("alerts", "show", beginning, "--json").out)["acknowledged"] is None
    noted = call("alerts", "ack", beginning, "--by", "anna", "-m", "a [bold] valve")
    assert noted.out == f"acknowledged {STORY[1].id}\n"
    told = call("alerts", "show", beginning).out
    for text in (
        STORY[1].id,
        "offset 2 of partition 0",
        "21.3 (threshold 20.1)",
        "flow 100%",
        "mean before",
        "124.6",
    ):
        assert text in told
    assert "by anna: a [bold] valve" in told
    as_json = json.loads(call("alerts", "show", STORY[1].id, "--json").out)
    assert as_json["acknowledged"].pop("at") == pytest.approx(time.time(), abs=60.0)
    assert as_json["acknowledged"] == {"by": "anna", "comment": "a [bold] valve"}
    assert Alert.model_validate(as_json) == STORY[1]


def test_the_list_says_who_has_seen_an_alert(call, story):
    call("alerts", "ack", STORY[3].id, "--by", "anna", "--comment", "known")
    told = call("alerts", "list").lines
    assert [line.endswith(" (seen by anna)") for line in told[1:]] == [False, False, True]
    seen = [json.loads(line)["acknowledged"] for line in call("alerts", "list", "--json").lines]
    assert [note and note["comment"] for note in seen] == [None, "known"]


def test_an_acknowledgement_is_in_the_audit_log(call, story):
    call("alerts", "ack", STORY[1].id, "--by", "anna", "-m", "a valve")
    call("alerts", "ack", STORY[3].id, "--by", "ben")
    told = [json.loads(line) for line in call("audit", "list", "--json").lines]
    assert [(r["kind"], r["by"], r["subject"], r["note"], r["source"]) for r in told] == [
        ("alert.acknowledged", "anna", STORY[1].id, "a valve", "pump-2"),
        ("alert.acknowledged", "ben", STORY[3].id, "", "pump-1"),
    ]


def test_without_a_broker_an_acknowledgement_says_that_it_is_not_in_the_log(call, story, monkeypatch):
    monkeypatch.delenv("STREAMGAUGE_KAFKA")
    ended = call("alerts", "ack", STORY[1].id, "--by", "anna")
    assert (ended.code, ended.out) == (0, f"acknowledged {STORY[1].id}\n")
    assert "the audit log does not have it" in ended.err


def test_what_the_audit_log_does_not_take_is_not_acknowledged(call, story, impatient):
    away = f"127.0.0.1:{free_port()}"
    assert call("alerts", "ack", STORY[1].id, "--kafka", away).failed(away)
    assert json.loads(call("alerts", "show", STORY[1].id, "--json").out)["acknowledged"] is None


@pytest.mark.parametrize("command", ["show", "ack"])
@pytest.mark.parametrize("alert_id", ["ffffffffffff", "*", ""])
def test_an_alert_that_is_not_there(call, story, command, alert_id):
    assert call("alerts", command, alert_id).failed("no alert, or more than one, begins with")


def test_names_from_events_cannot_steer_the_terminal_nor_be_taken_for_markup(call, write):
    write(alert(1, source="[red]\x1b[2J", summary="now [/] then\nand"))
    for command in (("tail", "--no-follow"), ("list",), ("show", alert(1, source="[red]\x1b[2J").id)):
        told = call("alerts", *command)
        assert told.code == 0
        assert "pumps/[red]\\u001b[2J" in told.out
        assert "now [/] then\\nand" in told.out
        assert "\x1b" not in told.out


def test_forged_entries_are_named_on_standard_error_and_the_others_listed(spawn, story):
    firing, noted = STORY[1], STORY[3]

    async def forge():
        store = await connect(load_settings().redis)
        forged = firing.model_dump_json().replace(str(firing.started_at), "1e18")
        await store.client.hset(store.keys.alert(firing.id), "alert", forged)
        await store.client.hset(store.keys.alert(noted.id), "acknowledged", "no note")
        await store.client.xadd(store.keys.alerts, {"alert": forged})
        keys = store.keys
        await store.close()
        return keys

    keys = asyncio.run(forge())
    listed = spawn("alerts", "list", "--json").wait()
    assert summaries(listed) == [(3, "firing")]
    assert json.loads(listed.lines[0])["acknowledged"] is None
    tailed = spawn("alerts", "tail", "--no-follow", "--json").wait()
    assert [offset for offset, _ in summaries(tailed)] == [1, 2, 1, 3]
    for ended, named in (
        (listed, keys.alert(firing.id)),
        (listed, keys.alert(noted.id)),
        (tailed, keys.alerts),
    ):
        assert named in ended.err
        assert "Traceback" not in ended.err
    assert spawn("alerts", "show", firing.id[:12]).wait().failed(keys.alert(firing.id), "started_at")


def test_tail_follows_until_ctrl_c_and_ends_with_0(spawn, write):
    write(alert(1))
    tail = spawn("alerts", "tail", "--json", "--source", "pump-1").until('"offset":1,')
    write(alert(2), alert(3, source="pump-2"), alert(2, AlertState.RESOLVED))
    tail.until('"state":"resolved"')
    ended = tail.end(signal.SIGINT)
    assert summaries(ended) == [(1, "firing"), (2, "firing"), (2, "resolved")]
    assert ended.err == ""
