"""The statistics against direct formulas, scipy and naive loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stream_app.core.anomaly import (
    AnomalyConfig,
    FlatlineDetector,
    JointModel,
    ReferenceProfile,
    hotelling_limit,
    robust_location_scale,
    robust_z,
    shrunk_correlation,
)
from stream_app.core.anomaly.flatline import run_limit
from stream_app.core.anomaly.robust import autocorrelation_time
from stream_app.core.anomaly.smoothing import exponential_mean, rows_since_present
from stream_app.core.anomaly.tails import (
    chi_square_to_normal,
    crossing_rate,
    level_for_rate,
    student_square_bound,
    student_to_normal,
    two_sided_tail,
)
from stream_app.errors import DataError, SettingsError


@pytest.mark.parametrize("freedom", [3.0, 8.0, 30.0, 400.0])
@pytest.mark.parametrize("t", [0.5, 2.0, 4.0, 8.0])
def test_student_equivalents_have_the_tail_of_student(freedom, t):
    exact = stats.norm.isf(stats.t.sf(t, freedom))
    assert student_to_normal(np.array(t * t), np.array(freedom)) == pytest.approx(exact, abs=0.12)


@given(st.floats(0.5, 8.0), st.floats(1.0, 1e4))
def test_student_bound_inverts_the_equivalent(level, freedom):
    nu = np.array([freedom])
    assert student_to_normal(student_square_bound(level, nu), nu)[0] == pytest.approx(level, rel=1e-9)


@pytest.mark.parametrize("freedom", [2.0, 6.0, 20.0])
@pytest.mark.parametrize("p", [0.5, 1e-2, 1e-4, 1e-6])
def test_chi_square_equivalents_have_the_tail_of_chi_square(freedom, p):
    found = chi_square_to_normal(np.array(stats.chi2.isf(p, freedom)), freedom)
    exact = stats.norm.isf(p)
    # The cube root errs to the careful side far out in the tail.
    assert exact - 0.25 < found < exact + 0.12


def test_tail_is_the_bonferroni_bound():
    assert two_sided_tail(np.array([3.0]), 5)[0] == pytest.approx(10 * stats.norm.sf(3.0))


@pytest.mark.parametrize("level", [3.0, 3.5])
def test_crossing_rate_agrees_with_simulation(level):
    weight = 2 / 21
    x = np.random.default_rng(0).normal(size=(1_000_000, 1))
    means = exponential_mean(x, weight, np.zeros(1))[:, 0] / np.sqrt(weight / (2 - weight))
    outside = np.abs(means) >= level
    # One excursion may cross the level several times: those within the memory of the mean count once.
    crossings = np.flatnonzero(outside[1:] & ~outside[:-1])
    starts = 1 + np.sum(np.diff(crossings) > 40)
    assert starts / len(x) == pytest.approx(crossing_rate(level, weight), rel=0.2)


@given(st.floats(1e-12, 0.5), st.floats(1e-4, 0.9), st.integers(1, 300))
def test_level_is_where_the_crossings_come_at_the_rate(rate, weight, looks):
    level = level_for_rate(rate, weight, looks)
    crossings = looks * crossing_rate(level, weight)
    assert 2.0 <= level <= 12.0
    if level == 2.0:
        assert crossings <= rate
    elif level == 12.0:
        assert crossings >= rate
    else:
        assert crossings == pytest.approx(rate, rel=1e-9)


def test_level_follows_the_budget():
    levels = [level_for_rate(rate, 0.1, looks=10) for rate in (1e-2, 1e-3, 1e-4, 1e-5)]
    assert levels == sorted(levels)
    assert 10 * crossing_rate(levels[2], 0.1) == pytest.approx(1e-4)
    with pytest.raises(DataError, match="between 0 and 1"):
        level_for_rate(0.0, 0.1, looks=10)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.integers(1, 6), st.floats(0.3, 1.0))
def test_t_square_and_q_are_their_formulas(seed, d, share):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(200, d)) @ rng.normal(size=(d, d))
    correlation = shrunk_correlation(mixed, 200.0)
    model = JointModel.fit(correlation, share)
    z = rng.normal(size=(7, d))
    t_square, q = model.statistics(z)
    values, vectors = np.linalg.eigh(correlation)
    kept = vectors[:, ::-1][:, : model.kept]
    projected = z @ kept
    assert t_square == pytest.approx(
        (projected**2 / values[::-1][: model.kept]).sum(axis=1), rel=1e-6, abs=1e-9
    )
    assert q == pytest.approx(((z - projected @ kept.T) ** 2).sum(axis=1), rel=1e-6, abs=1e-9)
    direct = np.einsum("ij,jk,ik->i", z, np.linalg.inv(correlation), z)
    assert model.mahalanobis(z) == pytest.approx(direct, rel=1e-6)


def test_joint_equivalents_are_standard_normal_for_normal_rows():
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    z = rng.normal(size=(50_000, 3)) @ root.T
    model = JointModel.fit(shrunk_correlation(z, 50_000.0), 0.8)
    for found in model.normal_equivalents(z):
        assert np.mean(found > 2.0) == pytest.approx(stats.norm.sf(2.0), rel=0.25)


def test_shrinkage_keeps_what_is_real_and_drops_what_is_noise():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 20))
    noise = shrunk_correlation(x, 60.0)
    assert np.abs(noise[~np.eye(20, dtype=bool)]).max() < 0.1
    assert np.linalg.eigvalsh(shrunk_correlation(np.hstack([x, x]), 60.0)).min() > 0


def test_hotelling_limit_is_kept_by_normal_rows():
    rng = np.random.default_rng(0)
    exceeded = 0
    for _ in range(4000):
        x = rng.normal(size=(30, 3))
        new = rng.normal(size=3)
        gap = new - x.mean(axis=0)
        exceeded += gap @ np.linalg.inv(np.cov(x.T)) @ gap > hotelling_limit(3, 30, 0.05)
    assert exceeded / 4000 == pytest.approx(0.05, abs=0.012)


def test_location_and_scale_survive_outliers_and_quantisation():
    rng = np.random.default_rng(0)
    x = rng.normal(5.0, 2.0, size=1000)
    x[:8] = 1e300
    location, scale = robust_location_scale(x)
    assert location == pytest.approx(5.0, abs=0.3)
    assert scale == pytest.approx(2.0, rel=0.1)
    dithering = np.where(rng.random(1000) < 0.1, 31.0, 32.0)
    assert robust_location_scale(dithering)[1] == pytest.approx(dithering.std(), rel=1e-9)
    assert robust_location_scale(np.full(10, 3.0)) == (3.0, 0.0)
    assert np.isnan(robust_location_scale(np.array([np.nan]))).all()


def test_robust_z_has_no_missing_values():
    z = robust_z(np.array([[1e300, np.nan, 5.0]]), np.zeros(3), np.array([1e-10, 1.0, 0.0]))
    assert np.isfinite(z).all()


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregression(phi):
    x = exponential_mean(np.random.default_rng(3).normal(size=(20_000, 1)), 1 - phi, np.zeros(1))[:, 0]
    assert autocorrelation_time(x) == pytest.approx((1 + phi) / (1 - phi), rel=0.25)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.floats(0.0, 0.9), st.floats(0.01, 0.99))
def test_exponential_mean_holds_over_gaps_like_a_loop(seed, gaps, weight):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 3))
    x[rng.random(x.shape) < gaps] = np.nan
    state = np.array([0.0, 1.0, -2.0])
    expected = []
    since, counts = np.zeros(3, dtype=int), []
    current = state.copy()
    for row in x:
        current = np.where(np.isnan(row), current, current + weight * (row - current))
        since = np.where(np.isnan(row), since + 1, 0)
        expected.append(current)
        counts.append(since)
    assert np.allclose(exponential_mean(x, weight, state), expected, atol=1e-12)
    assert np.array_equal(rows_since_present(np.isnan(x), np.zeros(3, dtype=np.int64)), counts)


@settings(max_examples=60)
@given(st.integers(0, 1000), st.lists(st.integers(0, 40), max_size=4), st.sampled_from([0.0, 0.3]))
def test_stuck_runs_are_counted_like_a_loop_over_values(seed, cuts, gaps):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, size=(40, 2)).astype(float)
    x[rng.random(x.shape) < gaps] = np.nan
    limits = np.array([3, 4])
    detector = FlatlineDetector(limits)
    marks = [0, *sorted(cuts), 40]
    found = np.vstack([detector.update(x[a:b]) for a, b in itertools.pairwise(marks)])
    for j in range(2):
        last, length = None, 0
        for i in range(40):
            if not np.isnan(x[i, j]):
                length = length + 1 if x[i, j] == last else 1
                last = x[i, j]
            assert found[i, j] == (length >= limits[j])


def test_run_limits_know_how_often_a_channel_repeats():
    rng = np.random.default_rng(0)
    assert run_limit(np.full(100, 1.0), 1e-4, 10) == 0
    assert run_limit(np.arange(5.0), 1e-4, 10) == 0
    assert run_limit(rng.normal(size=400), 1e-4, 10) == 10
    coin = rng.integers(0, 2, size=4000).astype(float)
    assert 12 <= run_limit(coin, 1e-4, 10) <= 3 * 20


def test_a_channel_that_wanders_has_little_certainty():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=400), np.cumsum(rng.normal(size=400))])
    profile = ReferenceProfile.fit(x, AnomalyConfig())
    assert profile.freedom[0] > 50
    assert profile.freedom[1] < 5


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 31, 32, 400])
def test_any_number_of_reference_rows_is_accepted(rows):
    profile = ReferenceProfile.fit(np.random.default_rng(0).normal(size=(rows, 2)), AnomalyConfig())
    assert np.isfinite(profile.slow_variance).all()
    assert profile.watched.all() == (rows >= 32)


def test_settings_out_of_range_are_named():
    for wrong in (
        {"warmup": 1},
        {"slow": 0},
        {"wander": -1.0},
        {"false_alarms_per_event": 1.0},
        {"fast": 30},
    ):
        with pytest.raises(SettingsError, match=f"anomaly.{next(iter(wrong))}"):
            AnomalyConfig(**wrong)
