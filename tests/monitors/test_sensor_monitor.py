"""The sensor monitor as a whole: the same alerts, scores and states however its events come."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.errors import StateError
from stream_app.events import AlertState, SensorRow
from stream_app.monitors.sensors import ExtraDetector, SensorConfig, SensorMonitor
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings, run_monitor

NAMES = ("flow", "pressure", "power", "level")
ROWS = 3000
START = 1_700_000_000.0
EXTRAS = (
    ExtraDetector("adwin"),
    ExtraDetector("kswin", every=10, channels=("flow",)),
    ExtraDetector("ks", consecutive=3),
    ExtraDetector("river.drift.PageHinkley", {"threshold": 20.0}, alert=False),
)
LEARNED = SensorConfig(budget="1 per 2000 events", extra=EXTRAS)
DECLARED = SensorConfig(
    channels=NAMES, budget="1 per 1000 events", warmup=200, limits={"flow": (-20.0, 20.0)}, extra=EXTRAS[:1]
)


def eventful(seed, rows=ROWS):
    """Two pumps' worth of trouble: shifts, spikes, gaps, stuck sensors, late channels and nulls."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, len(NAMES)))
    x[:, 1] = np.round(x[:, 1] * 4) / 4
    x[:, 2] += np.cumsum(rng.normal(scale=0.02, size=rows))
    x[1300:1450, 0] += 8.0
    x[1500:1600, 2] = x[1499, 2]
    x[2000:, 1] += 3.0
    x[rng.random(x.shape) < 0.01] = np.nan
    x[1700:1850, 2] = np.nan
    x[rng.integers(rows, size=3), 0] = 1e300
    x[:900, 3] = np.nan
    return x


def events_of(x, *, learned=True, source="pump-1"):
    """Events in which a channel that has not come yet is absent rather than null."""
    first = [int(np.flatnonzero(np.isfinite(column))[0]) for column in x.T]
    rows = readings(x, NAMES, source=source)
    if not learned:
        return rows
    return [
        SensorRow(row.source, row.ts, {name: row.values[name] for name, at in zip(NAMES, first, strict=True) if i >= at})
        for i, row in enumerate(rows)
    ]  # fmt: skip


STREAMS = {"learned": (LEARNED, events_of(eventful(1))), "declared": (DECLARED, events_of(eventful(2), learned=False))}  # fmt: skip


def told(run):
    return [alert.model_dump_json() for alert in run.alerts]


def scores_of(run):
    return np.array([run.scores.score, run.scores.anomaly, run.scores.changepoint, run.scores.drift])


def packed(monitor):
    return {source: pack_state(monitor.state(source)) for source in monitor.sources()}


@pytest.fixture(scope="module", params=STREAMS)
def stream(request):
    config, events = STREAMS[request.param]
    return config, events, run_monitor(events, config)


def in_pieces(config, events, cuts, *, restart):
    """Run in deliveries that end at the cuts; after each the monitor may be replaced by its restored state."""
    monitor, alerts, scores = SensorMonitor(config), [], []
    for begin, end in pairwise([0, *sorted(cuts), len(events)]):
        if begin == end:
            continue
        run = run_monitor(events[begin:end], config, monitor=monitor)
        alerts += run.alerts
        scores.append(scores_of(run))
        if restart:
            states = packed(monitor)
            monitor = SensorMonitor(config)
            for source, state in states.items():
                monitor.restore(source, unpack_state(state, source))
    return alerts, np.concatenate(scores, axis=1), monitor


def without_offsets(alert):
    """Alerts of deliveries count their offsets from the delivery's first event; identity follows the offset."""
    kept = alert.model_dump(exclude={"id", "offset", "end_offset"})
    return kept | {"id": (alert.detector, alert.channel, alert.started_at)}


cuts = st.sets(st.integers(0, ROWS) | st.integers(0, 60) | st.integers(1290, 1320), max_size=12)
fewer = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(cuts=cuts)
@fewer
def test_batch_borders_do_not_matter(stream, cuts):
    config, events, whole = stream
    alerts, scores, _ = in_pieces(config, events, cuts, restart=False)
    assert [without_offsets(a) for a in alerts] == [without_offsets(a) for a in whole.alerts]
    assert np.array_equal(scores, scores_of(whole))


@given(cuts=cuts)
@fewer
def test_a_restored_monitor_goes_on_as_if_it_had_never_stopped(stream, cuts):
    config, events, whole = stream
    alerts, scores, _ = in_pieces(config, events, cuts, restart=True)
    assert [without_offsets(a) for a in alerts] == [without_offsets(a) for a in whole.alerts]
    assert np.array_equal(scores, scores_of(whole))


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 7, 250])
def test_alerts_states_and_features_are_the_same_in_any_batch(stream, batch):
    config, events, whole = stream
    pieces = run_monitor(events, config, batch=batch)
    assert told(pieces) == told(whole)
    assert packed(pieces.monitor) == packed(whole.monitor)
    assert pieces.monitor.features("pump-1") == whole.monitor.features("pump-1")


def test_the_alert_stream_is_deterministic(stream):
    config, events, whole = stream
    again = run_monitor(events, config)
    assert told(again) == told(whole)
    assert packed(again.monitor) == packed(whole.monitor)


def test_the_streams_of_these_tests_raise_alerts_of_every_kind(stream):
    assert {alert.kind for alert in stream[2].alerts} >= {"anomaly", "drift", "quality"}


def test_sources_do_not_disturb_each_other():
    ours, theirs = events_of(eventful(1)), events_of(eventful(5), source="pump-2")
    mixed = run_monitor([row for pair in zip(ours, theirs, strict=True) for row in pair], LEARNED)
    alone = run_monitor(ours, LEARNED)
    mine = [without_offsets(a) for a in mixed.alerts if a.source == "pump-1"]
    assert mine == [without_offsets(a) for a in alone.alerts]


def test_alerts_have_identity_and_every_end_its_beginning(stream):
    alerts = stream[2].alerts
    begun = {a.id: a for a in alerts if a.state is AlertState.FIRING}
    ended = [a for a in alerts if a.state is AlertState.RESOLVED]
    assert len(begun) == len(alerts) - len(ended)
    assert len({a.id for a in ended}) == len(ended)
    assert ended
    for end in ended:
        begin = begun[end.id]
        assert begin.started_at == end.started_at <= end.ended_at
        assert begin.offset == end.offset <= end.end_offset
        assert (begin.kind, begin.detector, begin.channel) == (end.kind, end.detector, end.channel)


def test_contributions_are_shares_of_known_channels(stream):
    blamed = [alert.contributions for alert in stream[2].alerts if alert.contributions]
    assert blamed
    for contributions in blamed:
        assert math.isclose(sum(share for _, share in contributions), 1.0, abs_tol=1e-9)
        assert all(0.0 <= share <= 1.0 for _, share in contributions)
        assert {channel for channel, _ in contributions} <= set(NAMES)


def test_an_alert_names_the_channel_that_moved():
    x = np.random.default_rng(3).normal(size=(6000, 4))
    x[5000:5200, 2] += 9.0
    run = run_monitor(readings(x, NAMES), SensorConfig(budget="1 per 5000 events"))
    anomaly = next(alert for alert in run.alerts if alert.kind == "anomaly")
    assert 5000 <= anomaly.offset <= 5010
    assert anomaly.contributions[0][0] == "power"
    assert "power" in anomaly.summary
    assert anomaly.statistic >= anomaly.threshold


def test_a_state_of_another_version_is_refused_by_name():
    monitor = run_monitor(events_of(eventful(1))[:50], LEARNED).monitor
    state = monitor.state("pump-1") | {"version": 99}
    with pytest.raises(StateError, match="pump-1"):
        monitor.restore("pump-1", state)
