"""Scores of labelled predictions: against scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stream_app.core.performance import BetaBinomial, calibration_error, class_scores, log_loss
from stream_app.errors import DataError

metrics = pytest.importorskip("sklearn.metrics", reason="the extra `images` has scikit-learn")
calibration = pytest.importorskip("sklearn.calibration")

CODES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=80)


@given(pairs=CODES)
@settings(max_examples=200)
def test_precision_recall_and_f1_are_those_of_scikit_learn(pairs):
    truth, predicted = np.array(pairs, dtype=np.int64).T
    scores = class_scores(truth, predicted)
    expected = metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)
    for mine, theirs in zip(
        (scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-15)
    macro = metrics.precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    np.testing.assert_allclose(scores.macro, macro[:3], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_log_loss_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(4, 0.3), 200)
    truth = rng.integers(0, 4, 200)
    p[0] = np.eye(4)[(truth[0] + 1) % 4]
    expected = metrics.log_loss(truth, p, labels=range(4))
    assert log_loss(p[np.arange(200), truth]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_is_that_of_scikit_learns_curve(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.2, 1.0, 500)
    right = rng.random(500) < confidence**2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accuracy, mean = calibration.calibration_curve(right, confidence, n_bins=10)
    filled = np.histogram(confidence, np.linspace(0.0, 1.0, 11))[0]
    filled = filled[filled > 0]
    expected = (filled * np.abs(accuracy - mean)).sum() / 500
    assert calibration_error(confidence, right) == pytest.approx(expected, rel=1e-12)


def test_nothing_has_no_score():
    empty = np.empty(0)
    assert np.isnan(log_loss(empty))
    assert np.isnan(calibration_error(empty, empty > 0.5))
    assert np.isnan(class_scores(empty.astype(np.int64), empty.astype(np.int64)).macro).all()


@given(right=st.integers(0, 300), wrong=st.integers(0, 300), bound=st.floats(0.0, 1.0))
@settings(max_examples=200)
def test_a_beta_binomial_is_scipys(right, wrong, bound):
    mine = BetaBinomial(right, right + wrong)
    theirs = stats.beta(right + 0.5, wrong + 0.5)
    assert mine.below(bound) == pytest.approx(theirs.cdf(bound), abs=1e-12)
    low, high = mine.interval(0.9)
    assert low == (pytest.approx(theirs.ppf(0.05), rel=1e-9) if right else 0.0)
    assert high == (pytest.approx(theirs.ppf(0.95), rel=1e-9) if wrong or not right else 1.0)


def test_credible_intervals_hold_the_true_rate_as_often_as_they_say():
    rng = np.random.default_rng(0)
    for rate in (0.5, 0.9, 0.97):
        counts = rng.binomial(400, rate, 2000)
        held = np.mean(
            [low <= rate <= high for low, high in (BetaBinomial(int(k), 400).interval() for k in counts)]
        )
        assert 0.93 < held < 0.97, rate


@pytest.mark.parametrize(("right", "n", "prior"), [(2, 1, 0.5), (-1, 1, 0.5), (0, 1, 0.0)])
def test_counts_that_make_no_sense_are_refused(right, n, prior):
    with pytest.raises(DataError):
        BetaBinomial(right, n, prior)
