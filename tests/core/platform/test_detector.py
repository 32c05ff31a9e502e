"""What users of the platform's detector notice: what is told, that it is the same however it runs, and that nothing breaks it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from stream_app.core.platform import WHOLE, PlatformDetector, Series
from stream_app.core.platform.baseline import Baselines
from stream_app.core.platform.lag import EVERY, LAG, Lag
from stream_app.errors import DataError, SettingsError, StateError

BUDGET = 1.0 / 604_800.0
NODES, METRICS = 4, 6
SERIES = [
    Series(f"worker-{i % NODES}", f"metric_{i // NODES}", ("cpu", "disk", "errors")[i // NODES % 3])
    for i in range(NODES * METRICS)
]


def quiet(windows: int, seed: int = 0) -> np.ndarray:
    """Return a load that all series follow, with noise, a count of rare errors and a constant."""
    rng = np.random.default_rng(seed)
    load = lfilter([0.3], [1.0, -0.95], rng.normal(size=windows))
    values = load[:, None] + rng.normal(size=(windows, len(SERIES))) * 0.3
    values[:, 1] = rng.poisson(0.02, windows)
    values[:, 2] = 7.0
    return values


def made(**options) -> PlatformDetector:
    return PlatformDetector(window=60.0, budget_per_second=BUDGET, warmup=400, **options)


def run(detector: PlatformDetector, values: np.ndarray, first: int = 0, series=SERIES) -> list:
    return [detector.update(60.0 * (first + t + 1), series, row) for t, row in enumerate(values)]


def begins(results: list) -> list[int]:
    return [t for t, result in enumerate(results) if result.began]


def test_quiet_days_are_not_told():
    assert begins(run(made(), quiet(1500))) == []


@pytest.mark.parametrize(
    ("columns", "shift"),
    [(range(0, 24, 4), 3.0), (range(8, 12), 4.0), (range(3, 24), 4.0)],
    ids=["a node", "a metric on all nodes", "the whole"],
)
def test_a_plain_fault_is_told_within_minutes_and_ends(columns, shift):
    values = quiet(1200)
    values[1000:1060, list(columns)] += shift
    results = run(made(), values)
    (begin,) = begins(results)
    assert 1001 <= begin <= 1010
    assert abs(results[begin].onset - 60.0 * 1000) <= 600.0
    (end,) = [t for t, result in enumerate(results) if result.ended]
    assert 1060 <= end <= 1110
    assert all(result.open for result in results[begin:end])


def test_a_broken_correlation_is_told_where_each_series_alone_is_usual():
    values = quiet(1300)
    values[1200:1260, 8:12] *= -1.0
    results = run(made(), values)
    assert begins(results)[0] - 1200 in range(40)


def test_a_lost_node_is_told():
    values = quiet(800)
    values[700:, [i for i, one in enumerate(SERIES) if one.node == "worker-2"]] = np.nan
    assert begins(run(made(), values))[0] in range(701, 705)


def test_a_single_window_is_no_incident():
    values = quiet(900)
    values[700, :4] += 50.0
    assert begins(run(made(), values)) == []


def test_what_is_only_bad_upward_is_not_told_of_downward():
    series = [one._replace(higher_is_worse=True) for one in SERIES]
    values = quiet(900)
    values[700:, [0, *range(3, 24)]] -= 6.0
    assert begins(run(made(), values, series=series)) == []


def test_a_constant_that_moves_is_unusual_but_not_infinitely():
    values = quiet(900)
    values[800:, 2] = 7.5
    result = run(made(), values)[800]
    assert 2.5 < result.deviations[2] < 6.0


def test_a_lasting_new_level_is_adopted_after_the_stated_time():
    values = quiet(1500)
    values[700:, 4:] += 8.0
    results = run(made(adopt=3600.0), values)
    end = next(t for t, result in enumerate(results) if result.ended)
    assert end - begins(results)[0] <= 60
    assert not results[-1].open
    assert np.abs(results[-1].deviations[4:]).max() < 5.0


@settings(max_examples=5)
@given(cut=st.integers(0, 699), seed=st.integers(0, 100))
def test_a_restored_state_goes_on_bit_for_bit(cut, seed):
    values = quiet(700, seed)
    values[500:, :4] += 3.0
    whole = made()
    expected = run(whole, values)
    part = made()
    run(part, values[:cut])
    restored = made()
    restored.restore(part.state())
    for one, other in zip(expected[cut:], run(restored, values[cut:], cut), strict=True):
        assert (one.score, one.began, one.open, one.ended) == (
            other.score,
            other.began,
            other.open,
            other.ended,
        )
        assert np.array_equal(one.deviations, other.deviations, equal_nan=True)


@settings(max_examples=5)
@given(seed=st.integers(0, 100))
def test_the_order_of_series_does_not_matter(seed):
    order = np.random.default_rng(seed).permutation(len(SERIES))
    values = quiet(600, seed)
    values[500:, :4] += 3.0
    one = run(made(), values)
    other = run(made(), values[:, order], series=[SERIES[i] for i in order])
    assert np.allclose([r.score for r in one], [r.score for r in other], rtol=1e-6, atol=1e-9)
    assert np.allclose(one[-1].deviations[order], other[-1].deviations, rtol=1e-6, atol=1e-9, equal_nan=True)


@settings(max_examples=5)
@given(
    seed=st.integers(0, 100), factor=st.sampled_from([1e3, 2.0**-10]), offset=st.sampled_from([0.0, 100.0])
)
def test_units_do_not_matter(seed, factor, offset):
    values = quiet(600, seed)
    one, other = run(made(), values), run(made(), values * factor + offset * factor)
    assert np.allclose(one[-1].deviations, other[-1].deviations, atol=1e-3, equal_nan=True)


def test_series_come_later_and_are_forgotten():
    detector, values = made(), quiet(600)
    run(detector, values[:300, :20], series=SERIES[:20])
    results = run(detector, values[300:], 300)
    assert np.isnan(results[0].deviations[20:]).all()
    assert np.isfinite(results[-1].deviations).all()
    detector.forget([3])
    assert np.isnan(run(detector, values[:1], 600)[0].deviations[3])
    with pytest.raises(DataError, match="may only be added"):
        run(detector, values[:1, :5], 601, SERIES[:5])


def test_usual_bands_hold_about_99_percent():
    values = quiet(3000)
    results = run(made(), values)[1000:]
    inside = [
        (result.usual_low[5] <= row[5]) & (row[5] <= result.usual_high[5])
        for result, row in zip(results, values[1000:], strict=True)
    ]
    assert 0.97 <= np.mean(inside) <= 1.0


@given(value=st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0]), at=st.integers(0, 399))
@settings(max_examples=10)
def test_no_value_breaks_it(value, at):
    values = quiet(400)
    values[at:, :3] = value
    results = run(made(), values)
    assert all(np.isfinite(result.score) for result in results)


def test_impossible_parameters_and_states_are_named():
    with pytest.raises(SettingsError, match="window"):
        PlatformDetector(window=0.0, budget_per_second=BUDGET)
    with pytest.raises(SettingsError, match="periods"):
        made(periods=(604_800.0, 86_400.0))
    with pytest.raises(StateError, match="version"):
        made().restore({**made().state(), "version": 0})
    with pytest.raises(StateError, match="windows"):
        PlatformDetector(window=30.0, budget_per_second=BUDGET).restore(made().state())
    with pytest.raises(StateError, match="periods"):
        made(periods=(3600.0,)).restore(made().state())


def test_budget_and_warmup_of_a_restored_detector_are_its_own():
    values = quiet(1000)
    values[900:, :4] += 1.0
    strict = made()
    run(strict, values[:900])
    generous = PlatformDetector(window=60.0, budget_per_second=1.0 / 3600.0, warmup=2000)
    generous.restore(strict.state())
    assert begins(run(generous, values[900:], 900)) == []  # still within its warm-up
    again = PlatformDetector(window=60.0, budget_per_second=1.0 / 3600.0, warmup=400)
    again.restore(strict.state())
    scores = [result.score for result in run(again, values[900:910], 900)]
    assert max(scores) > max(result.score for result in run(strict, values[900:910], 900))


def test_windows_of_a_second_are_learned_as_fast_as_those_of_a_minute_and_cost_no_more():
    quick, slow = Lag(1.0), Lag(60.0)
    learned = [
        sum(len(lag.put(lag.window * i, np.zeros(1, np.int8))) for i in range(400)) for lag in (quick, slow)
    ]
    assert learned[0] == learned[1] > 100
    for i in range(400, 100_000):
        quick.put(1.0 * i, np.zeros(1, np.int8))
    assert len(quick) <= LAG / EVERY
    assert np.diff(quick.ends).min() >= EVERY
    assert quick.ends[-1] - quick.ends[0] > 0.9 * LAG


def test_a_season_is_taken_off():
    time = np.arange(3 * 1440)
    rng = np.random.default_rng(0)
    values = 100.0 * np.sin(2.0 * np.pi * time / 1440.0) + rng.normal(size=len(time))
    baselines = Baselines(60.0, (86_400.0,))
    baselines.grow(1)
    for t in time:
        baselines.update(60.0 * (t + 1), values[t : t + 1])
    assert baselines.records["depth"][0] == 1
    # The value of noon at midnight: usual for a day, not for the time of the day.
    scores = baselines.update(60.0 * (len(time) + 1), np.array([90.0]))
    assert scores["score"][0] > 3.0


def test_the_whole_is_no_machine_that_could_be_lost():
    series = [Series(WHOLE, "queries", "queries"), *SERIES]
    values = np.column_stack((np.ones(700), quiet(700)))
    values[600:, 0] = np.nan
    assert begins(run(made(), values, series=series)) == []


def test_a_season_goes_by_the_clock_of_its_zone_when_that_changes():
    zone = ZoneInfo("Europe/Berlin")
    change = datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()  # 02:00 becomes 03:00
    rng = np.random.default_rng(0)
    unusual = {}
    for timezone in ("Europe/Berlin", "UTC"):
        baselines = Baselines(600.0, (86_400.0,), timezone=timezone)
        baselines.grow(1)
        odd = 0
        for end in np.arange(change - 14 * 86_400.0, change + 2 * 86_400.0, 600.0):
            hour = datetime.fromtimestamp(end - 300.0, zone).hour
            value = (100.0 if 8 <= hour < 18 else 0.0) + rng.normal()
            score = baselines.update(end, np.array([value]))["score"][0]
            odd += end > change and abs(score) > 3.0
        unusual[timezone] = odd
    assert unusual["Europe/Berlin"] <= 2
    assert unusual["UTC"] >= 6
