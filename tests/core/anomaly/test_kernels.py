"""The kernels against their plain form and against scipy and numpy."""

import numpy as np
import pytest
from scipy.stats import expon
from scipy.stats import t as student

from stream_app.core.anomaly import (
    AnomalyConfig,
    AnomalyDetector,
    anomaly_layout,
    anomaly_step,
    period_options,
)
from stream_app.core.anomaly.joint import invert
from stream_app.core.anomaly.tails import degrees, mean_excess, student_evidence
from stream_app.core.bank import Bank
from stream_app.core.kernel import signal_buffer


def test_evidence_is_the_density_of_student_t():
    for freedom in (3.0, 10.0, 200.0):
        for z in (0.1, 1.0, 2.5, 7.0):
            exact = student.logpdf(0.0, freedom) - student.logpdf(z, freedom)
            assert student_evidence(z, freedom) == pytest.approx(exact, rel=1e-4)


def test_evidence_grows_for_ever():
    grid = np.geomspace(1e-3, 1e6, 400)
    assert (np.diff([student_evidence(z, 5.0) for z in grid]) > 0.0).all()


def test_degrees_follow_the_kurtosis_of_student_t():
    assert degrees(1e6, 3.0 + 6.0 / (12.0 - 4.0)) == pytest.approx(12.0, rel=0.05)
    assert degrees(3.0, 3.0) < 5.0


def test_the_mean_of_an_exponential_tail_is_found_although_a_tenth_are_faults():
    rng = np.random.default_rng(0)
    clusters = excess = 0.0
    for value in expon.rvs(scale=2.0, size=4000, random_state=rng):
        height = 1000.0 if rng.random() < 0.1 else value
        excess += min(height, mean_excess(clusters, excess, 3.0, 1.0))
        clusters += 1.0
    assert mean_excess(clusters, excess, 3.0, 1.0) == pytest.approx(2.0, rel=0.35)


def test_the_inverse_is_that_of_numpy():
    rng = np.random.default_rng(1)
    correlation = np.corrcoef(rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), rowvar=False)
    inverse = np.zeros((6, 6), dtype=np.float32)
    invert(np.tril(correlation).astype(np.float32), inverse, 1e12)
    shrunk = 0.95 * correlation
    np.fill_diagonal(shrunk, 1.0)
    np.testing.assert_allclose(inverse, np.linalg.inv(shrunk), rtol=1e-3, atol=1e-3)


def test_moments_of_pairs_that_belong_to_no_variables_are_inverted_as_if_they_did():
    # The second and the third were never there at one time, so that nothing is known of how they go together.
    moments = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.0], [0.9, 0.0, 1.0]])
    assert np.linalg.eigvalsh(moments).min() < 0.0
    inverse = np.zeros((3, 3), dtype=np.float32)
    invert(np.tril(moments).astype(np.float32), inverse, 1e12)
    assert np.linalg.eigvalsh(inverse).min() > 0.0
    assert np.linalg.eigvalsh(inverse).max() < 20.0


def test_the_plain_form_of_the_kernel_gives_the_same():
    values = np.random.default_rng(2).normal(size=(160, 2))
    values[120:130, 0] += 25.0
    ts = np.arange(160.0)
    config = AnomalyConfig(warmup=60)
    expected = AnomalyDetector(("a", "b"), config, rate=1e-3).update(ts, values)
    calendar = config.calendar()
    bank = Bank(anomaly_layout(2, calendar[0]))
    bank.add("s")
    records = tuple(array[0] for array in bank.arrays.values())
    signals, count = signal_buffer(160)
    score = np.zeros(160)
    options = config.options()[0]
    for row in range(160):
        anomaly_step.py_func(records, options, calendar, 1e-3, ts[row], values[row], row, signals, count)
        score[row] = records[0]["score"]
    np.testing.assert_allclose(score, expected.score, rtol=1e-6, atol=1e-6)
    assert [int(signal["row"]) for signal in signals[: count[0]]] == [s.row for s in expected.signals]


def test_the_state_of_a_source_is_small():
    periods = period_options((86_400.0,))
    bank = Bank(anomaly_layout(8, periods))
    assert bank.record_size <= 7.5 * 1024
    assert Bank(anomaly_layout(300, periods)).record_size <= 300 * 1024


def test_a_restored_source_goes_on_as_if_it_had_not_stopped():
    values = np.random.default_rng(3).normal(size=(1200, 3))
    values[900:950] += 9.0
    ts = np.arange(1200.0)
    whole = AnomalyDetector(tuple("abc")).update(ts, values)
    first, second = AnomalyDetector(tuple("abc")), AnomalyDetector(tuple("abc"))
    first.update(ts[:800], values[:800])
    second.bank.restore("source", first.bank.record("source"))
    np.testing.assert_array_equal(second.update(ts[800:], values[800:]).score, whole.score[800:])
