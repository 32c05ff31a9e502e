"""What a user is told of a warm-up: when a source is judged, and how much its past is worth by then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stream_app as sg
from stream_app.core.anomaly.warmup import warmup_left

START = 1.7e9


def learned(values: np.ndarray, **settings):
    monitor = sg.Monitor(("flow",), **settings)
    monitor.update(START + np.arange(float(len(values))), values[:, None])
    return monitor


@given(warmup=st.integers(2, 5000), rate=st.floats(1e-9, 0.05), seen=st.integers(1, 5000))
def test_the_first_event_that_is_judged_is_as_many_on_as_was_said(warmup, rate, seen):
    left = warmup_left(seen, warmup, rate)
    if left == 0:
        assert all(warmup_left(later, warmup, rate) == 0 for later in range(seen, seen + 50))
    else:
        assert warmup_left(seen + left - 1, warmup, rate) == 1
        assert warmup_left(seen + left, warmup, rate) == 0


def test_progress_is_a_live_feature_and_ends_where_scores_begin():
    noise = np.random.default_rng(1).normal(size=500)
    monitor = learned(noise[:312], budget="1 per week", warmup=400)
    assert monitor.features["anomaly.warmup_left"] == 89
    assert "judged after 89 more" in repr(monitor)
    score = monitor.update(START + np.arange(312.0, 500.0), noise[312:, None]).score
    assert not score[:88].any()
    assert score[88:].any()
    assert monitor.features["anomaly.warmup_left"] == 0
    assert "more" not in repr(monitor)


def test_a_large_budget_shortens_the_warm_up():
    assert learned(np.zeros(60), budget="1 per 100 events").features["anomaly.warmup_left"] == 41


@pytest.mark.parametrize(("correlation", "low", "high"), [(0.0, 850, 1000), (0.5, 250, 430), (0.9, 30, 110)])
def test_autocorrelated_events_are_worth_fewer_independent_ones(correlation, low, high):
    rng = np.random.default_rng(2)
    values = np.zeros(1000)
    for i in range(1, 1000):
        values[i] = correlation * values[i - 1] + rng.normal()
    assert low <= learned(values).features["anomaly.effective_events"] <= high


def test_the_most_autocorrelated_channel_says_what_the_past_is_worth():
    rng = np.random.default_rng(3)
    slow = np.repeat(rng.normal(size=25), 20)
    monitor = sg.Monitor(("noise", "slow", "missing"))
    values = np.column_stack((rng.normal(size=500), slow, np.full(500, np.nan)))
    monitor.update(START + np.arange(500.0), values)
    assert monitor.features["anomaly.effective_events"] < 25
