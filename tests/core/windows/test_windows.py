"""Windows and their statistics agree with a naive model that keeps every row and asks numpy."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream_app.core.bank import Bank
from stream_app.core.windows import STATISTICS, summarise, window_layout, window_push

LEVELS = {"q05": 0.05, "q50": 0.5, "q95": 0.95}
NUMBERS = {"written": st.integers(-(2**63), 2**63 - 1), "newest": st.floats()}

cell = st.floats(-1e6, 1e6) | st.just(math.nan) | st.sampled_from([0.0, 1.0, 1.0])


def filled(streams, rows, push=window_push):
    """A bank with a window a stream of (ts, values)."""
    channels = streams[0][1].shape[1]
    bank = Bank(window_layout(channels, rows))
    for i, (ts, values) in enumerate(streams):
        slot = bank.add(str(i))
        for time, row in zip(ts, values, strict=True):
            push(bank["window"][slot], bank["window.ts"][slot], bank["window.values"][slot], time, row)
    return bank


def figures(bank, seconds=math.inf, slots=None, by=summarise):
    """The statistics by window, channel and name."""
    slots = np.arange(len(bank)) if slots is None else np.array(slots)
    out = np.empty((len(slots), bank["window.values"].shape[2], len(STATISTICS)))
    by(bank["window"], bank["window.ts"], bank["window.values"], slots, seconds, out)
    return out


def of_one(ts, values, rows=60, seconds=math.inf):
    """The statistics of the only channel of the only window, by name."""
    table = np.asarray(values, dtype=np.float64)[:, None]
    return dict(zip(STATISTICS, figures(filled([(ts, table)], rows), seconds)[0, 0].tolist(), strict=True))


@st.composite
def streams(draw):
    n, channels = draw(st.integers(0, 60)), draw(st.integers(1, 3))
    # Quarter seconds keep the arithmetic of the model and of the window free of rounding at the window's edge.
    steps = draw(hnp.arrays(np.int64, n, elements=st.integers(-3, 8)))
    ts = 1_700_000_000.0 + np.cumsum(steps) / 4.0
    return ts, draw(hnp.arrays(np.float64, (n, channels), elements=cell))


def naive_rows(ts, values, rows, seconds):
    newest = max(ts, default=0.0)
    kept = [(t, v) for t, v in list(zip(ts, values, strict=True))[-rows:] if t > newest - seconds]
    return np.array([t for t, _ in kept]), np.array([v for _, v in kept]).reshape(-1, values.shape[1])


def naive_channel(ts, column):
    seen = ~np.isnan(column)
    t, x = ts[seen], column[seen]
    n = len(x)
    slope = np.cov(t, x)[0, 1] / np.var(t, ddof=1) if len(set(t)) > 1 else math.nan
    last = max(range(n), key=lambda i: (t[i], i), default=None)
    return {
        "count": n,
        "missing": 1 - n / len(column) if len(column) else math.nan,
        "mean": np.mean(x) if n else math.nan,
        "std": np.std(x, ddof=1) if n > 1 else math.nan,
        "min": np.min(x) if n else math.nan,
        "max": np.max(x) if n else math.nan,
        "last": math.nan if last is None else x[last],
        "slope": slope,
    } | {name: np.quantile(x, level) if n else math.nan for name, level in LEVELS.items()}


@given(streams(), st.integers(1, 30), st.sampled_from([0.5, 3.0, 20.0, math.inf]))
def test_the_statistics_are_those_of_the_naive_model(stream, rows, seconds):
    kept_ts, kept = naive_rows(*stream, rows, seconds)
    got = figures(filled([stream], rows), seconds)[0]
    for column, numbers in zip(kept.T, got, strict=True):
        expected = naive_channel(kept_ts, column)
        assert tuple(expected) == STATISTICS
        for name, number in zip(STATISTICS, numbers.tolist(), strict=True):
            assert number == pytest.approx(expected[name], rel=1e-9, abs=1e-6, nan_ok=True), name


@given(streams(), st.integers(1, 12), st.sampled_from([2.0, math.inf]))
@settings(max_examples=30)
def test_the_plain_functions_say_the_same(stream, rows, seconds):
    bank, plain = filled([stream], rows), filled([stream], rows, window_push.py_func)
    assert bank.record("0") == plain.record("0")
    same = np.testing.assert_allclose
    same(figures(bank, seconds), figures(bank, seconds, by=summarise.py_func), rtol=1e-12, atol=1e-9)


@given(st.lists(streams(), min_size=2, max_size=4), st.integers(1, 30))
@settings(max_examples=30)
def test_what_is_beside_a_window_or_a_channel_changes_no_bit_of_its_statistics(some, rows):
    channels = min(values.shape[1] for _, values in some)
    some = [(ts, values[:, :channels]) for ts, values in some]
    together = figures(filled(some, rows), 3.0)
    for i, (ts, values) in enumerate(some):
        for j in range(channels):
            alone = figures(filled([(ts, values[:, j : j + 1])], rows), 3.0)
            assert together[i, j].tobytes() == alone[0, 0].tobytes()
    backwards = list(range(len(some)))[::-1]
    assert figures(filled(some, rows), 3.0, backwards).tobytes() == together[::-1].tobytes()


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats()))
def test_any_floats_give_figures_within_their_bounds(values):
    got = of_one(np.arange(float(len(values))), values)
    finite = values[np.isfinite(values)]
    assert got["count"] == len(finite)
    assert not any(math.isinf(number) for number in got.values())
    if len(finite):
        assert got["min"] == finite.min()
        assert got["max"] == finite.max()
        for name in ("mean", "last", *LEVELS):
            assert got["min"] <= got[name] <= got["max"], name


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_the_mean_of_the_largest_numbers_is_one_of_them(count):
    largest = np.finfo(np.float64).max
    got = of_one(np.arange(float(count)), np.full(count, largest))
    assert (got["mean"], got["q50"]) == (largest, largest)


def test_huge_values_have_a_mean_a_spread_and_a_slope():
    x = np.array([1.0, 3.0, 2.0, 6.0])
    huge = of_one(np.arange(4.0), 1e300 * x)
    assert huge["mean"] == pytest.approx(3e300)
    assert huge["std"] == pytest.approx(1e300 * np.std(x, ddof=1))
    assert huge["slope"] == pytest.approx(1e300 * np.polyfit(np.arange(4.0), x, 1)[0])
    assert huge["q50"] == pytest.approx(2.5e300)


def test_a_small_spread_on_a_large_level_keeps_its_digits():
    x = 1e9 + np.random.default_rng(0).normal(size=50)
    assert of_one(np.arange(50.0), x)["std"] == pytest.approx(np.std(x, ddof=1), rel=1e-12)


def test_an_empty_window_says_so():
    got = figures(filled([(np.empty(0), np.empty((0, 1)))], 5))[0, 0]
    assert got[0] == 0.0
    assert np.isnan(got[1:]).all()


@given(st.fixed_dictionaries(NUMBERS), st.data())
@settings(max_examples=200)
def test_a_forged_window_is_read_and_written_within_its_bounds(ring, data):
    rows, channels = 3, 2
    bank = Bank(window_layout(channels, rows))
    for source in "abc":
        bank.add(source)
    neighbours = bank.record("a"), bank.record("c")
    for name, number in ring.items():
        bank["window"][1][name] = number
    bank["window.ts"][1] = data.draw(hnp.arrays(np.float64, rows, elements=st.floats()))
    bank["window.values"][1] = data.draw(hnp.arrays(np.float64, (rows, channels), elements=st.floats()))
    # In the plain form numpy refuses an index beyond its array, where a kernel would write there.
    for push, by in ((window_push, summarise), (window_push.py_func, summarise.py_func)):
        with np.errstate(all="ignore"):
            place = partial(push, bank["window"][1], bank["window.ts"][1], bank["window.values"][1])
            place(1.0, np.array([2.0, 3.0]))
            got = figures(bank, 2.0, by=by)
        assert [2.0, 3.0] in bank["window.values"][1].tolist()
        assert (got[1, :, 0] <= rows).all()
        assert (bank.record("a"), bank.record("c")) == neighbours
