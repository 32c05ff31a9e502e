"""``streamgauge alerts`` over a store with alerts in it."""

import asyncio
import json
import signal
import time

import pytest

from stream_app.embedded import free_port
from stream_app.events import Alert, AlertState, Excerpt, LogId, Severity, alert_id
from stream_app.events.alert import AlertCause
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
    assert summaries(call("alerts", "list", "--alerts", "--json")) == [(2, "firing"), (3, "firing")]
    assert summaries(call("alerts", "list", "--alerts", "--all", "--json")) == [
        (1, "resolved"),
        (2, "firing"),
        (3, "firing"),
    ]
    assert summaries(call("alerts", "list", "--alerts", "--json", "--kind", "anomaly")) == [(2, "firing")]
    told = call("alerts", "list", "--alerts", "--all").lines
    assert told[0] == "3 alerts, 2 firing"
    assert told[1].split() == ["id", "since", "state", "severity", "source", "what"]
    assert STORY[1].summary in told[3]
    assert len(told) == 5


def incidents(ended):
    assert ended.code == 0, ended
    return [(found["id"], found["alerts"], found["state"]) for found in map(json.loads, ended.lines)]


@pytest.fixture
def joined(write):
    """Two alerts of one incident, and one of another source."""
    first, second = alert(1), alert(2, kind="quality", severity=Severity.CRITICAL, detector="quality.stuck")
    case = first.case.model_copy(
        update={
            "alerts": 2,
            "firing": 2,
            "severity": Severity.CRITICAL,
            "summary": second.summary,
            "found_by": (*first.case.found_by, *second.case.found_by),
        }
    )
    other = alert(3, source="pump-2")
    write(first, second.model_copy(update={"incident": case}), other)
    return first, second, other


def test_the_list_has_a_line_for_each_incident(call, joined):
    first, second, other = joined
    assert incidents(call("alerts", "list", "--json")) == [(first.id, 2, "firing"), (other.id, 1, "firing")]
    told = call("alerts", "list").lines
    assert told[0] == "2 incidents, 2 firing"
    assert told[2] == (
        f"{first.id[:8]}  2023-11-14 22:13:21Z  firing  critical  pumps/pump-1  {second.summary} (+1 alert)"
    )
    assert incidents(call("alerts", "list", "--json", "--kind", "quality")) == [(first.id, 2, "firing")]
    assert incidents(call("alerts", "list", "--json", "--source", "pump-2")) == [(other.id, 1, "firing")]


def test_sources_that_fail_together_share_a_line(call, write):
    write(*(alert(number, source=f"pump-{number}") for number in range(5)), alert(500, source="pump-9"))
    told = call("alerts", "list").lines
    assert told[0] == "6 incidents, 6 firing"
    assert "5 sources together (pump-0, pump-1, pump-2 and 2 more), first: drift 0 in flow" in told[2]
    assert len(told) == 4
    assert len(call("alerts", "list", "--json").lines) == 6


def test_show_tells_of_the_other_alerts_of_its_incident(call, joined):
    first, second, _ = joined
    told = call("alerts", "show", first.id).out
    assert f"{first.id[:8]}, critical: 2 alerts, 2 firing" in told
    assert second.id[:8] in told
    as_json = json.loads(call("alerts", "show", second.id, "--json").out)
    assert (as_json["id"], as_json["incident"]["members"]) == (second.id, [first.id, second.id])


def test_show_draws_the_values_around_an_alert(call, write):
    excerpt = Excerpt(
        channel="flow\x1b[2J", seconds=(-2.0, -1.0, 0.0, 1.0), values=(124.0, None, 61.0, 125.0)
    )
    one = alert(1, context={"usual_low": 120.0, "usual_high": 128.0}, excerpt=excerpt)
    write(one)
    told = call("alerts", "show", one.id).out
    assert "█ ▁|█\n" in told
    assert "from 61 to 125, usual 120 to 128; from 2 s before the beginning to 1 s after it" in told
    assert "\x1b[2J" not in told
    assert json.loads(call("alerts", "show", one.id, "--json").out)["excerpt"]["values"] == [
        124.0,
        None,
        61.0,
        125.0,
    ]


def test_show_prints_the_causes_and_what_explains_them(call, write):
    causes = (
        AlertCause(
            kind="node",
            name="worker-3\x1b[2J",
            share=0.7,
            since=1_700_000_000.0,
            metric="node_load1",
            before=2.0,
            now=19.5,
        ),
        AlertCause(kind="change", name="worker image 475", share=0.3, since=1_700_000_000.0),
    )
    one = alert(1, causes=causes, explanation="On worker-3 node_load1 rose.")
    write(one)
    told = call("alerts", "show", one.id).out
    assert "since 2023-11-14 22:13:20Z: node_load1 2 → 19.5\n" in told
    assert "change worker image 475, 30%, since 2023-11-14 22:13:20Z\n" in told
    assert "explanation      On worker-3 node_load1 rose.\n" in told
    assert "\x1b[2J" not in told


def test_without_alerts_it_says_so(call, servers):
    assert call("alerts", "list").out == "No alert is firing.\n"
    assert call("alerts", "list", "--all").out == "No incidents.\n"
    assert call("alerts", "list", "--alerts", "--all").out == "No alerts.\n"
    assert call("alerts", "list", "--json").out == ""


def test_show_and_acknowledge_by_the_beginning_of_an_id(call, story):
    beginning = STORY[1].id[:10]
    assert json.loads(call("alerts", "show", beginning, "--json").out)["incident"]["acknowledged"] is None
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
    seen = as_json.pop("incident")["acknowledged"]
    assert seen.pop("at") == pytest.approx(time.time(), abs=60.0)
    assert seen == {"by": "anna", "comment": "a [bold] valve"}
    assert Alert.model_validate(as_json) == STORY[1]


def test_the_list_says_who_has_seen_an_incident(call, story):
    call("alerts", "ack", STORY[3].id, "--by", "anna", "--comment", "known")
    told = call("alerts", "list").lines
    assert [line.endswith(" (seen by anna)") for line in told[1:]] == [False, False, True]
    seen = [json.loads(line)["acknowledged"] for line in call("alerts", "list", "--json").lines]
    assert [note and note["comment"] for note in seen] == [None, "known"]


def test_what_is_muted_is_not_listed_until_it_is_over(call, joined):
    first, _, other = joined
    assert call("alerts", "mute", first.id, "--for", "8h", "--by", "anna").code == 0
    assert incidents(call("alerts", "list", "--json")) == [(other.id, 1, "firing")]
    assert [line.endswith("(muted by anna)") for line in call("alerts", "list", "--all").lines[2:]] == [
        True,
        False,
    ]
    assert call("alerts", "mute", first.id, "--for", "0").out == f"unmuted {first.id}\n"
    assert len(call("alerts", "list", "--json").lines) == 2
    assert call("alerts", "mute", first.id).out == f"muted until it is resolved: {first.id}\n"
    assert len(call("alerts", "list", "--json").lines) == 1
    assert call("alerts", "mute", first.id, "--for", "soon").code == 2


def test_verdicts_are_counted_for_what_found_the_incidents(call, joined):
    first, _, other = joined
    assert call("alerts", "precision").out == "Nobody has called an incident real or false yet.\n"
    assert call("alerts", "false", first.id, "-m", "maintenance").out == f"called a false alarm: {first.id}\n"
    assert call("alerts", "real", other.id).out == f"called real: {other.id}\n"
    found = [json.loads(line) for line in call("alerts", "precision", "--json").lines]
    assert [(row["detector"], row["channel"], row["real"], row["false"]) for row in found] == [
        ("drift.level", "flow", 1, 1),
        ("quality.stuck", "flow", 0, 1),
    ]
    assert all(0.0 <= row["low"] <= row["precision"] <= row["high"] <= 1.0 for row in found)
    assert call("alerts", "real", first.id).code == 0
    assert call("alerts", "precision").lines[1].split()[:6] == [
        "pumps",
        "drift.level",
        "flow",
        "2",
        "0",
        "100%",
    ]


def test_what_a_person_says_is_kept_while_kafka_is_away(call, story, monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", f"127.0.0.1:{free_port()}")
    assert call("alerts", "ack", STORY[1].id, "--by", "anna").code == 0
    assert json.loads(call("alerts", "list", "--json").lines[0])["acknowledged"]["by"] == "anna"


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


@pytest.mark.slow
def test_forged_entries_are_named_on_standard_error_and_the_others_listed(spawn, story):
    firing, noted = STORY[1], STORY[3]

    async def forge():
        store = await connect(load_settings().redis)
        forged = firing.model_dump_json().replace(str(firing.started_at), "1e18")
        await store.client.hset(store.keys.alert(firing.id), "alert", forged)
        await store.client.hset(store.keys.incident(noted.id), "acknowledged", "no note")
        await store.client.xadd(store.keys.alerts, {"alert": forged})
        keys = store.keys
        await store.close()
        return keys

    keys = asyncio.run(forge())
    listed = spawn("alerts", "list", "--alerts", "--json").wait()
    assert summaries(listed) == [(3, "firing")]
    cases = spawn("alerts", "list", "--json").wait()
    assert [json.loads(line)["acknowledged"] for line in cases.lines] == [None, None]
    tailed = spawn("alerts", "tail", "--no-follow", "--json").wait()
    assert [offset for offset, _ in summaries(tailed)] == [1, 2, 1, 3]
    for ended, named in (
        (listed, keys.alert(firing.id)),
        (cases, keys.incident(noted.id)),
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
