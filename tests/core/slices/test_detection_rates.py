import numpy as np
import pytest
from scipy.stats import binomtest

from stream_app.core.slices import detection_rates
from stream_app.errors import DataError


def runs(rng, rows, length, share):
    """Give rows in runs of a random length, each run true with one probability."""
    lengths = rng.geometric(1.0 / length, size=rows)
    return np.repeat(rng.random(rows) < share, lengths)[:rows]


def test_rates_are_those_of_the_table_and_intervals_those_of_wilson():
    rng = np.random.default_rng(1)
    truth, marked, inside = rng.random((3, 500)) < 0.4
    found = detection_rates(truth, marked, inside)
    tp, fp, fn, tn = (
        int((inside & (truth == t) & (marked == m)).sum())
        for t, m in ((True, True), (False, True), (True, False), (False, False))
    )
    for rate, hits, n in (
        (found.precision, tp, tp + fp),
        (found.recall, tp, tp + fn),
        (found.false_alarms, fp, fp + tn),
    ):
        expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
        assert (rate.value, rate.n) == (hits / n, n)
        assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert found.f1.value == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert found.f1.low < found.f1.value < found.f1.high


def test_of_rows_in_runs_intervals_hold_the_rate_about_as_often_as_they_say():
    rng, held, naive = np.random.default_rng(2), 0, 0
    for _ in range(100):
        truth, wrong = runs(rng, 4000, 50, 0.5), runs(rng, 4000, 50, 0.15)
        wide, narrow = (detection_rates(truth, truth ^ wrong, lag=lag).recall for lag in (200, 0))
        held += wide.low <= 0.85 <= wide.high
        naive += narrow.low <= 0.85 <= narrow.high
    assert held >= 85
    assert naive < 50


def test_rows_that_all_say_the_same_are_no_more_than_their_runs():
    marked = np.ones(600, dtype=bool)
    few = detection_rates(marked, marked, lag=300).recall
    assert (few.value, few.high, few.n) == (1.0, 1.0, 600)
    assert few.low == pytest.approx(binomtest(2, 2).proportion_ci(0.95, method="wilson").low)


def test_what_no_row_tells_is_unknown():
    found = detection_rates([False, False], [False, False])
    assert (found.recall.value, found.recall.low, found.recall.high, found.recall.n) == (None, 0.0, 1.0, 0)
    assert found.f1.value is None
    assert found.false_alarms.value == 0.0


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"\(3,\), \(2,\)"):
        detection_rates([True, False, True], [True, False])
