"""Alerts that go on and become critical."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.signals import Signal
from stream_app.events import AlertState, LogId, Severity
from stream_app.monitors.alert_tracker import AlertRules, AlertTracker
from stream_app.store import pack_state, unpack_state

BAND = (("mean_before", 5.0), ("mean_after", 6.5), ("usual_low", 4.0), ("usual_high", 6.0))


class Batch:
    """Rows of one source, with all values of its channel so far."""

    source = "pump"

    def __init__(self, first, ts, values):
        self.first = first
        self.ts = ts[first:]
        self.offsets = np.arange(first, len(ts))
        self.past = ts, values

    def course(self, channel, row):
        until = self.first + row + 1
        return self.past[0][:until][-20:], self.past[1][:until][-20:]


def signal(row, ts, *, kind="anomaly", ended=False, context=BAND):
    return Signal(
        row=row, ts=ts, kind=kind, detector=kind, channel="flow", statistic=9.0, threshold=5.0, ended=ended, context=context,
    )  # fmt: skip


def told(signals, ts, values, cuts=(), *, restart=False):
    """Alerts of rows in batches that end at the cuts; the tracker may be replaced by its restored state in between."""
    rules, alerts = AlertRules("pumps"), []
    tracker, ends = AlertTracker(rules), sorted({cut for cut in cuts if 0 < cut < len(ts)})
    for begin, end in zip([0, *ends], [*ends, len(ts)], strict=True):
        mine = [(s.kind, s.at_row(s.row - begin)) for s in signals if begin <= s.row < end]
        alerts += tracker.update(mine, Batch(begin, ts[:end], values[:end]), LogId(0))
        if restart:
            stored = unpack_state(pack_state(tracker.state()), "a test")
            tracker = AlertTracker(rules)
            tracker.restore(stored)
    return alerts


def test_an_anomaly_that_grows_becomes_critical_once_and_its_incident_too():
    ts = 1000.0 + 10.0 * np.arange(100)
    values = np.where(np.arange(100) < 40, 6.5, 30.0)
    began, grown, ended = told([signal(5, 1050.0), signal(90, 1900.0, ended=True)], ts, values)
    assert (began.severity, began.case.severity, began.transition) == ("warning", "warning", "firing")
    assert (grown.severity, grown.state, grown.transition) == ("critical", AlertState.FIRING, "escalated")
    # Looked at after one, two, four and eight minutes; after eight, the newest rows are far out.
    assert (grown.escalated_at, grown.escalated_offset) == (1530.0, 53)
    assert grown.id == began.id != grown.to_cloudevent()["id"]
    assert (grown.case.severity, grown.case.alerts, grown.case.summary) == ("critical", 1, grown.summary)
    assert grown.summary != began.summary
    assert (ended.severity, ended.transition, ended.escalated_at) == ("critical", "resolved", 1530.0)


@pytest.mark.parametrize("kind", ["quality", "performance", "anomaly"])
def test_what_lasts_for_a_day_becomes_critical(kind):
    ts = 1000.0 + 3600.0 * np.arange(30)
    alerts = told([signal(1, ts[1], kind=kind, context=())], ts, np.full(30, 5.0))
    assert [(alert.transition, alert.severity, alert.changed_offset) for alert in alerts] == [
        ("firing", Severity.WARNING, 1),
        ("escalated", Severity.CRITICAL, 25),
    ]
    assert alerts[0].summary == alerts[1].summary


def test_an_end_after_a_long_silence_makes_nothing_critical():
    ts = np.array([1000.0, 2000.0, 2e6, 2e6 + 1])
    alerts = told(
        [signal(1, 2000.0, context=()), signal(2, 2e6, ended=True, context=())], ts, np.full(4, 5.0)
    )
    assert [(alert.transition, alert.severity) for alert in alerts] == [
        ("firing", Severity.WARNING),
        ("resolved", Severity.WARNING),
    ]


def test_a_moment_becomes_critical_by_a_larger_signal_and_not_by_time():
    ts = 1000.0 + np.arange(100.0)
    figures = dict(BAND)
    larger = tuple((figures | {"mean_after": 90.0}).items())
    first, second = (
        signal(3, 1003.0, kind="drift"),
        signal(50, 1050.0, kind="drift", context=larger),
    )
    alerts = told([first, second], ts, np.full(100, 90.0))
    assert [(alert.transition, alert.changed_offset, alert.severity) for alert in alerts] == [
        ("firing", 3, "warning"),
        ("escalated", 50, "critical"),
    ]
    assert alerts[1].context["mean_after"] == 90.0


@given(
    marks=st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["anomaly", "quality"]), st.booleans()), max_size=8
    ),
    values=st.lists(st.sampled_from([5.0, 6.5, 30.0, math.nan]), min_size=10, max_size=10),
    seconds=st.sampled_from([1.0, 60.0, 7200.0]),
    cuts=st.sets(st.integers(1, 99), max_size=8),
)
@settings(max_examples=60)
def test_it_does_not_depend_on_batches_and_restarts(marks, values, seconds, cuts):
    ts = 1000.0 + seconds * np.arange(100)
    rows = np.repeat(values, 10)
    signals = [
        signal(row, float(ts[row]), kind=kind, ended=ended, context=BAND if kind == "anomaly" else ())
        for row, kind, ended in sorted(marks)
    ]
    whole = told(signals, ts, rows)
    assert len({(alert.id, alert.transition) for alert in whole}) == len(whole)
    for restart in (False, True):
        assert told(signals, ts, rows, cuts, restart=restart) == whole
