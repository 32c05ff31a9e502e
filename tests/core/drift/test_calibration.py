import numpy as np
import pytest
from scipy.signal import lfilter

from stream_app.core.drift.calibration import calibrate_threshold, stationary_bootstrap
from stream_app.core.drift.dependence import autoregression, integrated_autocorrelation_time
from stream_app.core.drift.run_length import calibrated_threshold, guaranteed_threshold
from stream_app.errors import DataError, SettingsError


def smoothed(stream):
    return lfilter([0.1], [1.0, -0.9], stream)


def test_a_calibrated_score_has_the_run_length_asked_for():
    rng = np.random.default_rng(1)
    reference = lfilter([1.0], [1.0, -0.8], rng.normal(size=20_000))
    threshold = calibrate_threshold(smoothed, reference, 1000.0, block=50.0, seed=2, repeats=300)
    fresh = lfilter([1.0], [1.0, -0.8], rng.normal(size=(300, 693)), axis=1)
    crossed = np.mean([smoothed(stream).max() > threshold for stream in fresh])
    assert crossed == pytest.approx(0.5, abs=0.12)


def test_resampling_keeps_short_memory_and_rows_together():
    rng = np.random.default_rng(3)
    series = lfilter([1.0], [1.0, -0.8], rng.normal(size=5000))
    resampled = stationary_bootstrap(np.column_stack((series, -series)), 20_000, 50.0, rng)
    assert np.array_equal(resampled[:, 0], -resampled[:, 1])
    assert np.corrcoef(resampled[:-1, 0], resampled[1:, 0])[0, 1] == pytest.approx(0.8, abs=0.05)


def test_what_cannot_be_calibrated_says_so():
    with pytest.raises(DataError):
        stationary_bootstrap(np.zeros(0), 10, 2.0, np.random.default_rng(0))
    with pytest.raises(DataError, match="NaN"):
        calibrate_threshold(lambda x: x * np.nan, np.zeros(10), 100.0, block=1.0, seed=0, repeats=2)


def test_autocorrelation_time_of_an_autoregression_is_the_known_one():
    series = lfilter([1.0], [1.0, -0.8], np.random.default_rng(4).normal(size=50_000))
    assert integrated_autocorrelation_time(series) == pytest.approx(9.0, rel=0.15)
    assert integrated_autocorrelation_time(np.random.default_rng(5).normal(size=5000)) == 1.0


def test_a_weak_wander_beneath_strong_noise_is_seen():
    rng = np.random.default_rng(7)
    wander = lfilter([0.1], [1.0, -0.99], rng.normal(size=4000)) * 0.3
    assert integrated_autocorrelation_time(rng.normal(size=4000) + wander, wander=True) > 5.0


def test_the_autoregression_is_recovered():
    series = lfilter([1.0], [1.0, -0.5, 0.3], np.random.default_rng(6).normal(size=20_000))
    assert autoregression(series) == pytest.approx([0.5, -0.3], abs=0.03)


def test_the_calibrated_threshold_lies_below_the_proved_one():
    for run_length in (1e3, 1e5, 1e7):
        assert calibrated_threshold("channel", run_length) < guaranteed_threshold(14, run_length)
        assert calibrated_threshold("pair", run_length) < guaranteed_threshold(4, run_length)
    with pytest.raises(SettingsError):
        calibrated_threshold("channel", 1.0)
