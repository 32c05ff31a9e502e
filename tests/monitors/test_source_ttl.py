"""A source that comes back after its time to live starts cold, by its own event times only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_runs import packed, run

from stream_app.events import AlertState, SensorRow
from stream_app.settings import DetectorSettings, SensorStream

CHANNELS = ("flow", "power")
CONFIG = SensorStream(
    expected_sources=2, channels={"flow": {"min": 0.0, "max": 50.0}, "power": {}}, warmup=40, source_ttl=1000.0, lateness=100.0, max_future=500.0,
    resolve_after=20.0, cooldown=10.0,
    detectors=(DetectorSettings(name="page_hinkley", parameters={"min_instances": 5, "threshold": 20.0}), DetectorSettings(name="ks", parameters={"window": 10, "learn": 20, "min_values": 5, "alpha": 0.01})),
)  # fmt: skip


def rows_of(readings):
    return [
        SensorRow(source, ts, dict(zip(CHANNELS, values, strict=True))) for source, ts, _, values in readings
    ]


def monitored(readings, cuts=(), **options):
    return run(CONFIG, rows_of(readings), cuts, record_ts=[each[2] for each in readings], **options)


def since_the_last_cold_start(readings):
    """Event by event."""
    newest, kept = {}, {}
    for reading in readings:
        source, ts, record_ts, _ = reading
        if ts <= record_ts + CONFIG.max_future:
            if ts - newest.get(source, ts) > CONFIG.source_ttl:
                del newest[source], kept[source]
            newest[source] = max(newest.get(source, ts), ts)
        kept.setdefault(source, []).append(reading)
    return [reading for reading in readings if any(reading is each for each in kept[reading[0]])]


steps = st.tuples(
    st.sampled_from("aab"),
    st.sampled_from([0.0, 1.0, 1.0, 1.0, 5.0, 999.0, 1000.0, 1001.0, 5000.0, -50.0, -2000.0]),
    st.booleans(),
    st.sampled_from([(1.0, 2.0), (2.0, None), (99.0, 1.0), (None, 1.0)]),
    st.integers(1, 12),
)


@st.composite
def streams(draw):
    now, readings = 1_600_000_000.0, []
    for source, step, honest, values, times in draw(st.lists(steps, min_size=1, max_size=25)):
        now += step
        for _ in range(times):
            now += 1.0
            # Its record says either much the same time, or one that makes the reading one from the future.
            readings.append((source, now, now + 1.0 if honest else now - 600.0, values))
    return readings


@given(streams(), st.sets(st.integers(1, 200), max_size=8))
@settings(max_examples=60)
def test_it_starts_cold_where_a_run_event_by_event_does(readings, cuts):
    whole, fresh = monitored(readings), monitored(since_the_last_cold_start(readings))
    assert packed(whole.monitor).keys() == packed(fresh.monitor).keys()
    for source in whole.monitor.sources():
        ours, theirs = whole.monitor.state(source), fresh.monitor.state(source)
        assert ours["record"] == theirs["record"]
        assert packed_extras(ours) == packed_extras(theirs)
    for restart in (False, True):
        cut = monitored(readings, cuts, restart=restart)
        assert cut.said() == whole.said()
        assert packed(cut.monitor) == packed(whole.monitor)


def packed_extras(state):
    return repr(state["extras"])


@given(streams(), st.sets(st.integers(1, 200), max_size=8))
@settings(max_examples=60)
def test_alerts_from_before_the_absence_end(readings, cuts):
    told = monitored(readings).alerts
    assert monitored(readings, cuts).alerts == told
    kept = since_the_last_cold_start(readings)
    ends = {alert.id: alert for alert in told if alert.state is AlertState.RESOLVED}
    for source in {reading[0] for reading in readings}:
        cold = next(
            i
            for i, reading in enumerate(readings)
            if reading[0] == source and any(reading is each for each in kept)
        )
        for alert in told:
            if alert.source == source and alert.offset < cold:
                end = ends[alert.id]
                assert alert.offset <= end.end_offset <= cold
                assert alert.started_at <= end.ended_at


def test_signals_of_extra_detectors_before_an_absence_are_told_at_their_rows_and_end():
    """Also where a delivery holds both sides of it."""
    x = np.random.default_rng(0).normal(size=200)
    x[100:] += 50.0
    readings = [("a", float(i), float(i), (value, 0.0)) for i, value in enumerate(x.tolist())]
    readings += [("a", 5000.0 + i, 5000.0 + i, (0.0, 0.0)) for i in range(30)]
    done = monitored(readings)
    assert done.said() == monitored(readings, range(0, len(readings), 7)).said()
    began = [alert for alert in done.alerts if alert.detector == "ks" and alert.state is AlertState.FIRING]
    ended = {alert.id: alert for alert in done.alerts if alert.state is AlertState.RESOLVED}
    assert [alert.offset for alert in began if 100 <= alert.offset < 200] == [alert.offset for alert in began]
    assert began
    assert {(ended[alert.id].ended_at, ended[alert.id].end_offset) for alert in began} == {(199.0, 200)}


def test_the_end_is_when_the_source_was_seen_last():
    readings = [("a", float(i), float(i), (99.0 if i >= 5 else 1.0, 1.0)) for i in range(10)]
    readings += [("a", 5000.0, 5000.0, (1.0, 1.0))]
    began, ended = (alert for alert in monitored(readings).alerts if alert.kind == "quality")
    assert (began.detector, began.state, began.offset) == ("quality.range", AlertState.FIRING, 7)
    assert (ended.id, ended.state) == (began.id, AlertState.RESOLVED)
    assert (ended.ended_at, ended.end_offset) == (9.0, 10)


@pytest.mark.parametrize(("gap", "events"), [(1000.0, 100), (1001.0, 50)])
def test_the_last_of_a_gap_is_counted_and_the_next_is_the_first(gap, events):
    times = [float(i) for i in range(50)] + [49.0 + gap + i for i in range(50)]
    done = monitored([("a", ts, ts, (float(i), 1.0)) for i, ts in enumerate(times)])
    assert done.monitor.features("a")[1]["events"] == events
    assert (done.refusals, done.counted) == ([], {"a": 99})


def test_a_reading_from_the_future_starts_nothing_anew():
    readings = [("a", float(i), float(i), (1.0 + i % 3, 1.0)) for i in range(20)]
    readings.insert(10, ("a", 9_000.0, 10.0, (1.0, 1.0)))
    done = monitored(readings)
    assert done.monitor.features("a")[1]["events"] == 20
    assert [refusal.offset for refusal in done.refusals] == [10]


def test_another_source_does_not_mind():
    absent = [("a", 1.0, 1.0, (1.0, 1.0)), ("a", 9000.0, 9000.0, (1.0, 1.0))]
    steady = [("b", float(ts), float(ts), (1.0, 1.0)) for ts in range(0, 9000, 900)]
    done = monitored([absent[0], *steady, absent[1]])
    assert [done.monitor.features(source)[1]["events"] for source in "ab"] == [1, 10]
