"""The search over all slices against counting row by row, and its promises on planted data."""

import importlib.util
import math
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact, hypergeom

from stream_app.core.slices import SliceConfig, SliceFinder, wilson
from stream_app.core.slices.bins import CategoryBins, NumberBins
from stream_app.core.slices.evidence import log_likelihood_ratio, log_tail
from stream_app.core.slices.refine import fine_box
from stream_app.core.slices.scan import Limits, scan
from stream_app.core.slices.tables import PairTables

ROOT = Path(__file__).resolve().parents[3]


def planted():
    """The benchmark, whose smaller version is tested here."""
    spec = importlib.util.spec_from_file_location("planted", ROOT / "benchmarks" / "slices" / "planted.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def naive_likelihood(n, wrong, rows, all_wrong):
    def term(k, m):
        return sum(part * math.log(part / m) for part in (k, m - k) if part)

    return term(wrong, n) + term(all_wrong - wrong, rows - n) - term(all_wrong, rows)


def naive_conditions(codes, ordered, size, least):
    """Every condition of one feature with enough rows, as a set of bins, and the log of its part of the level."""
    runs = [
        (low, high) for low in range(ordered) for high in range(low + 1, ordered + 1) if high - low < ordered
    ]
    runs += [(code, code + 1) for code in range(ordered, size)]
    kept = [run for run in runs if least <= sum(run[0] <= code < run[1] for code in codes) < len(codes)]
    inner = [run for run in kept if run[0] > 0 and run[1] < ordered]
    outer = [run for run in kept if run not in inner]
    shared = 2.0 if inner and outer else 1.0
    return {run: -math.log(shared * len(inner if run in inner else outer)) for run in kept}


def naive_search(bins, fine, wrong, limits):
    """All slices that reach the limits, each as its runs of fine bins, with its score."""
    d, rows, totals = len(bins), range(len(wrong)), (len(wrong), sum(wrong))
    pairs = d * (d - 1) // 2
    found = {}

    def judge(runs, log_weight):
        inside = [r for r in rows if all(low <= fine[f][r] < high for f, low, high in runs)]
        n, k = len(inside), sum(wrong[r] for r in inside)
        if n >= limits.least and k >= limits.floor * n:
            score = naive_likelihood(n, k, *totals) + log_weight
            if score >= limits.evidence - 3.0:
                found[runs] = score

    for f, one in enumerate(bins):
        every = naive_conditions(fine[f], one.ordered_fine, one.fine + 1, limits.least)
        for (low, high), weight in every.items():
            judge(((f, low, high),), weight - math.log(2.0 * d))
    coarse = [[int(one.coarse_of[code]) for code in codes] for one, codes in zip(bins, fine, strict=True)]
    conditions = [
        naive_conditions(codes, one.ordered, int(one.coarse_of[-1]) + 1, limits.least)
        for one, codes in zip(bins, coarse, strict=True)
    ]
    for i, j in combinations(range(d), 2):
        for (a, b), first in conditions[i].items():
            for (c, e), second in conditions[j].items():
                begin = [list(bins[i].coarse_of).index(a), list(bins[j].coarse_of).index(c)]
                end = [
                    len(bins[f].coarse_of) - list(bins[f].coarse_of)[::-1].index(last - 1)
                    for f, last in ((i, b), (j, e))
                ]
                judge(((i, begin[0], end[0]), (j, begin[1], end[1])), first + second - math.log(2.0 * pairs))
    return found


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), rows=st.integers(30, 80))
def test_the_search_finds_exactly_what_counting_finds(seed, rows):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((2, rows)) < 0.1, np.nan, rng.integers(0, 5, (2, rows)) / 2.0)
    codes = rng.integers(-1, 3, rows)
    wrong = rng.random(rows) < np.where(values[0] > 1.0, 0.8, 0.1)
    bins = (
        NumberBins.learn("a", values[0]),
        NumberBins.learn("b", values[1]),
        CategoryBins.learn("c", ("x", "y", "z"), codes, 8),
    )
    fine = np.stack([one.codes(cells) for one, cells in zip(bins, (*values, codes), strict=True)])
    tables = PairTables([one.coarse_of for one in bins])
    tables.add(fine, wrong)
    limits = Limits(5, wrong.mean() + 0.05, 0.0)
    found = {
        fine_box(candidates.box(at), bins).runs: score
        for candidates in scan(tables, bins, (rows, int(wrong.sum())), limits)
        for at, score in enumerate(candidates.score.tolist())
    }
    expected = naive_search(bins, fine.tolist(), wrong.tolist(), limits)
    assert found == pytest.approx(expected)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), d=st.integers(1, 4), rows=st.integers(0, 300), gone=st.integers(0, 300))
def test_counts_that_were_added_and_taken_out_are_those_of_what_is_left(seed, d, rows, gone):
    rng = np.random.default_rng(seed)
    coarse_of = [np.array([0, 0, 1, 2]) for _ in range(d)]
    fine, wrong = rng.integers(0, 4, (d, rows)), rng.random(rows) < 0.3
    moving, still = PairTables(coarse_of), PairTables(coarse_of)
    moving.add(fine, wrong)
    moving.add(fine[:, :gone], wrong[:gone], -1)
    still.add(fine[:, gone:], wrong[gone:])
    assert moving.tables.keys() == still.tables.keys()
    for pair, table in moving.tables.items():
        np.testing.assert_array_equal(table, still.tables[pair])


@settings(max_examples=50)
@given(data=st.data())
def test_evidence_agrees_with_scipy(data):
    rows = data.draw(st.integers(2, 400))
    all_wrong = data.draw(st.integers(0, rows))
    n = data.draw(st.integers(1, rows - 1))
    wrong = data.draw(st.integers(max(0, n - (rows - all_wrong)), min(n, all_wrong)))
    table = [[wrong, n - wrong], [all_wrong - wrong, rows - n - all_wrong + wrong]]
    exact = fisher_exact(table, alternative="greater").pvalue
    assert math.exp(log_tail(n, wrong, rows, all_wrong)) == pytest.approx(exact, rel=1e-6)
    assert log_likelihood_ratio(n, wrong, rows, all_wrong) == pytest.approx(
        max(0.0, naive_likelihood(n, wrong, rows, all_wrong)), abs=1e-8
    )
    interval = binomtest(wrong, n).proportion_ci(0.95, method="wilson")
    assert wilson(wrong, n, 0.95) == pytest.approx(tuple(interval), abs=1e-12)


@pytest.mark.parametrize("wrong", [0, 100, 250, 1000, 3000])
def test_evidence_far_out_in_the_tail_agrees_with_scipy(wrong):
    expected = hypergeom.logsf(wrong - 1, 200_000, 5_000, 4_000)
    assert log_tail(4_000, wrong, 200_000, 5_000) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@settings(max_examples=50)
@given(
    values=st.lists(st.one_of(st.floats(), st.integers(-5, 5).map(float)), min_size=1, max_size=300),
    more=st.lists(st.floats(), max_size=20),
)
def test_every_number_is_in_the_bin_whose_words_fit_it(values, more):
    column = np.array(values)
    bins = NumberBins.learn("a", column)
    assert (np.diff(bins.edges) > 0).all()
    assert (np.diff(bins.coarse_of) >= 0).all()
    for numbers in (column, np.array(more, dtype=float)):
        codes = bins.codes(numbers)
        for code in np.unique(codes).tolist():
            np.testing.assert_array_equal(bins.condition(code, code + 1).mask(numbers), codes == code)
    # A bound leaves something on either side.
    finite = column[np.isfinite(column)]
    assert all((finite <= edge).any() and (finite > edge).any() for edge in bins.edges)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["three at once", "few rows"])
def test_planted_slices_are_found_and_others_are_not(name):
    benchmark = planted()
    recall, precision, _, _ = benchmark.score(benchmark.SCENARIOS[name], seeds=50)
    assert recall >= 0.9
    assert precision >= 0.9


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is_planted():
    assert planted().unrelated(20) <= 1


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_twenty_features_take_less_than_two_seconds():
    benchmark = planted()
    rng = np.random.default_rng(1)
    data = benchmark.table(rng, 100_000, 16, 4)
    weak = np.logical_or.reduce(benchmark.slices(rng, data, ("one", "two", "category")))
    wrong = rng.random(100_000) < np.where(weak, 0.3, 0.1)
    finder = SliceFinder(*data.names, SliceConfig(window=100_000))
    begin = time.process_time()
    finder.update(data.numeric, data.categorical, wrong)
    found = finder.find()
    assert time.process_time() - begin < 2.0
    assert len(found) == 3
