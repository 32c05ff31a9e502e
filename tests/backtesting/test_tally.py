"""The figures of a source against a model that has all rows at hand."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_app.backtesting import ChangeWindow, SourcePart, SourceTally, measure
from stream_app.events import Alert, AlertState, Severity
from stream_app.monitors.sensors import EventScores

N = 120
flags = st.lists(st.booleans(), min_size=N, max_size=N).map(np.array)
# Long runs, as truth and detections have them.
runs = st.lists(st.integers(1, 40), min_size=1, max_size=20).map(
    lambda lengths: np.resize(np.repeat(np.arange(len(lengths)) % 2 == 1, lengths), N)
)


def alert(row, kind):
    return Alert(
        id=f"{row}", stream="s", source="a", kind=kind, detector="d", channel="x", state=AlertState.FIRING,
        severity=Severity.WARNING, started_at=10.0 * row, partition=0, offset=row, statistic=1.0, threshold=0.5, summary="",
    )  # fmt: skip


def tallied(warmup, cuts, *, said, beginnings=(), anomaly=None, changes=None, found=None):
    tally = SourceTally(warmup, window=ChangeWindow(length=60.0))
    ts = 10.0 * np.arange(N)
    nothing = np.zeros(N, dtype=bool)
    found = nothing if found is None else found
    edges = sorted({0, N, *cuts})
    for begin, end in pairwise(edges):
        rows = slice(begin, end)
        tally.update(
            SourcePart(
                "a",
                ts[rows],
                ("x",),
                np.zeros((end - begin, 1)),
                EventScores(np.zeros(end - begin), said[rows], found[rows], nothing[rows]),
                [(row - begin, alert(row, kind)) for row, kind in beginnings if begin <= row < end],
                {},
                None if anomaly is None else anomaly[rows],
                None if changes is None else changes[rows],
            )
        )
    return tally


@given(runs, runs, st.integers(0, 50), st.lists(st.integers(0, N), max_size=6))
def test_delays_run_from_the_onset_to_the_first_flag(truth, said, warmup, cuts):
    expected, onset = [], None
    for row in range(warmup, N):
        if not truth[row]:
            onset = None
            continue
        if onset is None:
            onset = row
            expected.append([10.0 * row, None])
        if said[row] and expected[-1][1] is None:
            expected[-1][1] = 10.0 * row
    tally = tallied(warmup, cuts, said=said, anomaly=truth)
    assert [[event.onset, event.detected] for event in tally.events()] == expected
    assert measure([tally]).delays.missed == sum(detected is None for _, detected in expected)


@given(runs, runs, st.integers(0, 50), st.lists(st.integers(0, N), max_size=6))
def test_rows_are_counted_after_the_warm_up(truth, said, warmup, cuts):
    figures = measure([tallied(warmup, cuts, said=said, anomaly=truth)])
    assert figures.anomalies.true_positive == int((truth & said)[warmup:].sum())
    assert figures.anomalies.false_positive == int((~truth & said)[warmup:].sum())
    assert figures.scored == N - warmup
    assert figures.normal == int((~truth[warmup:]).sum())


@given(runs, st.lists(st.integers(0, N - 1), max_size=5), st.integers(0, 50), st.integers(0, N - 1))
def test_an_alert_is_false_in_normal_rows_unless_the_process_just_changed(truth, begun, warmup, change):
    changes = np.arange(N) == change
    tally = tallied(
        warmup,
        (30, 70),
        said=np.zeros(N, dtype=bool),
        beginnings=[(row, "drift") for row in begun],
        anomaly=truth,
        changes=changes,
    )
    # Rows are ten seconds apart, so a change explains its own row and six more.
    explained = range(change, change + 7) if change >= warmup else ()
    expected = sum(row >= warmup and not truth[row] and row not in explained for row in begun)
    assert sum(measure([tally]).false_alarms.values()) == expected


def test_an_alert_without_a_flag_finds_an_event_too():
    truth = np.arange(N) >= 60
    tally = tallied(
        0, (), said=np.zeros(N, dtype=bool), beginnings=[(70, "quality"), (75, "drift")], anomaly=truth
    )
    figures = measure([tally])
    assert figures.delays.median == figures.alert_delays.median == 150.0


def test_a_marked_event_without_an_alert_is_not_alerted():
    truth = np.arange(N) >= 60
    figures = measure([tallied(0, (70,), said=np.arange(N) >= 65, beginnings=[(20, "drift")], anomaly=truth)])
    assert (figures.delays.missed, figures.delays.median) == (0, 50.0)
    assert (figures.alert_delays.missed, figures.alert_delays.median) == (1, None)


def test_quality_checks_are_counted_apart_from_the_budget():
    truth = np.arange(N) >= 60
    begun = [(20, "drift"), (30, "quality"), (40, "quality")]
    figures = measure([tallied(0, (), said=truth, beginnings=begun, anomaly=truth)])
    assert figures.false_alarms_per_100k == 3e5 / 60
    assert figures.budgeted_false_alarms_per_100k == 1e5 / 60


def test_changepoints_alone_are_events_too():
    changes, found = np.arange(N) == 50, np.arange(N) == 54
    none = np.zeros(N, dtype=bool)
    figures = measure([tallied(0, (52,), said=none, changes=changes, found=found)])
    assert (figures.delays.events, figures.delays.missed, figures.delays.median) == (1, 0, 40.0)
    late = measure([tallied(0, (52,), said=none, changes=changes, found=np.arange(N) == 57)])
    assert late.delays.missed == 1


def test_what_was_said_before_a_change_is_no_detection_of_it():
    changes, said = np.arange(N) == 50, np.arange(N) >= 40
    assert measure([tallied(0, (45,), said=said, changes=changes)]).delays.missed == 1


def test_without_truth_only_alerts_are_counted():
    figures = measure([tallied(10, (), said=np.zeros(N, dtype=bool), beginnings=[(20, "anomaly")])])
    assert figures.alerts == {"anomaly": 1}
    assert figures.alerts_per_100k == 1e5 / N
    told = figures.to_dict()
    assert [told[name] for name in ("f1", "far", "nab", "delay", "false_alarms")] == [None] * 5
