"""The simulated loop: reproducible, stationary, coupled, with faults that are exactly where the truth says."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.water_loop import (
    CHANNELS,
    FAULT_NAMES,
    Fault,
    WaterLoop,
    draw_faults,
    simulate,
    stream,
)
from stream_app.errors import DataError

LOOP = WaterLoop()
QUICK = WaterLoop(motor_lag=60.0, water_lag=90.0, ambient_lag=60.0)


def shift(name, *, magnitude=1.0, channel="flow"):
    """Mean of each channel during the fault minus before it, in typical standard deviations."""
    fault = Fault(name, start=2000, duration=1000, magnitude=magnitude, channel=channel)
    values = simulate(LOOP, 3000, seed=3, faults=[fault]).values
    return dict(
        zip(
            CHANNELS,
            (values[2100:].mean(axis=0) - values[1000:2000].mean(axis=0)) / LOOP.typical_sd,
            strict=True,
        )
    )


def test_same_seed_same_events_and_another_seed_others():
    first, again, other = (simulate(QUICK, 500, seed=s).values for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=15)
@given(
    block=st.integers(1, 400),
    starts=st.lists(st.integers(0, 380), min_size=1, max_size=4),
    names=st.lists(st.sampled_from(FAULT_NAMES), min_size=4, max_size=4),
)
def test_blocks_of_any_size_give_the_same_events(block, starts, names):
    faults = [Fault(n, start=s, duration=60, onset="sudden") for n, s in zip(names, starts, strict=False)]
    whole = simulate(QUICK, 400, seed=5, faults=faults)
    blocks = list(stream(QUICK, 5, faults, limit=400, block=block))
    for field in ("ts", "values", "anomaly", "changepoint", "fault"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(b, field) for b in blocks]), getattr(whole, field)
        )


def test_typical_sd_is_that_of_normal_running():
    values = simulate(LOOP, 200_000, seed=11).values
    np.testing.assert_allclose(values.std(axis=0), LOOP.typical_sd, rtol=0.2)


def test_normal_running_has_no_trend_from_its_first_event():
    # Means over many independent loops at the beginning and much later differ by sampling error alone.
    first, later = [], []
    for seed in range(40):
        values = simulate(QUICK, 3000, seed=seed).values
        first.append(values[:200].mean(axis=0))
        later.append(values[-200:].mean(axis=0))
    gap = np.array(first) - np.array(later)
    z = gap.mean(axis=0) / (gap.std(axis=0, ddof=1) / np.sqrt(len(gap)))
    assert np.abs(z).max() < 4.0


def test_noise_is_autocorrelated_where_the_real_thing_is():
    values = simulate(LOOP, 50_000, seed=2).values
    lag1 = {c: np.corrcoef(values[1:, i], values[:-1, i])[0, 1] for i, c in enumerate(CHANNELS)}
    assert lag1["thermocouple"] > 0.98
    assert lag1["flow"] > 0.4
    assert abs(lag1["voltage"]) < 0.2


def test_coarse_sensors_repeat_values_and_fine_ones_do_not():
    values = simulate(LOOP, 20_000, seed=2).values
    distinct = {c: len(np.unique(values[:, i])) for i, c in enumerate(CHANNELS)}
    assert distinct["pressure"] < 40
    assert distinct["flow"] < 60
    assert distinct["current"] > 19_000


def test_a_closing_valve_is_seen_by_every_sensor_it_would_reach():
    moved = shift("valve_closing")
    assert moved["flow"] < -20
    assert moved["pressure"] > 5
    assert moved["current"] < -1
    assert moved["thermocouple"] > 2
    assert moved["temperature"] < -5
    assert abs(moved["voltage"]) < 0.5


def test_cavitation_shakes_and_takes_head():
    moved = shift("cavitation")
    assert moved["accelerometer_1"] > 5
    assert moved["accelerometer_2"] > 5
    assert moved["pressure"] < -1


def test_an_imbalance_shakes_its_own_end_most():
    moved = shift("rotor_imbalance")
    assert moved["accelerometer_1"] > moved["accelerometer_2"] > 3
    assert abs(moved["flow"]) < 1.5


def test_a_leak_takes_flow_and_pressure():
    moved = shift("leak")
    assert moved["flow"] < -3
    assert moved["pressure"] < -2


def test_a_stuck_sensor_shows_its_last_value_and_nothing_else_changes():
    fault = Fault("sensor_stuck", start=100, duration=50, channel="current")
    broken, healthy = simulate(QUICK, 300, 4, [fault]).values, simulate(QUICK, 300, 4).values
    column = CHANNELS.index("current")
    assert (broken[100:150, column] == healthy[99, column]).all()
    assert broken[150, column] == healthy[150, column]
    np.testing.assert_array_equal(np.delete(broken, column, axis=1), np.delete(healthy, column, axis=1))


def test_a_drifting_sensor_leaves_slowly_and_comes_back_at_once():
    fault = Fault("sensor_drift", start=100, duration=100, channel="voltage")
    off = (simulate(QUICK, 300, 4, [fault]).values - simulate(QUICK, 300, 4).values)[
        :, CHANNELS.index("voltage")
    ]
    assert off[100] == 0.0
    assert (np.diff(off[100:200]) > 0).all()
    assert off[199] == pytest.approx(6 * 0.99 * QUICK.typical_sd[6])
    assert (off[200:] == 0.0).all()


def test_truth_marks_exactly_the_fault_and_its_two_ends():
    faults = [Fault("leak", start=10, duration=5), Fault("cavitation", start=12, duration=8)]
    recording = simulate(WaterLoop(period=0.5), 60, 1, faults)
    assert np.flatnonzero(recording.anomaly).tolist() == list(range(20, 40))
    assert np.flatnonzero(recording.changepoint).tolist() == [20, 24, 30, 40]
    assert recording.fault[20:24].tolist() == [0] * 4
    assert recording.fault[24:40].tolist() == [1] * 16
    np.testing.assert_allclose(np.diff(recording.ts), 0.5)


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_before_a_fault_nothing_differs_and_magnitude_zero_is_no_fault(name):
    healthy = simulate(QUICK, 200, 9).values
    broken = simulate(QUICK, 200, 9, [Fault(name, start=120, duration=80)]).values
    harmless = simulate(QUICK, 200, 9, [Fault(name, start=120, duration=80, magnitude=0)]).values
    np.testing.assert_array_equal(broken[:120], healthy[:120])
    assert not np.array_equal(broken[120:], healthy[120:])
    np.testing.assert_array_equal(harmless, healthy)


@given(count=st.integers(0, 12), span=st.floats(100, 1e6), seed=st.integers(0, 2**32))
def test_drawn_faults_keep_apart_and_leave_the_beginning_clear(count, span, seed):
    faults = draw_faults(count, span, seed)
    assert len(faults) == count
    assert len({f.name for f in faults}) == min(count, len(FAULT_NAMES))
    assert all(f.start >= 0.2 * span and f.end <= span for f in faults)
    assert all(a.end < b.start for a, b in pairwise(faults))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Fault("rust", start=0, duration=1), "unknown fault 'rust'"),
        (lambda: Fault("leak", start=-1, duration=1), "start"),
        (lambda: Fault("leak", start=0, duration=0), "duration"),
        (lambda: Fault("sensor_stuck", start=0, duration=1, channel="depth"), "no channel 'depth'"),
        (lambda: WaterLoop(period=0), "period"),
        (lambda: simulate(WaterLoop(), 0, 1), "at least one event"),
    ],
)
def test_bad_settings_say_what_is_wrong(build, message):
    with pytest.raises(DataError, match=message):
        build()
