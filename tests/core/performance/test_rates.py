"""Rates beyond their limits: the guarantee, the delay, and the same result in any batch."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.performance import Crossing, RateDetector
from stream_app.errors import DataError, StateError


def run(detector, x, cuts=()):
    found, bounds = [], [0, *sorted(set(cuts)), len(x)]
    for begin, end in pairwise(bounds):
        found += [Crossing(c.row + begin, c.beyond, c.rate, c.events) for c in detector.update(x[begin:end])]
    return found


def naive(limit, rate, x, factors=(1.25, 1.6, 2.2, 3.5, 7.0, 20.0)):
    """The same bets, one observation after the other, until the first alarm."""
    capital = np.zeros(len(factors))
    odds = limit / (1 - limit) * np.array(factors)
    bets = (odds / (1 + odds) - limit) / (limit * (1 - limit))
    for i, value in enumerate(x):
        capital = np.maximum(capital, 0.0) + np.log1p(bets * (value - limit))
        if capital.max() >= np.log(len(factors) / rate):
            return i
    return None


def wandering(seed, n=1500):
    rng = np.random.default_rng(seed)
    level = np.repeat([0.05, 0.3, 0.02, 0.5], n // 4 + 1)[:n]
    x = (rng.random(n) < level).astype(float)
    x[rng.random(n) < 0.1] = np.nan
    return x


@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(1, 1499), max_size=12))
@settings(max_examples=60)
def test_batch_borders_do_not_matter(seed, cuts):
    x = wandering(seed)
    whole, pieces = RateDetector(0.1, 1e-3), RateDetector(0.1, 1e-3)
    assert run(pieces, x, cuts) == run(whole, x)
    for name, value in whole.state().items():
        np.testing.assert_array_equal(pieces.state()[name], value)


@given(seed=st.integers(0, 50), cut=st.integers(1, 1499))
@settings(max_examples=40)
def test_a_restored_detector_goes_on(seed, cut):
    x = wandering(seed)
    whole, first = RateDetector(0.1, 1e-3), RateDetector(0.1, 1e-3)
    expected = run(whole, x)
    found = run(first, x[:cut])
    second = RateDetector.from_state(first.state())
    found += [Crossing(c.row + cut, c.beyond, c.rate, c.events) for c in run(second, x[cut:])]
    assert found == expected


@given(
    seed=st.integers(0, 1000), limit=st.floats(0.02, 0.9), rate=st.sampled_from([1e-2, 1e-3, 1e-5]), level=st.floats(0.0, 1.0)
)  # fmt: skip
@settings(max_examples=150)
def test_the_first_alarm_is_where_a_plain_loop_has_it(seed, limit, rate, level):
    x = np.random.default_rng(seed).beta(2 * level + 0.01, 2 * (1 - level) + 0.01, 400)
    found = RateDetector(limit, rate).update(x)
    assert (found[0].row if found else None) == naive(limit, rate, x)


def test_false_alarms_are_as_rare_as_promised_at_the_limit_itself():
    # At the limit, the worst case that the guarantee covers: at most n * rate = 0.2 of the runs may alarm.
    rng = np.random.default_rng(0)
    runs, n, rate = 400, 2000, 1e-4
    for limit in (0.03, 0.1, 0.3):
        alarmed = sum(
            bool(RateDetector(limit, rate).update((rng.random(n) < limit).astype(float))) for _ in range(runs)
        )
        assert alarmed / runs <= n * rate, limit


def test_a_rate_well_beyond_its_limit_is_told_soon_and_its_return_too():
    rng = np.random.default_rng(1)
    for _ in range(20):
        detector = RateDetector(0.1, 1e-5)
        told = detector.update((rng.random(400) < 0.3).astype(float))
        assert [c.beyond for c in told] == [True]
        assert told[0].row < 200
        assert told[0].rate > 0.1
        back = detector.update((rng.random(600) < 0.03).astype(float))
        assert [c.beyond for c in back] == [False]


def test_the_reported_rate_is_that_since_the_change():
    x = np.concatenate((np.zeros(1000), np.tile([0.0, 1.0], 200)))
    (told,) = RateDetector(0.1, 1e-6).update(x)
    assert told.rate == pytest.approx(x[told.row + 1 - told.events : told.row + 1].mean())
    assert 1000 <= told.row + 1 - told.events <= 1002


@pytest.mark.parametrize(
    ("limit", "rate"), [(0.0, 0.1), (1.0, 0.1), (0.5, 0.0), (0.5, 1.0), (float("nan"), 0.1)]
)
def test_what_is_no_limit_is_refused(limit, rate):
    with pytest.raises(DataError):
        RateDetector(limit, rate)


def test_a_damaged_state_is_refused_by_name():
    state = RateDetector(0.1, 0.1).state()
    with pytest.raises(StateError, match="rate detector"):
        RateDetector.from_state({**state, "version": 0})
    with pytest.raises(StateError, match="damaged"):
        RateDetector.from_state({**state, "counts": [1]})
