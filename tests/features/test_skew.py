"""Training-serving skew: found where there is one, quiet where there is none, whatever the values."""

import itertools

import numpy as np
import pytest
from scipy import stats

from stream_app.errors import DataError
from stream_app.features import skew


def one(training, served):
    (found,) = skew({"f": training}, {"f": served})
    return found


def test_the_index_is_that_of_the_formula_and_ks_that_of_scipy():
    rng = np.random.default_rng(5)
    training, served = rng.normal(size=1000), rng.normal(0.4, 1.2, size=700)
    training[:100], served[:35] = np.nan, np.nan
    found = one(training, served)
    known = np.sort(training[100:])
    edges = [-np.inf, *(known[int(np.ceil(i * 90)) - 1] for i in range(1, 10)), np.inf]
    p = np.array([((known > a) & (known <= b)).sum() for a, b in itertools.pairwise(edges)] + [100]) / 1000
    new = served[35:]
    q = np.array([((new > a) & (new <= b)).sum() for a, b in itertools.pairwise(edges)] + [35]) / 700
    assert found.psi == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert found.ks == pytest.approx(stats.ks_2samp(known, new).statistic)
    table = np.stack([np.rint(p * 1000), np.rint(q * 700)])
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-6)
    assert (found.missing_training, found.missing_served, found.level) == (0.1, 0.05, "severe")


@pytest.mark.parametrize("rows", [30, 200, 2000])
def test_nothing_is_found_where_nothing_is(rows):
    rng = np.random.default_rng(6)
    draws = [
        lambda: rng.normal(size=rows),
        lambda: rng.poisson(0.3, rows),
        lambda: np.full(rows, 3.0),
        lambda: np.where(rng.random(rows) < 0.5, np.nan, rng.exponential(size=rows)),
        lambda: np.full(rows, np.nan),
    ]
    levels = [one(draw(), draw()).level for draw in draws for _ in range(20)]
    assert levels.count("none") >= 99


@pytest.mark.parametrize(
    ("training", "served"),
    [
        (np.arange(200.0), np.arange(200.0) + 100),
        (np.full(200, 3.0), np.full(200, 4.0)),
        (np.arange(200.0), np.full(200, np.nan)),
        (np.full(200, np.nan), np.arange(200.0)),
        (np.arange(200.0), np.where(np.arange(200) % 3, np.arange(200.0), np.nan)),
    ],
)
def test_what_moved_is_severe(training, served):
    assert one(training, served).level == "severe"


def test_wrong_input_is_refused_in_words():
    with pytest.raises(DataError, match="'g' of the training set is not served"):
        skew({"g": np.arange(50.0)}, {"f": np.arange(50.0)})
    with pytest.raises(DataError, match="at least 20 rows"):
        one(np.arange(50.0), np.arange(3.0))
