"""Score tests of two rates agree with scipy and keep their level."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from stream_app.core.proportions import difference_test, ratio_test
from stream_app.errors import DataError

RATE = st.tuples(st.integers(0, 300), st.integers(1, 300)).filter(lambda rate: rate[0] <= rate[1])


@given(rate=RATE, other=RATE)
def test_without_a_margin_both_are_pearsons_test(rate, other):
    table = np.array([[rate[0], rate[1] - rate[0]], [other[0], other[1] - other[0]]])
    if not table.sum(axis=0).all():
        return
    two_sided = stats.chi2_contingency(table, correction=False).pvalue
    lower = rate[0] / rate[1] < other[0] / other[1]
    expected = two_sided / 2 if lower else 1 - two_sided / 2
    assert difference_test(*rate, *other, 0.0) == pytest.approx(expected, abs=1e-6)
    assert ratio_test(*rate, *other, 1.0) == pytest.approx(expected, abs=1e-6)


def by_likelihood(rate, other, margin, linked):
    """The test with the rates that are most likely under the hypothesis, found by search; `linked` gives p of q."""
    (x, n), (y, m) = rate, other

    def unlikely(q):
        p = linked(q)
        return -(stats.binom.logpmf(x, n, p) + stats.binom.logpmf(y, m, q))

    low, high = margin
    q = optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
    return q, linked(q)


@given(
    rate=st.tuples(st.integers(1, 39), st.just(40)),
    other=st.tuples(st.integers(1, 59), st.just(60)),
    margin=st.sampled_from([0.05, 0.1, 0.3]),
)
def test_the_difference_uses_the_most_likely_rates_under_the_hypothesis(rate, other, margin):
    q, p = by_likelihood(rate, other, (margin + 1e-9, 1 - 1e-9), lambda q: q - margin)
    error = math.sqrt(p * (1 - p) / rate[1] + q * (1 - q) / other[1])
    z = (other[0] / other[1] - rate[0] / rate[1] - margin) / error
    assert difference_test(*rate, *other, margin) == pytest.approx(stats.norm.sf(z), abs=2e-4)


@given(
    rate=st.tuples(st.integers(1, 39), st.just(40)),
    other=st.tuples(st.integers(1, 59), st.just(60)),
    ratio=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_the_ratio_uses_the_most_likely_rates_under_the_hypothesis(rate, other, ratio):
    q, p = by_likelihood(rate, other, (1e-9, 1 - 1e-9), lambda q: ratio * q)
    error = math.sqrt(p * (1 - p) / rate[1] + ratio**2 * q * (1 - q) / other[1])
    z = (ratio * other[0] / other[1] - rate[0] / rate[1]) / error
    assert ratio_test(*rate, *other, ratio) == pytest.approx(stats.norm.sf(z), abs=2e-4)


@pytest.mark.parametrize(("n", "m", "q"), [(50, 50, 0.5), (30, 300, 0.3), (200, 30, 0.9), (1000, 1000, 0.15)])
def test_on_the_limit_the_level_is_kept(n, m, q):
    rng = np.random.default_rng(n)
    runs = 2000
    others = rng.binomial(m, q, runs).tolist()
    for test, p, limit in ((ratio_test, 0.8 * q, 0.8), (difference_test, q - 0.1, 0.1)):
        counts = zip(rng.binomial(n, p, runs).tolist(), others, strict=True)
        rejected = np.mean([test(x, n, y, m, limit) < 0.05 for x, y in counts])
        assert rejected < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@given(
    counts=st.lists(st.integers(0, 200), min_size=2, max_size=5),
    other=RATE.filter(lambda rate: 0 < rate[0] < rate[1]),
    ratio=st.floats(0.1, 1.0),
    difference=st.floats(0.0, 0.9),
)
def test_p_values_are_probabilities_that_rise_with_the_rate(counts, other, ratio, difference):
    for test, limit in ((ratio_test, ratio), (difference_test, difference)):
        p_values = [test(x, 200, *other, limit) for x in sorted(counts)]
        assert all(0.0 <= p <= 1.0 for p in p_values)
        assert p_values == pytest.approx(sorted(p_values), abs=1e-9)


@pytest.mark.parametrize("counts", [(3, 2, 1, 2), (0, 0, 1, 2), (-1, 2, 1, 2), (1, 2, 1, 0)])
def test_counts_that_make_no_sense_are_refused(counts):
    for test in (ratio_test, difference_test):
        with pytest.raises(DataError):
            test(*counts, 0.5)


def test_limits_that_make_no_sense_are_refused():
    for ratio in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(DataError):
            ratio_test(1, 2, 1, 2, ratio)
    for difference in (-0.1, 1.0, math.nan):
        with pytest.raises(DataError):
            difference_test(1, 2, 1, 2, difference)
