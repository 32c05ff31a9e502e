"""The monitor of data platforms: incidents with causes, batch borders, states, and what befalls rows."""

import math
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from platform_events import START, events_of

from stream_app.errors import StateError
from stream_app.events import MetricSample, PlatformChange, PlatformDecoder, QueryCompletion, Reason
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.settings import PlatformStream
from stream_app.store import pack_state, unpack_state

WATCHED = PlatformStream(warmup=200, budget="1 per day")
SLOW = range(290, 315)
LABELS = (("instance", "worker-1:9100"),)


def arrivals_of(raws, first=0):
    arrivals = Arrivals()
    for offset, rows in enumerate(PlatformDecoder("prod").decode(raws), start=first):
        arrivals.rows.extend(rows)
        arrivals.offsets.extend([offset] * len(rows))
        arrivals.record_ts.extend([rows[0].ts] * len(rows))
    return arrivals


@cache
def log():
    return arrivals_of(events_of(314, slow=SLOW))


@cache
def whole():
    monitor = PlatformMonitor(WATCHED)
    (outcome,) = monitor.take(log())
    return outcome, pack_state(monitor.state("prod")), monitor


def rows_of(rows, record_ts=None):
    return Arrivals(
        list(rows), list(range(len(rows))), [row.ts for row in rows] if record_ts is None else record_ts
    )


def load(ts, value=1.0, node="worker-1", name="node_load1", **labels):
    pairs = tuple(sorted({"instance": f"{node}:9100", **labels}.items()))
    return MetricSample("prod", ts, name, pairs, value)


def query(ident, ts, wall=1.0, kind="a", error=""):
    known = math.nan
    state = "FAILED" if error else "FINISHED"
    return QueryCompletion(
        "prod", ts, ident, state, "me", "lake", kind, f"select {kind}", 0.1, known, known, known, wall, wall, known, known, known,
        known, error,
    )  # fmt: skip


def test_an_incident_is_told_with_its_causes():
    outcome, _, monitor = whole()
    first = next(alert for alert in outcome.alerts if alert.begins)
    assert (first.kind, first.detector, first.source, first.channel) == ("anomaly", "platform", "prod", "*")
    assert START + 290 * 60.0 < first.started_at <= START + 296 * 60.0
    assert first.causes[0].kind == "node"
    assert first.causes[0].name == "worker-2"
    assert first.summary.startswith("worker-2: ")
    assert "worker-2" in first.explanation
    assert "worker-2" in dict(first.contributions)
    changes = [cause for cause in first.causes if cause.kind == "change"]
    assert [cause.name for cause in changes] == ["deployment of worker image 475 on worker-2"]
    assert "4821" not in first.model_dump_json()
    snapshot = monitor.snapshots_of(["prod"])[0]
    assert snapshot["incidents"] == [first.case.id]
    assert snapshot["causes"][0]["name"] == "worker-2"
    assert snapshot["nodes"] == ("*", *(f"worker-{i}" for i in range(4)))
    assert len(snapshot["heat"]) == 5
    assert len(snapshot["timeline"]) == 313
    assert {row["pattern"] for row in snapshot["classes"]} == {
        "SELECT * FROM orders WHERE id = ?",
        "SELECT SUM(price) FROM sales WHERE day = ? GROUP BY shop",
    }


@hypothesis_settings(max_examples=8)
@given(cuts=st.lists(st.integers(1, 10_000), max_size=12))
def test_it_does_not_matter_where_batches_end_or_whether_states_are_restored_there(cuts):
    outcome, state, _ = whole()
    rows, monitor = log(), PlatformMonitor(WATCHED)
    alerts, history, last = [], [], None
    edges = sorted({0, len(rows.rows), *(cut for cut in cuts if cut < len(rows.rows))})
    for begin, end in pairwise(edges):
        if begin:
            packed = pack_state(monitor.state("prod"))
            monitor = PlatformMonitor(WATCHED)
            monitor.restore("prod", unpack_state(packed, "test"))
        (one,) = monitor.take(rows.at(range(begin, end)))
        alerts += one.alerts
        history += one.history
        last = one.last
    assert alerts == outcome.alerts
    assert last == outcome.last
    assert sum(map(len, history)) == sum(map(len, outcome.history))
    assert pack_state(monitor.state("prod")) == state


def test_a_delivery_of_single_rows_is_that_of_all():
    rows = log()
    few = rows.at(range(4000))
    one, other = PlatformMonitor(WATCHED), PlatformMonitor(WATCHED)
    one.take(few)
    for i in range(4000):
        other.take(few.at([i]))
    assert pack_state(one.state("prod")) == pack_state(other.state("prod"))


def test_features_count_nodes_series_and_queries():
    _, _, monitor = whole()
    ts, features = monitor.features("prod")
    assert ts == START + 314 * 60.0 - 30.0 or ts == START + 314 * 60.0 - 27.0
    assert (features["nodes"], features["series"], features["query_classes"]) == (4, 20, 2)
    assert features["samples"] == 314 * 2 * 4 * 5
    assert features["queries"] == 314 * 2 * 4
    assert features["windows"] == 313
    assert features["query_failures"] == 0.0
    assert features["query_wall"] == pytest.approx(5.0, rel=0.3)


def test_a_lost_node_reports_nothing():
    rows = []
    for i in range(40):
        rows += [load(START + 30.0 * i, node=f"worker-{n}") for n in range(3) if n or i < 20]
    monitor = PlatformMonitor(PlatformStream(warmup=192))
    monitor.take(rows_of(rows))
    features = monitor.features("prod")[1]
    assert (features["nodes"], features["silent_nodes"]) == (3, 1)
    assert features["windows"] >= 18


def test_a_query_that_is_told_twice_counts_once():
    rows = [query("q1", START), query("q2", START + 1), query("q1", START)]
    monitor = PlatformMonitor(WATCHED)
    (outcome,) = monitor.take(rows_of(rows))
    assert [refusal.reason for refusal in outcome.refusals] == [Reason.DUPLICATE]
    assert monitor.features("prod")[1]["queries"] == 2


def test_a_change_that_is_told_twice_counts_once():
    change = PlatformChange("prod", START, "deployment", "image", "1", ())
    monitor = PlatformMonitor(WATCHED)
    (outcome,) = monitor.take(rows_of([change, change]))
    assert [refusal.reason for refusal in outcome.refusals] == [Reason.DUPLICATE]
    assert len(monitor.snapshots_of(["prod"])[0]["changes"]) == 1


def test_labels_that_explode_are_refused_by_name_and_told_once():
    monitor = PlatformMonitor(PlatformStream(warmup=192, max_series=10))
    rows = [load(START + i, name="node_load1", path=f"/item/{i}") for i in range(30)]
    rows += [load(START + 30.0 * i, path="/item/0") for i in range(2, 60)]
    (outcome,) = monitor.take(rows_of(rows))
    assert {refusal.reason for refusal in outcome.refusals} == {Reason.SERIES}
    assert len(outcome.refusals) == 20
    assert "node_load1" in outcome.refusals[0].message
    told = [(alert.detector, alert.transition) for alert in outcome.alerts]
    assert told == [("quality.series", "firing"), ("quality.series", "resolved")]
    assert "node_load1" in outcome.alerts[0].summary


def test_classes_beyond_the_most_count_in_the_whole():
    monitor = PlatformMonitor(PlatformStream(warmup=192, max_classes=3))
    rows = [query(f"q{i}", START + i, kind=f"class {i}") for i in range(50)]
    (outcome,) = monitor.take(rows_of([*rows, query("last", START + 600)]))
    assert not outcome.refusals
    features = monitor.features("prod")[1]
    assert features["query_classes"] == 3
    assert features["query_count"] == 50


def test_a_node_whose_clock_is_wrong_is_told_and_others_go_on():
    rows = []
    for i in range(40):
        ts = START + 30.0 * i
        rows += [load(ts, node=f"worker-{n}") for n in range(3)]
        rows.append(load(ts - 600.0, node="worker-3"))
    monitor = PlatformMonitor(WATCHED)
    (outcome,) = monitor.take(rows_of(rows, [row.ts + 600.0 for row in rows]))
    assert {refusal.reason for refusal in outcome.refusals} == {Reason.LATE}
    (alert,) = outcome.alerts
    assert (alert.detector, alert.channel) == ("quality.refused", "worker-3")
    assert "600 s behind" in alert.summary
    assert monitor.features("prod")[1]["windows"] >= 18


def test_what_is_from_the_future_is_refused():
    monitor = PlatformMonitor(WATCHED)
    rows = [load(START), load(START + 90_000.0), query("q", START + 90_000.0), query("q", START + 1.0)]
    (outcome,) = monitor.take(rows_of(rows, [START, START, START, START]))
    assert [refusal.reason for refusal in outcome.refusals] == [Reason.TIMESTAMP, Reason.TIMESTAMP]
    assert monitor.features("prod")[1]["queries"] == 1


def test_a_platform_that_was_away_for_long_starts_cold():
    stream = PlatformStream(warmup=192, source_ttl=3600.0)
    monitor = PlatformMonitor(stream)
    rows = [load(START + 30.0 * i) for i in range(20)] + [load(START + 90_000.0 + 30.0 * i) for i in range(4)]
    (outcome,) = monitor.take(rows_of(rows))
    assert not outcome.refusals
    assert monitor.features("prod")[1]["samples"] == 4


def test_series_that_are_gone_give_their_slots_to_others():
    monitor = PlatformMonitor(PlatformStream(warmup=192, window=3600.0, max_series=5))
    rows = []
    for hour in range(100):
        names = [f"pod-{hour // 30}-{i}" for i in range(2)]
        rows += [load(START + 1800.0 * (2 * hour + half), node=name) for half in range(2) for name in names]
    (outcome,) = monitor.take(rows_of(rows))
    assert not outcome.refusals
    features = monitor.features("prod")[1]
    assert features["nodes"] == 4
    assert features["series"] == 4


def test_single_wrong_times_spoil_nothing():
    good = [load(START + 15.0 * i, node=f"worker-{i % 3}") for i in range(400)]
    rows = list(good)
    rows.insert(200, load(START + 15.0 * 200 + 250.0, node="worker-1", name="node_memory_MemAvailable_bytes"))
    one, other = PlatformMonitor(WATCHED), PlatformMonitor(WATCHED)
    one.take(rows_of(good))
    (outcome,) = other.take(rows_of(rows))
    assert [refusal.reason for refusal in outcome.refusals] == [Reason.TIMESTAMP]
    assert other.features("prod")[1]["windows"] >= one.features("prod")[1]["windows"] - 1


@pytest.mark.parametrize("part", ["intake", "detection", "alerts"])
def test_a_damaged_state_is_refused_by_name(part):
    _, state, _ = whole()
    damaged = unpack_state(state, "test") | {part: {"version": 1}}
    with pytest.raises(StateError, match="prod"):
        PlatformMonitor(WATCHED).restore("prod", damaged)


def test_a_platform_of_which_only_a_change_was_told_is_stored():
    monitor = PlatformMonitor(WATCHED)
    monitor.take(rows_of([PlatformChange("prod", START, "deployment", "worker image", "475", ())]))
    state = pack_state(monitor.state("prod"))
    again = PlatformMonitor(WATCHED)
    again.restore("prod", unpack_state(state, "here"))
    assert pack_state(again.state("prod")) == state
    moved = [
        PlatformChange("prod", START + 600.0 * i, "deployment", "worker image", "475", ()) for i in range(3)
    ]
    again.take(rows_of(moved))
    assert again.windows_of("prod") >= 0
