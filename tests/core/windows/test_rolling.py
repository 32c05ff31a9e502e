"""A rolling window and its statistics agree with a naive model that keeps every row and asks numpy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream_app.core.windows import RollingWindow, flat_summaries
from stream_app.errors import DataError, StateError

CHANNELS = ("a", "b", "c")
LEVELS = (0.05, 0.5, 0.95)

cell = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.sampled_from([0.0, 1.0, 1.0]))


@st.composite
def batches(draw):
    sizes = draw(st.lists(st.integers(0, 25), min_size=1, max_size=6))
    n = sum(sizes)
    # Quarter seconds keep the arithmetic of the model and of the window free of rounding at the window's edge.
    steps = draw(hnp.arrays(np.int64, n, elements=st.integers(-3, 8)))
    ts = 1_700_000_000.0 + np.cumsum(steps) / 4.0
    values = draw(hnp.arrays(np.float64, (n, len(CHANNELS)), elements=cell))
    return sizes, ts, values


def summarised(ts, values, channels=CHANNELS):
    """Figures of one window, by channel and statistic."""
    (flat,) = flat_summaries([(ts, values)], channels=channels)
    figures = {channel: {} for channel in channels}
    for name, value in flat.items():
        channel, statistic = name.split(".")
        figures[channel][statistic] = value
    return figures


def naive_rows(ts, values, rows, seconds):
    kept = list(zip(ts, values, strict=True))[-rows:]
    if seconds is not None and len(ts):
        kept = [(t, v) for t, v in kept if t > max(ts) - seconds]
    return np.array([t for t, _ in kept]), np.array([v for _, v in kept]).reshape(-1, len(CHANNELS))


def naive_channel(ts, column):
    seen = ~np.isnan(column)
    t, x = ts[seen], column[seen]
    out = {"count": len(x), "missing": 1 - len(x) / len(column) if len(column) else None}
    out["mean"] = np.mean(x) if len(x) else None
    out["std"] = np.std(x, ddof=1) if len(x) > 1 else None
    out["min"], out["max"] = (np.min(x), np.max(x)) if len(x) else (None, None)
    out["last"] = (
        max(enumerate(zip(t, x, strict=True)), key=lambda item: (item[1][0], item[0]))[1][1]
        if len(x)
        else None
    )
    out["slope"] = np.cov(t, x)[0, 1] / np.var(t, ddof=1) if len(set(t)) > 1 else None
    for level in LEVELS:
        out[f"q{round(100 * level):02d}"] = np.quantile(x, level) if len(x) else None
    return out


@given(batches(), st.integers(1, 30), st.one_of(st.none(), st.sampled_from([0.5, 3.0, 20.0])))
def test_agrees_with_the_naive_model(stream, rows, seconds):
    sizes, ts, values = stream
    window = RollingWindow(CHANNELS, rows=rows, seconds=seconds)
    end = 0
    for size in sizes:
        window.update(ts[end : end + size], values[end : end + size])
        end += size
        kept_ts, kept = naive_rows(ts[:end], values[:end], rows, seconds)
        got_ts, got_rows = window.view()
        assert got_ts.tobytes() == kept_ts.tobytes()
        assert got_rows.tobytes() == kept.tobytes()
        got = summarised(got_ts, got_rows)
        for i, name in enumerate(CHANNELS):
            want = naive_channel(kept_ts, kept[:, i])
            assert list(got[name]) == list(want)
            for key, value in want.items():
                assert got[name][key] == (
                    None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)
                ), key


@given(batches(), st.integers(1, 30), st.one_of(st.none(), st.just(3.0)))
def test_neither_batch_borders_nor_a_restore_change_a_bit(stream, rows, seconds):
    sizes, ts, values = stream
    whole = RollingWindow(CHANNELS, rows=rows, seconds=seconds)
    whole.update(ts, values)
    pieces = RollingWindow(CHANNELS, rows=rows, seconds=seconds)
    end = 0
    for size in sizes:
        pieces = RollingWindow.from_state(pieces.state())
        pieces.update(ts[end : end + size], values[end : end + size])
        end += size
    for a, b in zip(whole.view(), pieces.view(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert flat_summaries([whole.view()], channels=CHANNELS) == flat_summaries(
        [pieces.view()], channels=CHANNELS
    )


@given(hnp.arrays(np.float64, (7, 3), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_any_float_gives_finite_figures_or_none(values):
    for channel in summarised(np.arange(7.0), values).values():
        assert all(value is None or math.isfinite(value) for value in channel.values())


def test_huge_values_have_a_mean_and_a_spread():
    x = np.array([1.0, 3.0, 2.0, 6.0])
    huge = summarised(np.arange(4.0), 1e300 * x[:, None], ("a",))["a"]
    assert huge["mean"] == pytest.approx(3e300)
    assert huge["std"] == pytest.approx(1e300 * np.std(x, ddof=1))
    assert huge["slope"] == pytest.approx(
        1e300 * np.cov(np.arange(4.0), x)[0, 1] / np.var(np.arange(4.0), ddof=1)
    )
    assert huge["q50"] == pytest.approx(2.5e300)


def test_a_small_spread_on_a_large_level_keeps_its_digits():
    x = 1e9 + np.random.default_rng(0).normal(size=200)
    assert summarised(np.arange(200.0), x[:, None], ("a",))["a"]["std"] == pytest.approx(
        np.std(x, ddof=1), rel=1e-12
    )


def test_an_empty_window_says_so():
    ts, values = RollingWindow(["a"], seconds=5.0).view()
    assert (ts.shape, values.shape) == ((0,), (0, 1))
    assert summarised(ts, values, ("a",)) == {
        "a": {"count": 0}
        | dict.fromkeys(["missing", "mean", "std", "min", "max", "last", "slope", "q05", "q50", "q95"])
    }


def test_integers_and_booleans_are_numbers():
    window = RollingWindow(["a", "b"])
    window.update([1, 2], [[True, 3], [False, 5]])
    figures = summarised(*window.view(), ("a", "b"))
    assert (figures["a"]["mean"], figures["b"]["mean"]) == (0.5, 4.0)


def test_default_memory_is_about_20_kib():
    window = RollingWindow([f"c{i}" for i in range(8)], rows=300, seconds=60.0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        window.update(np.arange(100.0), rng.normal(size=(100, 8)))
    held = sum(a.nbytes for a in (window._ts, window._values))
    assert held <= 22 * 1024
    stored = window.state()
    assert stored["ts"].nbytes + stored["values"].nbytes == held


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RollingWindow(["a"], rows=0), "rows >= 1"),
        (lambda: RollingWindow(["a"], seconds=-1.0), "must be positive"),
        (lambda: RollingWindow(["a"]).update([1.0], [[1.0, 2.0]]), "does not fit"),
        (lambda: RollingWindow(["a"]).update([math.nan], [[1.0]]), "not a finite number"),
    ],
)
def test_wrong_use_is_told(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_a_foreign_or_damaged_state_is_refused():
    state = RollingWindow(["a"]).state()
    with pytest.raises(StateError, match="version 9"):
        RollingWindow.from_state(state | {"version": 9})
    with pytest.raises(StateError, match="damaged"):
        RollingWindow.from_state({k: v for k, v in state.items() if k != "values"})


def test_a_state_that_holds_more_than_is_read_goes_on():
    window = RollingWindow(["a"], rows=3)
    window.update(np.arange(5.0), np.arange(5.0)[:, None])
    restored = RollingWindow.from_state(window.state() | {"quantiles": [0.05, 0.5, 0.95], "lost": 1.0})
    assert restored.state().keys() == window.state().keys()
    assert restored.view()[1].tolist() == [[2.0], [3.0], [4.0]]


@pytest.mark.parametrize("rows", [0, 1, 2, 30])
def test_figures_of_a_channel_do_not_depend_on_those_beside_it(rows):
    rng = np.random.default_rng(rows)
    values = np.where(rng.random((rows, 3)) < 0.3, np.nan, rng.normal(size=(rows, 3)))
    ts = np.arange(float(rows))
    (together,) = flat_summaries([(ts, values)], channels=CHANNELS)
    alone = [
        flat_summaries([(ts, values[:, i : i + 1])], channels=[name])[0] for i, name in enumerate(CHANNELS)
    ]
    assert list(together.items()) == [item for figures in alone for item in figures.items()]


@given(st.integers(1, 40), st.integers(1, 5), st.integers(2, 12), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_windows_summarised_together_are_those_summarised_alone_bit_for_bit(rows, channels, windows, seed):
    rng = np.random.default_rng(seed)
    names = [f"c{j}" for j in range(channels)]
    values = rng.normal(size=(windows, rows, channels)) * 10.0 ** rng.integers(-3, 8, (windows, 1, channels))
    values[rng.random(windows) < 0.3] *= 1e290
    gaps = rng.random(values.shape) < rng.choice([0.0, 0.0, 0.3, 1.0], windows)[:, None, None]
    values[gaps] = np.nan
    values[rng.random(values.shape) < 0.2] = 7.0
    ts = 1.6e9 + np.cumsum(rng.normal(1.0, 0.8, (windows, rows)), axis=1)
    together = flat_summaries(list(zip(ts, values, strict=True)), channels=names)
    for i in range(windows):
        assert together[i : i + 1] == flat_summaries([(ts[i], values[i])], channels=names)


def test_what_is_summarised_stays_as_it_is():
    ts, values = np.array([1.0]), np.array([[1e300, np.inf]])
    flat_summaries([(ts, values)], channels=["a", "b"])
    assert (ts.tolist(), values.tolist()) == ([1.0], [[1e300, math.inf]])
