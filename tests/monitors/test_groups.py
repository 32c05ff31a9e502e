"""Declared channels, learned ones, and those that come late."""

import numpy as np

from stream_app.events import SensorRow
from stream_app.monitors.sensors import SensorConfig
from stream_app.store import pack_state
from stream_app.testing import reading, readings, run_monitor

ROWS = 5000
COMES = 1500


def growing(rows=ROWS, comes=COMES):
    """A source of two channels that grows a third one."""
    x = np.random.default_rng(2).normal(size=(rows, 3))
    return x, [
        SensorRow("s", 1.7e9 + i, dict(zip("abc" if i >= comes else "ab", row, strict=False)))
        for i, row in enumerate(x.tolist())
    ]


def groups_of(run, source="s"):
    return [group["channels"] for group in run.monitor.state(source)["groups"]]


def test_channels_that_are_there_from_the_first_event_form_one_group():
    run = run_monitor(readings(np.random.default_rng(0).normal(size=(50, 3)), "abc"))
    assert groups_of(run, "pump-1") == [["a", "b", "c"]]


def test_a_late_channel_gets_a_group_of_its_own_and_a_share_of_the_budget():
    _, events = growing()
    run = run_monitor(events)
    assert groups_of(run) == [["a", "b"], ["c"]]
    first, second = (group["share"] for group in run.monitor.state("s")["groups"])
    assert first > second
    assert first + second <= 1.0


def test_the_shares_of_any_number_of_groups_stay_within_the_budget():
    names = [f"c{i}" for i in range(30)]
    rows = [SensorRow("s", 1.7e9 + i, dict.fromkeys(names[: i + 1], float(i))) for i in range(30)]
    groups = run_monitor(rows).monitor.state("s")["groups"]
    assert len(groups) == 30
    assert sum(group["share"] for group in groups) <= 1.0


def test_a_late_channel_does_not_change_what_is_said_of_the_others():
    x, events = growing()
    x[4000:4100, 0] += 10.0
    events = [SensorRow(row.source, row.ts, row.values | {"a": float(x[i, 0])}) for i, row in enumerate(events)]  # fmt: skip
    without = [SensorRow(row.source, row.ts, {k: row.values[k] for k in "ab"}) for row in events]
    with_c, alone = run_monitor(events), run_monitor(without)
    ours = [alert for alert in with_c.alerts if "c" not in dict(alert.contributions) and alert.channel != "c"]
    assert [a.model_dump_json() for a in ours] == [a.model_dump_json() for a in alone.alerts]
    assert any(alert.kind == "anomaly" for alert in alone.alerts)


def test_a_fault_in_a_late_channel_is_found():
    x, events = growing(9000, 1500)
    for i in range(8000, 8200):
        events[i].values["c"] = float(x[i, 2] + 12.0)
    run = run_monitor(events, SensorConfig(budget="1 per 10000 events"), batch=777)
    found = [alert for alert in run.alerts if alert.kind == "anomaly"]
    assert [8000 <= alert.offset < 8020 and alert.contributions[0][0] == "c" for alert in found[:1]] == [True]


def test_declared_channels_share_one_group_whatever_comes_first():
    rows = [reading(ts=1.7e9 + i, a=1.0 + i % 3, b=None if i < 60 else float(i % 5)) for i in range(120)]
    declared = run_monitor(rows, SensorConfig(channels=("a", "b")))
    assert sorted(name for group in groups_of(declared, "pump-1") for name in group) == ["a", "b"]
    assert declared.refusals == []


def test_declared_channels_refuse_readings_with_others():
    config = SensorConfig(channels=("a",))
    run = run_monitor([reading(ts=1.7e9, a=1.0), reading(ts=1.7e9 + 1, a=1.0, b=2.0)], config)
    assert [(refusal.offset, refusal.reason.value) for refusal in run.refusals] == [(1, "channels")]


def test_an_anomaly_of_one_group_does_not_keep_another_from_learning_drift():
    """Nor does it matter whether both were seen in the batch in which the later group began."""
    x, events = growing(4000, 1500)
    for i in range(1600, 1700):
        events[i].values["a"] = float(x[i, 0] + 15.0)
    whole, cut = run_monitor(events), run_monitor(events, batch=1650)
    assert any(whole.scores.anomaly[1600:1700])
    ours, theirs = (pack_state(run.monitor.state("s")["groups"][1]) for run in (whole, cut))
    assert ours == theirs
