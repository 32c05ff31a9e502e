"""Changepoints are told once each, at once, and the same however events were batched."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.anomaly import AnomalyDetector
from stream_app.core.changepoint import MeanShiftDetector, ShiftScale

D = 3


def scale():
    return ShiftScale(np.full(D, 0.15), np.full(D, 0.08), np.full(D, 25.0), np.full(D, 16.0))


def noise(seed, n, shifts):
    u = np.random.default_rng(seed).normal(scale=0.5, size=(n, D))
    for row, channel, size in shifts:
        u[row:, channel] += size
    return u


shifts = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, D - 1), st.sampled_from([-9.0, 2.0, 5.0])), max_size=4
)


@settings(max_examples=60)
@given(st.integers(0, 999), shifts, st.lists(st.integers(0, 500), max_size=8), st.integers(0, 8))
def test_cuts_and_restores_do_not_matter(seed, moves, cuts, restore):
    u = noise(seed, 500, moves)
    whole = MeanShiftDetector(20, 4, 100, np.zeros(D)).update(u, u, scale())
    detector = MeanShiftDetector(20, 4, 100, np.zeros(D))
    parts = []
    for i, (a, b) in enumerate(itertools.pairwise([0, *sorted(cuts), 500])):
        if i == restore:
            detector = MeanShiftDetector.from_state(detector.state())
        parts.append(detector.update(u[a:b], u[a:b], scale()))
    assert np.array_equal(whole[0], np.concatenate([p[0] for p in parts]))
    assert np.array_equal(whole[1], np.concatenate([p[1] for p in parts]))


def test_row_by_row_is_the_same():
    u = noise(4, 300, [(60, 1, 3.0), (150, 0, -2.0)])
    detector = MeanShiftDetector(20, 4, 100, np.zeros(D))
    parts = [detector.update(u[i : i + 1], u[i : i + 1], scale()) for i in range(len(u))]
    whole = MeanShiftDetector(20, 4, 100, np.zeros(D)).update(u, u, scale())
    assert whole[0].any()
    assert np.array_equal(whole[0], np.concatenate([p[0] for p in parts]))
    assert np.array_equal(whole[1], np.concatenate([p[1] for p in parts]))


@settings(max_examples=40)
@given(st.integers(0, 999), st.floats(-50.0, 50.0))
def test_moving_the_origin_changes_nothing(seed, by):
    u = noise(seed, 300, [(150, 1, 5.0)])
    still = MeanShiftDetector(20, 4, 100, np.zeros(D))
    moved = MeanShiftDetector(20, 4, 100, np.zeros(D))
    still.update(u[:160], u[:160], scale())
    moved.update(u[:160], u[:160], scale())
    moved.shift(np.full(D, by))
    rest = u[160:]
    assert np.array_equal(
        still.update(rest, rest, scale())[0], moved.update(rest - by, rest - by, scale())[0]
    )


def rows_told(x):
    result = AnomalyDetector(tuple("abcd")).update(np.arange(float(len(x))), x)
    return np.flatnonzero(result.changepoint)


@pytest.mark.parametrize("size", [2.0, 5.0, 20.0, 1e4])
def test_a_step_of_any_size_is_told_once(size):
    counts = []
    for seed in range(10):
        x = np.random.default_rng(seed).normal(size=(1000, 4))
        x[700:, 2] += size
        told = rows_told(x)
        counts.append(len(told))
        assert told[0] <= 700 + 25
        assert told[0] >= 700 or size == 2.0
    assert np.mean(counts) <= 1.2


def test_up_and_down_are_two_changepoints_and_name_their_channel():
    x = np.random.default_rng(1).normal(size=(1200, 4))
    x[700:900, 2] += 4.0
    result = AnomalyDetector(tuple("abcd")).update(np.arange(1200.0), x)
    signals = [s for s in result.signals if s.kind == "changepoint"]
    assert len(signals) == 2
    assert all(s.contributions[0][0] == "c" and s.contributions[0][1] > 0.8 for s in signals)
    assert all(s.statistic >= s.threshold for s in signals)


def test_a_long_transition_is_told_in_steps():
    x = np.random.default_rng(1).normal(size=(1200, 4))
    x[700:, 2] += 10.0 * np.minimum(np.arange(500) / 60.0, 1.0)
    assert 2 <= len(rows_told(x)) <= 4


def test_a_quiet_stream_has_no_changepoints():
    x = np.random.default_rng(3).normal(size=(20_000, 4))
    assert len(rows_told(x)) <= 6
