"""A model whose clock is wrong for a while is judged again as soon as it is right, and what is refused is told."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.watermark import (
    AGREEING,
    AHEAD,
    LATE,
    ON_TIME,
    RETURNED,
    fresh_watermark,
    watermark_step,
)
from stream_app.events import PredictionRow
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.monitors.predictions.clocks import follow, fresh_clocks, pack_clocks, unpack_clocks
from stream_app.settings.predictions import PredictionStream

HOUR, BEGIN = 3600.0, 1.7e9
CONFIG = PredictionStream(label_within=7200.0)


def predictions(ts):
    return [PredictionRow("m", at, f"e{i}", prediction="cat") for i, at in enumerate(ts)]


def judge(rows, record_ts, cuts=()):
    """Reasons of refusal with their numbers, alerts about them, and the monitor."""
    monitor = PredictionMonitor(CONFIG)
    refused, told = Counter(), []
    bounds = [0, *cuts, len(rows)]
    for first, last in pairwise(bounds):
        arrivals = Arrivals(rows[first:last], list(range(first, last)), record_ts[first:last])
        for outcome in monitor.take(arrivals) if last > first else ():
            refused.update(refusal.reason.value for refusal in outcome.refusals)
            told += [alert for alert in outcome.alerts if alert.detector == "quality.refused"]
        if monitor.sources():
            state = monitor.state("m")
            monitor = PredictionMonitor(CONFIG)
            monitor.restore("m", state)
    return refused, [(alert.state.value, alert.changed_offset) for alert in told], monitor


def shifted(seconds, begin, end, count=3000):
    ts = BEGIN + np.arange(count, dtype=float)
    live = (ts + 0.25).tolist()
    ts[begin:end] += seconds
    return ts.tolist(), live


def test_one_prediction_hours_ahead_costs_itself():
    ts, live = shifted(20 * HOUR, 300, 301)
    refused, told, _ = judge(predictions(ts), live)
    assert (refused, told) == ({"timestamp": 1}, [])


def test_a_prediction_or_label_hours_ahead_gives_no_waiting_one_up():
    rows = predictions([BEGIN + i for i in range(100)])
    rows += [PredictionRow("m", BEGIN + 20 * HOUR, "e0", label="cat")]
    rows += [PredictionRow("m", BEGIN + 20 * HOUR, "x", prediction="cat")]
    rows += [PredictionRow("m", BEGIN + 100 + i, f"e{i}", label="cat") for i in range(1, 100)]
    live = [min(row.ts, BEGIN + 200) for row in rows]
    refused, _, monitor = judge(rows, live)
    _, features = monitor.features("m")
    assert refused == {"timestamp": 1}
    # The label that is ahead costs itself.
    assert (features["labelled"], features["missing_labels"]) == (99, 0)


def test_an_hour_that_is_sent_twice_is_refused_and_told_until_it_is_over():
    ts, live = shifted(-HOUR, 1000, 2800)
    refused, told, _ = judge(predictions(ts), live)
    assert refused == {"late": 1800}
    assert told == [("firing", 1031), ("resolved", 2800)]


def test_wherever_deliveries_end_the_same_is_refused_and_told():
    ts, live = shifted(-HOUR, 1000, 1800)
    rows = predictions(ts)
    rows[1200:1210] = [PredictionRow("m", row.ts, row.id, label="cat") for row in rows[1200:1210]]
    cuts = [*range(990, 1100, 7), 1203, 1799, 1800]
    assert judge(rows, live)[:2] == judge(rows, live, cuts)[:2]


def test_labels_end_no_alert_about_predictions():
    ts, live = shifted(-HOUR, 1000, 1100, count=1100)
    rows = predictions(ts) + [PredictionRow("m", BEGIN + 1100, f"e{i}", label="cat") for i in range(10)]
    _, told, _ = judge(rows, live + [BEGIN + 1100.0] * 10)
    assert told == [("firing", 1031)]


def test_the_alert_says_how_far_the_predictions_are_behind():
    ts, live = shifted(-HOUR, 100, 140, count=140)
    (outcome,) = PredictionMonitor(CONFIG).take(Arrivals(predictions(ts), list(range(140)), live))
    (alert,) = outcome.alerts
    assert (alert.kind, alert.statistic, alert.started_at) == ("quality", 32.0, BEGIN + 99)
    assert "32 events in a row refused for their times, the last 59 min 28 s older" in alert.summary


def naive_time(clocks):
    predicted, labelled = (clocks[only_label][0] for only_label in (False, True))
    if math.isfinite(predicted["newest"]) and labelled["supporting"] < AGREEING:
        return predicted["newest"]
    return max(predicted["newest"], labelled["newest"])


def naive(lateness, absence, events):
    """What becomes of each event, by two clocks that are stepped one event after the other."""
    clocks, codes, times = {False: fresh_watermark()[None], True: fresh_watermark()[None]}, [], []
    for ts, record_ts, only_label in events:
        time = naive_time(clocks)
        code = watermark_step.py_func(clocks[only_label][0], lateness, math.inf, ts, record_ts)
        if code == ON_TIME and math.isfinite(time) and ts - time > absence:
            return [*codes, RETURNED], times
        codes.append(ON_TIME if only_label else code)
        times.append(naive_time(clocks))
    return codes, times


EVENTS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 300), st.sampled_from([5000, 5001, 72_000, 72_010])).map(float),
        st.one_of(st.integers(0, 300).map(float), st.just(math.inf), st.just(6000.0)),
        st.booleans(),
    ),
    max_size=60,
)


@given(EVENTS, st.sampled_from([0.0, 10.0, 60.0]), st.sampled_from([100.0, 10_000.0]), st.integers(0, 60))
@settings(max_examples=200)
def test_clocks_are_those_of_a_naive_loop_wherever_deliveries_end(events, lateness, absence, cut):
    clocks, codes, times = fresh_clocks(), [], []
    for some in (events[:cut], events[cut:]):
        columns = [np.array(column) for column in zip(*some, strict=True)] or [np.array([])] * 3
        found, after = np.zeros(len(some), dtype=np.int64), np.empty(len(some))
        ts, record_ts, only_label = columns[0], columns[1], columns[2].astype(bool)
        taken = follow(clocks, lateness, absence, ts, record_ts, only_label, found, after)
        codes += found[: taken + 1].tolist()
        times += after[:taken].tolist()
        clocks = unpack_clocks(pack_clocks(clocks))
        if taken < len(some):
            break
    assert (codes, times) == naive(lateness, absence, events)
    assert set(codes) <= {ON_TIME, AHEAD, LATE, RETURNED}


def test_forged_clocks_are_refused():
    for packed in ([], [[1.0]] * 2, [["x"] * 7] * 2):
        with pytest.raises((ValueError, TypeError)):
            unpack_clocks(packed)
