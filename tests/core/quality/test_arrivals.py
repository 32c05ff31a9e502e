"""Silence, bursts and the usual time between events."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.quality import QualityMonitor, QualityOptions


def told(ts, options=None):
    ts = np.asarray(ts, dtype=float)
    signals = QualityMonitor(options=options).update(ts, np.empty((len(ts), 0)))
    return [(s.row, s.detector.removeprefix("quality."), s.ended) for s in signals]


def period(ts):
    monitor = QualityMonitor()
    monitor.update(np.asarray(ts, dtype=float), np.empty((len(ts), 0)))
    return monitor.report().period


def test_silence_shows_with_the_next_event_or_with_the_watermark():
    ts, nothing = np.append(np.arange(400.0), 500.0), np.empty((401, 0))
    signals = QualityMonitor().update(ts, nothing)
    assert [(s.row, s.ts, s.channel, s.ended) for s in signals] == [
        (400, 419.0, "*", False),
        (400, 500.0, "*", True),
    ]

    monitor = QualityMonitor()
    monitor.update(ts[:400], nothing[:400])
    assert monitor.advance(419.0) == []
    (begin,) = monitor.advance(420.0)
    assert (begin.row, begin.ts, begin.detector, begin.ended) == (-1, 419.0, "quality.silence", False)
    assert monitor.advance(450.0) == []
    assert monitor.report().active == ("silence",)
    (end,) = monitor.update(ts[400:], nothing[:1])
    assert (end.row, end.ts, end.ended) == (0, 500.0, True)


def test_a_declared_silence_holds_from_the_first_event_or_never():
    assert told([0.0, 1.0, 7.0], QualityOptions(silence=5.0)) == [(2, "silence", False), (2, "silence", True)]
    never = QualityOptions(silence=math.inf)
    assert told([*range(400), 1e9], never) == []


def test_a_source_with_gaps_is_not_called_silent_for_one_of_them():
    assert told(np.cumsum(np.where(np.arange(1000) % 100 == 99, 250.0, 1.0))) == []


def test_a_pause_every_night_is_told_twice_and_is_a_habit_then():
    day = np.arange(0.0, 43_200.0, 60.0)
    ts = np.concatenate([86_400.0 * k + day for k in range(14)])
    begins = [row for row, _, ended in told(ts) if not ended]
    assert begins == [len(day), 2 * len(day)]


def test_outages_are_a_habit_for_ever():
    steps = np.full(30_000, 600.0)  # 208 days
    steps[[1000, 2000, 25_000]] = 40_000.0
    assert [row for row, _, ended in told(np.cumsum(steps)) if not ended] == [1000, 2000]


def test_a_source_that_has_become_slower_is_not_silent_for_ever():
    ts = np.cumsum(np.where(np.arange(3000) < 1000, 1.0, 60.0))
    assert len(told(ts)) <= 4


def test_a_burst_begins_and_ends():
    steps = np.ones(1500)
    steps[700:900] = 0.05
    (begin, *rest, end) = told(np.cumsum(steps))
    assert rest == []
    assert begin[1:] == ("burst", False)
    assert 780 <= begin[0] <= 800
    assert end[1:] == ("burst", True)
    assert 900 <= end[0] <= 960


def test_a_source_that_has_become_faster_is_not_bursting_for_ever():
    ts = np.cumsum(np.where(np.arange(8000) < 1000, 1.0, 0.1))
    assert [ended for _, _, ended in told(ts)] == [False, True]


def test_rows_out_of_order_make_no_gap():
    ts = np.arange(2000.0)
    ts[1000:1010] -= 300.0
    assert told(ts) == []


@pytest.mark.parametrize("seed", range(3))
def test_independent_arrivals_raise_nothing(seed):
    assert told(np.cumsum(np.random.default_rng(seed).exponential(size=50_000))) == []


def test_batches_of_equal_stamps_are_no_burst():
    assert told(np.repeat(np.arange(2000.0), 10)) == []


def test_the_period_is_the_median_gap():
    assert period(np.arange(31.0)) is None
    assert period(np.arange(32.0) * 0.25) == 0.25
    assert period(np.repeat(np.arange(100.0), 3)) == 1.0
    pauses = np.cumsum(np.where(np.arange(2000) % 50 == 0, 40_000.0, 10.0))
    assert period(pauses) == pytest.approx(10.0)
    gaps = np.random.default_rng(0).exponential(size=20_000)
    assert period(np.cumsum(gaps)) == pytest.approx(np.median(gaps), rel=0.1)


def test_the_period_follows_a_source_that_has_become_faster():
    assert period(np.cumsum(np.where(np.arange(20_000) < 3000, 60.0, 1.0))) == pytest.approx(1.0, rel=0.01)


@given(st.lists(st.floats(-1e308, 1e308, allow_nan=False), min_size=1, max_size=400))
def test_clocks_that_jump_give_finite_signals(times):
    signals = QualityMonitor(options=QualityOptions(learn=20, burst_window=10)).update(
        times, np.empty((len(times), 0))
    )
    for signal in signals:
        assert math.isfinite(signal.statistic)
        assert math.isfinite(signal.threshold)
        assert all(math.isfinite(number) for _, number in signal.context)
