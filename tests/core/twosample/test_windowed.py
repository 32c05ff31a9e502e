"""The windowed test finds a change in the window where it is, and only there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.twosample import Reference, WindowedTest, WindowedTestOptions
from stream_app.errors import DataError, StateError

TESTS = ("ks", "psi", "wasserstein", "mann_whitney")


def run(values, **options):
    test = WindowedTest([f"c{i}" for i in range(values.shape[1])], options=WindowedTestOptions(**options))
    return test.update(np.arange(len(values), dtype=float), values)


def test_a_shift_signals_in_its_windows_and_ends_after_them():
    values = np.random.default_rng(0).normal(size=(1500, 2))
    values[600:1200, 1] += 1.5
    signals = run(values, tests=TESTS)
    for name in TESTS:
        mine = [(s.row, s.channel, s.ended) for s in signals if s.detector == name]
        assert mine == [(899, "c1", False), (1199, "c1", False), (1499, "c1", True)]
    for signal in signals:
        context = dict(signal.context)
        assert (signal.statistic >= signal.threshold) == (not signal.ended)
        if not signal.ended:
            assert context["mean_after"] - context["mean_before"] == pytest.approx(1.5, abs=0.3)


def test_a_change_of_spread_is_seen_by_distribution_tests():
    values = np.random.default_rng(1).normal(size=(900, 1))
    values[600:] *= 3.0
    assert {s.detector for s in run(values, tests=TESTS)} == {"ks", "psi", "wasserstein"}


def test_the_level_holds_over_channels_on_unchanged_data():
    rng = np.random.default_rng(5)
    hits = sum(
        any(s.detector == "ks" for s in run(rng.normal(size=(200, 8)), window=100, tests=("ks",), alpha=0.05))
        for _ in range(400)
    )
    # Binomial(400, 0.05) exceeds 34 with probability 0.001.
    assert hits <= 34


def test_a_given_reference_is_used_from_the_first_row():
    rng = np.random.default_rng(0)
    reference = Reference(rng.normal(size=(1000, 1)), ["c0"])
    test = WindowedTest(["c0"], reference=reference, options=WindowedTestOptions(window=100))
    signals = test.update(np.arange(100.0), rng.normal(2.0, size=(100, 1)))
    assert [s.row for s in signals] == [99, 99]


@given(st.lists(st.integers(0, 90), min_size=1, max_size=8), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_hops_batch_borders_and_restores_change_nothing(sizes, hop, seed):
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    values = np.where(rng.random((n, 2)) < 0.1, np.nan, rng.normal(size=(n, 2)))
    values[n // 2 :] += 2.0
    options = WindowedTestOptions(tests=TESTS, window=50, hop=hop, learn=60, min_values=20)
    whole = WindowedTest(["a", "b"], options=options)
    expected = [(s.row, s) for s in whole.update(np.arange(n) * 1.0, values)]
    pieces, got, start = WindowedTest(["a", "b"], options=options), [], 0
    for size in sizes:
        pieces = WindowedTest.from_state(pieces.state())
        batch = slice(start, start + size)
        got += [(s.row + start, s) for s in pieces.update(np.arange(n)[batch] * 1.0, values[batch])]
        start += size
    strip = [
        (row, s.ts, s.detector, s.channel, s.statistic, s.p_value, s.context, s.ended) for row, s in expected
    ]
    assert strip == [
        (row, s.ts, s.detector, s.channel, s.statistic, s.p_value, s.context, s.ended) for row, s in got
    ]
    assert whole.untested == pieces.untested


def test_channels_with_too_few_values_are_counted_not_tested():
    values = np.random.default_rng(0).normal(size=(900, 2))
    values[:, 1] = np.nan
    test = WindowedTest(["a", "b"])
    assert test.update(np.arange(900.0), values) == []
    assert test.untested == {"a": 0, "b": 2}
    features = test.features()
    assert features["b.ks"] is features["b.psi"] is None
    assert 0.0 < features["a.ks"] < 0.2


def test_a_constant_channel_that_leaves_its_value_signals():
    values = np.full((600, 1), 3.0)
    assert run(values) == []
    values[300:] = 4.0
    assert {s.detector for s in run(values, tests=TESTS)} == set(TESTS)


def test_one_outlier_is_no_drift():
    values = np.random.default_rng(2).normal(size=(600, 8))
    values[400, 3] = 1e300
    assert run(values, tests=("ks", "psi", "mann_whitney")) == []


@pytest.mark.parametrize(
    "options",
    [{"tests": ("ad",)}, {"tests": ()}, {"window": 1}, {"hop": 301}, {"alpha": 0.0}, {"correction": "x"},
     {"learn": 1}, {"psi_threshold": 0.0}, {"psi_kind": "x"}, {"psi_epsilon": 1.0}],
)  # fmt: skip
def test_wrong_options_are_told(options):
    with pytest.raises(DataError):
        WindowedTestOptions(**options)


def test_wrong_data_and_states_are_told():
    with pytest.raises(DataError, match="the reference has channels"):
        WindowedTest(["a"], reference=Reference([[1.0]], ["b"]))
    with pytest.raises(DataError, match="does not fit"):
        WindowedTest(["a"]).update([1.0], [[1.0, 2.0]])
    with pytest.raises(StateError, match="version 7"):
        WindowedTest.from_state({"version": 7})
    with pytest.raises(StateError, match="damaged"):
        WindowedTest.from_state({"version": 1})
