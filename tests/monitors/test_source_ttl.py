"""A source that comes back after its time to live starts cold, by its own event times only."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events import AlertState, SensorRow
from stream_app.monitors.sensors import Arrivals, SensorConfig, SensorMonitor
from stream_app.store import pack_state

CONFIG = SensorConfig(
    warmup=40, source_ttl=1000.0, lateness=100.0, max_future=500.0, limits={"flow": (0.0, 50.0)}
)


def monitored(rows, cuts=(), config=CONFIG):
    """Run (ts, record_ts, values) in deliveries that end at the cuts."""
    monitor, outcomes = SensorMonitor(config), []
    for begin, end in pairwise([0, *sorted(cuts), len(rows)]):
        part = rows[begin:end]
        arrivals = Arrivals(
            [SensorRow("pump", ts, values) for ts, _, values in part],
            list(range(begin, end)),
            [record_ts for _, record_ts, _ in part],
        )
        outcomes.append(monitor.update("pump", arrivals))
    return monitor, outcomes


def naive(rows):
    """Events since the last cold start, event by event."""
    newest, events = None, []
    for ts, record_ts, values in rows:
        if ts <= record_ts + CONFIG.max_future:
            if newest is not None and ts - newest > CONFIG.source_ttl:
                newest, events = None, []
            newest = ts if newest is None else max(newest, ts)
        events.append((ts, record_ts, values))
    return events


steps = st.tuples(
    st.sampled_from([0.0, 1.0, 5.0, 999.0, 1000.0, 1001.0, 5000.0, -50.0, -2000.0]),
    st.booleans(),
    st.sampled_from([{"flow": 1.0}, {"flow": 2.0, "power": 1.0}, {"flow": 99.0}, {"power": None}]),
)


def rows_of(drawn):
    now, rows = 1_600_000_000.0, []
    for step, honest, values in drawn:
        now += step
        # Its record says either much the same time, or one that makes the reading one from the future.
        rows.append((now, now + 1.0 if honest else now - 600.0, values))
    return rows


@given(st.lists(steps, min_size=1, max_size=80), st.sets(st.integers(1, 79)))
@settings(max_examples=150, deadline=None)
def test_it_starts_cold_where_a_run_event_by_event_does(drawn, cuts):
    rows = rows_of(drawn)
    cuts = {cut for cut in cuts if cut < len(rows)}
    cut, _ = monitored(rows, cuts)
    whole, outcomes = monitored(rows)
    fresh, _ = monitored(naive(rows))
    assert pack_state(cut.state("pump")) == pack_state(whole.state("pump")) == pack_state(fresh.state("pump"))
    counted = [len(outcome.batch) for outcome in outcomes if outcome.batch is not None]
    refused = sum(len(outcome.refusals) for outcome in outcomes)
    assert sum(counted) + refused == len(rows)


@given(st.lists(steps, min_size=1, max_size=80), st.sets(st.integers(1, 79)))
@settings(max_examples=150, deadline=None)
def test_alerts_from_before_the_absence_end(drawn, cuts):
    rows = rows_of(drawn)
    told, split = (
        [alert for outcome in monitored(rows, some)[1] for alert in outcome.alerts]
        for some in ((), {cut for cut in cuts if cut < len(rows)})
    )
    assert split == told
    cold = len(rows) - len(naive(rows))
    ends = {alert.id: alert for alert in told if alert.state is AlertState.RESOLVED}
    for alert in told:
        if alert.offset < cold:
            end = ends[alert.id]
            assert alert.offset <= end.end_offset <= cold
            assert alert.started_at <= end.ended_at


def test_the_end_is_when_the_source_was_seen_last():
    rows = [(float(i), float(i), {"flow": 99.0 if i >= 5 else 1.0}) for i in range(10)]
    rows += [(5000.0, 5000.0, {"flow": 1.0})]
    _, (outcome,) = monitored(rows)
    began, ended = outcome.alerts
    assert (began.detector, began.state, began.offset) == ("quality.range", AlertState.FIRING, 7)
    assert (ended.id, ended.state) == (began.id, AlertState.RESOLVED)
    assert (ended.ended_at, ended.end_offset) == (9.0, 10)


@pytest.mark.parametrize(("gap", "events"), [(1000.0, 100), (1001.0, 50)])
def test_the_last_of_a_gap_is_counted_and_the_next_is_the_first(gap, events):
    x = np.random.default_rng(0).normal(size=100).tolist()
    times = [float(i) for i in range(50)] + [49.0 + gap + i for i in range(50)]
    monitor, (outcome,) = monitored([(ts, ts, {"flow": v}) for ts, v in zip(times, x, strict=True)])
    assert monitor.features("pump")[1]["events"] == events
    assert outcome.batch.offsets.tolist() == list(range(100))
    assert outcome.batch.values[:, 0].tolist() == x
    assert len(outcome.scores.score) == 100


def test_a_reading_from_the_future_starts_nothing_anew():
    rows = [(float(i), float(i), {"flow": 1.0 + i % 3}) for i in range(20)]
    rows.insert(10, (9_000.0, 10.0, {"flow": 1.0}))
    monitor, (outcome,) = monitored(rows)
    assert monitor.features("pump")[1]["events"] == 20
    assert [refusal.offset for refusal in outcome.refusals] == [10]
