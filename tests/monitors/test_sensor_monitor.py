"""The sensor monitor as a whole: the same alerts, scores and states however its events come."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensor_runs import packed, run

from stream_app.events import AlertState, LogId, Readings, SensorRow
from stream_app.monitors.sensors import EventScores, SensorMonitor
from stream_app.settings import DetectorSettings, SensorStream
from stream_app.testing import readings, run_monitor

NAMES = ("flow", "pressure", "power", "level")
ROWS = 3000
START = 1_700_000_000.0
EXTRAS = (
    DetectorSettings(name="adwin"),
    DetectorSettings(name="kswin", every=10, channels=("flow",)),
    DetectorSettings(name="ks", consecutive=3),
    DetectorSettings(name="river.drift.PageHinkley", parameters={"threshold": 20.0}, alert=False),
)
LEARNED = SensorStream(budget="1 per 2000 events", detectors=EXTRAS)
DECLARED = SensorStream(
    channels={name: {} for name in NAMES} | {"flow": {"min": -20.0, "max": 20.0}},
    budget="1 per 1000 events",
    warmup=200,
    detectors=EXTRAS[:1],
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


@pytest.fixture(scope="module", params=STREAMS)
def stream(request):
    config, events = STREAMS[request.param]
    return config, events, run(config, events)


cuts = st.sets(st.integers(0, ROWS) | st.integers(0, 60) | st.integers(1290, 1320), max_size=12)


@given(cuts=cuts, restart=st.booleans())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_batch_borders_nor_restarts_matter(stream, cuts, restart):
    config, events, whole = stream
    pieces = run(config, events, cuts, restart=restart)
    assert pieces.said() == whole.said()
    assert packed(pieces.monitor) == packed(whole.monitor)


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 7, 250])
def test_alerts_states_and_features_are_the_same_in_any_batch(stream, batch):
    config, events, whole = stream
    pieces = run(config, events, range(0, ROWS, batch))
    assert pieces.said() == whole.said()
    assert packed(pieces.monitor) == packed(whole.monitor)
    assert pieces.monitor.features("pump-1") == whole.monitor.features("pump-1")


def test_the_alert_stream_is_deterministic(stream):
    config, events, whole = stream
    again = run(config, events)
    assert again.said() == whole.said()
    assert packed(again.monitor) == packed(whole.monitor)


def test_a_delivery_of_any_sources_says_what_each_source_alone_says():
    """Sources that come and go, with channels of their own; alerts in the order of their events."""
    streams = [
        events_of(eventful(seed, 1500), source=f"pump-{seed}", learned=seed % 2 == 0) for seed in range(4)
    ]
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(4), 1500))
    places = {seed: iter(stream) for seed, stream in enumerate(streams)}
    mixed = [next(places[seed]) for seed in order.tolist()]
    together = run(LEARNED, mixed, range(0, len(mixed), 640))
    offsets = [
        alert.offset if alert.state is AlertState.FIRING else alert.end_offset for alert in together.alerts
    ]
    assert offsets == sorted(offsets)
    for seed, events in enumerate(streams):
        alone, name = run(LEARNED, events), f"pump-{seed}"
        mine = np.flatnonzero(order == seed)
        ours = [alert for alert in together.alerts if alert.source == name]
        assert [
            (int(mine[alert.offset]), alert.statistic, alert.state, alert.summary) for alert in alone.alerts
        ] == [(alert.offset, alert.statistic, alert.state, alert.summary) for alert in ours]
        assert together.monitor.state(name)["record"] == alone.monitor.state(name)["record"]
        scores = EventScores.joined(together.scores).score[mine]
        assert np.array_equal(scores, EventScores.joined(alone.scores).score)


def test_partitions_tell_their_alerts_apart():
    ids = set()
    for partition in (0, 1):
        monitor = SensorMonitor(LEARNED)
        alerts = monitor.update(Readings.of(STREAMS["learned"][1]), LogId(partition)).alerts
        assert {alert.partition for alert in alerts} == {partition}
        ids |= {alert.id for alert in alerts}
    assert len(ids) == 2 * len({alert.id for alert in alerts})


def test_an_empty_delivery_changes_nothing():
    outcome = SensorMonitor(LEARNED).update(Readings.of([]))
    assert (outcome.counted, outcome.refusals, outcome.alerts, len(outcome.scores.score)) == ({}, [], [], 0)


def test_the_streams_of_these_tests_raise_alerts_of_every_kind(stream):
    assert {alert.kind for alert in stream[2].alerts} >= {"anomaly", "drift", "quality"}


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
    done = run_monitor(readings(x, NAMES), SensorStream(budget="1 per 5000 events"))
    anomaly = next(alert for alert in done.alerts if alert.kind == "anomaly")
    assert 5000 <= anomaly.offset <= 5010
    assert anomaly.contributions[0][0] == "power"
    assert "power" in anomaly.summary
    assert anomaly.statistic >= anomaly.threshold
