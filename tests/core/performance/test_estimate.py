"""Accuracy without labels: near the truth where inputs get worse, and honest about what it counts on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.performance import AccuracyEstimator
from stream_app.errors import DataError, StateError

K = 10


def votes(rng, n, strength, *, unreadable=0.0, weights=None):
    """Shares of 100 votes, as of a forest; inputs that cannot be read get few votes a class, and most of them class 3."""
    truth = rng.choice(K, n, p=weights)
    scores = np.exp(0.7 * (rng.normal(size=(n, K)) + strength * np.eye(K)[truth]))
    odds = scores / scores.sum(axis=1, keepdims=True)
    odds[rng.random(n) < unreadable] = 0.07 + 0.3 * np.eye(K)[3]
    p = rng.multinomial(100, odds) / 100
    return p, p.argmax(axis=1), truth


@pytest.fixture(scope="module")
def estimator():
    return AccuracyEstimator.fit(*votes(np.random.default_rng(0), 1000, 3.5))


@pytest.mark.parametrize("unreadable", [0.0, 0.05, 0.2, 0.4, 0.6, 0.8])
def test_a_model_that_cannot_read_its_inputs_is_estimated_within_five_points(estimator, unreadable):
    p, predicted, truth = votes(np.random.default_rng(7), 4000, 3.5, unreadable=unreadable)
    estimate = estimator.estimate(p, predicted).accuracy
    assert estimate == pytest.approx((predicted == truth).mean(), abs=0.05)


def test_a_model_that_is_wrong_as_surely_as_it_was_right_is_believed(estimator):
    # The meaning of the labels has changed: nothing in the answers tells.
    p, predicted, truth = votes(np.random.default_rng(7), 4000, 3.5)
    renamed = (truth + 1) % K
    assert estimator.estimate(p, predicted).accuracy > (predicted == renamed).mean() + 0.5


def test_the_estimate_is_the_lower_one_of_its_views(estimator):
    p, predicted, _ = votes(np.random.default_rng(1), 2000, 3.5, unreadable=0.5)
    estimate = estimator.estimate(p, predicted)
    assert estimate.accuracy == min(estimate.by_confidence, estimate.by_class_mix)
    assert estimate.by_class_mix < estimate.by_confidence - 0.05


def test_a_class_mix_that_may_change_is_not_taken_for_a_loss():
    rng = np.random.default_rng(2)
    other = np.where(np.arange(K) == 7, 0.73, 0.03)
    table = votes(rng, 1000, 3.5)
    p, predicted, truth = votes(rng, 4000, 3.5, weights=other)
    accuracy = (predicted == truth).mean()
    free = AccuracyEstimator.fit(*table, class_mix="free").estimate(p, predicted)
    assert free.by_class_mix is None
    assert free.accuracy == pytest.approx(accuracy, abs=0.03)
    assert AccuracyEstimator.fit(*table).estimate(p, predicted).accuracy < accuracy - 0.2


@pytest.mark.parametrize("strength", [30.0, 0.0])
def test_models_that_are_always_or_never_right_can_be_calibrated(strength):
    rng = np.random.default_rng(3)
    estimator = AccuracyEstimator.fit(*votes(rng, 500, strength))
    p, predicted, truth = votes(rng, 500, strength)
    estimate = estimator.estimate(p, predicted).accuracy
    assert estimate == pytest.approx((predicted == truth).mean(), abs=0.06)


@given(seed=st.integers(0, 100), n=st.integers(50, 120), k=st.integers(1, 5))
@settings(max_examples=80)
def test_any_probabilities_give_shares(seed, n, k):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.1), n)
    predicted, truth = rng.integers(0, k, n), rng.integers(0, k + 1, n)
    estimator = AccuracyEstimator.fit(p, predicted, truth)
    wider = np.pad(p, ((0, 0), (0, 2)))
    for estimate in (estimator.estimate(p, predicted), estimator.estimate(wider, predicted)):
        assert 0.0 <= estimate.accuracy <= 1.0
        assert 0.0 <= estimate.by_confidence <= 1.0
    chance = estimator.confidence(p, predicted)
    assert ((chance >= 0.0) & (chance <= 1.0)).all()


def test_too_few_labels_are_refused():
    with pytest.raises(DataError, match="needs 50"):
        AccuracyEstimator.fit(*votes(np.random.default_rng(0), 49, 3.0))


def test_a_restored_estimator_estimates_the_same(estimator):
    p, predicted, _ = votes(np.random.default_rng(4), 300, 2.0)
    again = AccuracyEstimator.from_state(estimator.state())
    assert again.estimate(p, predicted) == estimator.estimate(p, predicted)


@pytest.mark.parametrize(
    "change", [{"version": 0}, {"class_mix": "odd"}, {"prior": []}, {"slope": "x"}, {"prior": [0.0]}]
)
def test_a_damaged_state_is_refused_by_name(estimator, change):
    with pytest.raises(StateError, match="accuracy estimator"):
        AccuracyEstimator.from_state({**estimator.state(), **change})
