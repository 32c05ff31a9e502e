"""The tests agree with scipy on any data, ties and all."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from stream_app.core.twosample import (
    Bins,
    chi_square,
    ks_p_value,
    ks_test,
    mann_whitney,
    psi,
    wasserstein,
)
from stream_app.core.twosample.reference import Reference, SortedSample
from stream_app.errors import DataError, StateError

ties = st.integers(-4, 4).map(float)
floats = st.floats(-1e9, 1e9)


def samples(least=1, most=40):
    return st.one_of(ties, floats).flatmap(
        lambda _: st.one_of(
            hnp.arrays(np.float64, st.integers(least, most), elements=ties),
            hnp.arrays(np.float64, st.integers(least, most), elements=floats),
        )
    )


@given(samples(), samples())
def test_ks_is_scipys(reference, x):
    ours = ks_test(SortedSample(reference), x)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        theirs = stats.ks_2samp(reference, x)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=0, abs=1e-12)
    # Where its exact value rounds to just above 1 scipy falls back on the asymptotic one, and says so.
    expected = 1.0 if any("Exact calculation unsuccessful" in str(w.message) for w in told) else theirs.pvalue
    assert ours.p_value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(300, 300), (500, 300), (1000, 7), (257, 256)])
@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_ks_p_values_of_large_samples_are_scipys(n, m, shift):
    rng = np.random.default_rng(n + m)
    a, b = rng.normal(size=n), rng.normal(shift, size=m)
    for method in ("exact", "asymp"):
        theirs = stats.ks_2samp(a, b, method=method)
        assert ks_test(SortedSample(a), b, method=method).p_value == pytest.approx(
            theirs.pvalue, rel=1e-9, abs=1e-12
        )


def test_ks_beyond_ten_thousand_values_takes_the_asymptotic_way():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=10_001), rng.normal(0.05, size=300)
    theirs = stats.ks_2samp(a, b)
    assert ks_test(SortedSample(a), b).p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_the_limit_is_near_the_exact_p_value():
    for h in range(20, 60, 5):
        assert ks_p_value(h / 300, 300, 300, method="limit") == pytest.approx(
            ks_p_value(h / 300, 300, 300, method="exact"), rel=0.25
        )


@given(samples(), samples())
def test_wasserstein_is_scipys(reference, x):
    theirs = stats.wasserstein_distance(reference, x)
    assert wasserstein(SortedSample(reference), x) == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def test_wasserstein_of_huge_values_is_finite():
    assert wasserstein(SortedSample([-1.7e308]), [1.7e308]) == np.finfo(np.float64).max
    assert wasserstein(SortedSample([1e300, 3e300]), [5e300, 7e300]) == pytest.approx(4e300)


@given(samples(), samples())
def test_mann_whitney_is_scipys(reference, x):
    ours = mann_whitney(SortedSample(reference), x)
    if len(np.unique(np.concatenate([reference, x]))) == 1:
        assert ours.p_value == 1.0
        return
    theirs = stats.mannwhitneyu(x, reference, method="asymptotic")
    assert ours.statistic == theirs.statistic
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


names = st.sampled_from("abcdefgh")
counted = st.dictionaries(names, st.integers(0, 60), min_size=1).filter(lambda d: sum(d.values()) > 0)


@given(counted, counted)
def test_chi_square_is_scipys(reference, counts):
    ours = chi_square(reference, counts)
    seen = [k for k in sorted(reference | counts) if reference.get(k, 0) + counts.get(k, 0)]
    theirs = stats.chi2_contingency(
        [[d.get(k, 0) for k in seen] for d in (reference, counts)], correction=False
    )
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


@given(samples(least=5), samples(), st.sampled_from(["quantile", "width"]), st.integers(2, 12))
def test_psi_is_the_naive_sum_over_half_open_bins(reference, x, kind, bins):
    binned = Bins.of(SortedSample(reference), bins=bins, kind=kind)
    borders = [-math.inf, *binned.edges, math.inf]
    total = 0.0
    for low, high in itertools.pairwise(borders):
        p = max(np.mean((reference > low) & (reference <= high)), 1e-4)
        q = max(np.mean((x > low) & (x <= high)), 1e-4)
        total += (q - p) * math.log(q / p)
    assert psi(binned, x).statistic == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_psi_bins_hold_what_they_promise():
    sample = SortedSample(np.random.default_rng(0).exponential(size=1000))
    assert Bins.of(sample, bins=10).shares == pytest.approx(np.full(10, 0.1))
    widths = np.diff(Bins.of(sample, bins=10, kind="width").edges)
    assert widths == pytest.approx(np.full(8, np.ptp(sample.values) / 10))


def test_psi_of_unchanged_data_has_the_level_of_its_p_value():
    rng = np.random.default_rng(3)
    p = []
    for _ in range(400):
        binned = Bins.of(SortedSample(rng.normal(size=1000)))
        p.append(psi(binned, rng.normal(size=1000)).p_value)
    # 400 p-values: the standard error of a share of one half is 0.025.
    assert abs(np.mean(np.array(p) < 0.5) - 0.5) < 0.1


@pytest.mark.parametrize("kind", ["quantile", "width"])
def test_leaving_a_constant_reference_shows_in_either_direction(kind):
    binned = Bins.of(SortedSample(np.full(300, 7.0)), kind=kind)
    assert psi(binned, np.full(300, 7.0)).statistic == 0.0
    assert psi(binned, np.full(300, 6.9)).statistic > 1.0
    assert psi(binned, np.full(300, 7.1)).statistic > 1.0


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2))), st.integers(1, 40))
def test_a_reference_survives_storage(values, limit):
    reference = Reference(values, ["a", "b"], limit=limit)
    again = Reference.from_state(reference.state())
    assert again.rows == reference.rows <= limit
    for ours, theirs in zip(reference.samples, again.samples, strict=True):
        assert ours.values.tobytes() == theirs.values.tobytes()
        assert ours.shares.tobytes() == theirs.shares.tobytes()


@pytest.mark.parametrize(
    "call",
    [
        lambda: ks_test(SortedSample([]), [1.0]),
        lambda: ks_test(SortedSample([1.0]), [math.nan]),
        lambda: wasserstein(SortedSample([1.0]), []),
        lambda: mann_whitney(SortedSample([]), [1.0]),
        lambda: psi(Bins.of(SortedSample([1.0])), [math.inf]),
        lambda: Bins.of(SortedSample([])),
        lambda: chi_square({}, {"a": 1}),
        lambda: chi_square({"a": -1, "b": 3}, {"a": 1}),
        lambda: Reference(np.empty((0, 1)), ["a"]),
        lambda: Reference([[1.0]], ["a", "b"]),
    ],
)
def test_what_cannot_be_compared_is_told(call):
    with pytest.raises(DataError):
        call()


def test_foreign_states_are_refused():
    with pytest.raises(StateError, match="version"):
        Reference.from_state({"version": 0})
    with pytest.raises(StateError, match="damaged"):
        Reference.from_state({"version": 1})
