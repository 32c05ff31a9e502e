"""Each quality problem is told with its begin and its end; noise is not; a naive model agrees."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream_app.core.quality import QualityMonitor, QualityOptions
from stream_app.core.quality.absence import Absences
from stream_app.core.quality.runs import StuckRuns, longest_ordinary_run
from stream_app.core.quality.trailing import TrailingCount
from stream_app.errors import DataError, StateError
from stream_app.store import pack_state, unpack_state


def noise(n=1000, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def told(values, ts=None, channels=("a", "b"), limits=None, options=None):
    monitor = QualityMonitor(channels[: values.shape[1]], limits=limits, options=options)
    ts = np.arange(len(values)) * 1.0 if ts is None else ts
    return [(s.row, s.detector, s.channel, s.ended) for s in monitor.update(ts, values)]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_streams_raise_nothing(seed):
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [
            rng.normal(size=20_000),
            np.round(rng.normal(size=20_000)),
            rng.standard_t(4, size=20_000),
            rng.integers(0, 2, 20_000),
        ]
    )
    values[rng.random(values.shape) < 0.03] = np.nan
    ts = np.cumsum(rng.exponential(size=20_000))
    assert told(values, ts, channels=("a", "b", "c", "d")) == []


def test_one_bad_event_is_counted_and_no_alarm():
    values = noise()
    values[500, 0] = 1e300
    values[600, 1] = np.nan
    values[700, 1] = 50.0
    monitor = QualityMonitor(["a", "b"], limits={"b": (-10.0, 10.0)})
    assert monitor.update(np.arange(1000.0), values) == []
    a, b = monitor.report().channels
    assert (a.beyond_sigma, b.beyond_sigma, b.out_of_range, b.missing) == (1, 1, 1, 1)


def test_values_out_of_declared_limits_begin_and_end():
    values = noise()
    values[100:150, 0] = -9.0 + noise(50, 1, 1)[:, 0] / 10
    assert told(values, limits={"a": (-5.0, None)}) == [
        (102, "quality.range", "a", False),
        (169, "quality.range", "a", True),
    ]


def test_values_beyond_ten_sigma_begin_and_end():
    values = noise()
    values[500:550, 1] += 30.0
    assert told(values) == [(502, "quality.sigma", "b", False), (569, "quality.sigma", "b", True)]


def test_a_level_at_which_a_channel_dwells_becomes_a_habit():
    values = noise(3000, 1)
    values[750:, 0] += 30.0
    assert told(values) == [(752, "quality.sigma", "a", False), (919, "quality.sigma", "a", True)]
    values[2000:2050, 0] += 30.0
    assert [row for row, *_ in told(values)][2:] == [2002, 2069]


def test_a_slow_walk_is_no_bad_input():
    values = np.cumsum(noise(20_000, 2), axis=0) * 0.03 + noise(20_000, 2, 1)
    assert told(values) == []


def test_a_missing_rate_above_the_habit_begins_and_ends():
    values = noise(2000)
    values[1000:1100:2, 0] = np.nan
    got = told(values)
    assert [entry[1:] for entry in got] == [("quality.missing", "a", False), ("quality.missing", "a", True)]
    assert 1015 <= got[0][0] <= 1040
    assert got[1][0] > 1100


def test_a_channel_that_is_often_missing_is_judged_by_its_habit():
    values = noise(4000)
    values[np.random.default_rng(1).random(4000) < 0.5, 0] = np.nan
    assert told(values) == []


def test_a_stuck_sensor_begins_after_its_limit_and_ends_with_the_next_value():
    values = noise()
    values[500:600, 0] = values[500, 0]
    assert told(values) == [(519, "quality.stuck", "a", False), (600, "quality.stuck", "a", True)]


def test_a_stuck_sensor_must_be_stuck_for_some_time_too():
    values = noise()
    values[500:600, 0] = values[500, 0]
    ts = np.arange(1000) * 0.2
    assert told(values, ts)[0] == (550, "quality.stuck", "a", False)


def test_a_constant_channel_is_not_called_stuck():
    values = noise()
    values[:, 0] = 4.0
    assert told(values) == []


def test_a_channel_that_disappears_comes_back():
    values = noise(1500)
    values[500:1000, 1] = np.nan
    got = [entry for entry in told(values) if entry[1] == "quality.gone"]
    assert got == [(799, "quality.gone", "b", False), (1000, "quality.gone", "b", True)]


def test_a_channel_that_appears_is_news_only_after_the_schema_is_learned():
    values = noise(1000, 3)
    values[:100, 1] = np.nan
    values[:600, 2] = np.nan
    monitor = QualityMonitor()
    signals = monitor.update(np.arange(1000.0), values, ["a", "b", "c"])
    assert [(s.row, s.detector, s.channel, s.ended) for s in signals] == [
        (600, "quality.new", "c", False),
        (600, "quality.new", "c", True),
    ]
    assert {c.channel: (c.rows, c.missing) for c in monitor.report().channels} == {
        "a": (1000, 0),
        "b": (900, 0),
        "c": (400, 0),
    }


def test_silence_shows_with_the_next_event_or_with_the_watermark():
    ts = np.append(np.arange(400.0), 500.0)
    signals = QualityMonitor(["a", "b"]).update(ts, noise(401))
    assert [(s.row, s.ts, s.ended) for s in signals] == [(400, 419.0, False), (400, 500.0, True)]

    monitor = QualityMonitor(["a", "b"])
    monitor.update(ts[:400], noise(400))
    assert monitor.advance(419.0) == []
    (begin,) = monitor.advance(420.0)
    assert (begin.row, begin.ts, begin.detector, begin.channel, begin.ended) == (
        -1,
        419.0,
        "quality.silence",
        "*",
        False,
    )
    assert monitor.advance(450.0) == []
    assert monitor.report().active == ("silence",)
    (end,) = monitor.update(ts[400:], noise(1))
    assert (end.row, end.ts, end.ended) == (0, 500.0, True)


def test_a_source_with_gaps_is_not_called_silent_for_one_of_them():
    ts = np.cumsum(np.where(np.arange(1000) % 100 == 99, 250.0, 1.0))
    assert told(noise(1000), ts) == []


def test_a_burst_begins_and_ends():
    steps = np.ones(1500)
    steps[700:900] = 0.05
    got = [entry for entry in told(noise(1500), np.cumsum(steps)) if entry[1] == "quality.burst"]
    assert [entry[2:] for entry in got] == [("*", False), ("*", True)]
    assert 780 <= got[0][0] <= 800
    assert 900 <= got[1][0] <= 950


def test_rows_out_of_order_make_no_gap():
    ts = np.arange(2000.0)
    ts[1000:1010] -= 300.0
    assert told(noise(2000), ts) == []


def test_refused_arrivals_are_in_the_report():
    monitor = QualityMonitor(["a"])
    assert monitor.report().to_dict()["refused_rate"] == 0.0
    monitor.update(np.arange(6.0), noise(6, 1))
    monitor.count(duplicate=1, late=2)
    monitor.count(late=1)
    report = monitor.report()
    assert report.refused == {"duplicate": 1, "late": 3}
    assert report.refused_rate == 0.4
    assert (report.events, report.start, report.end, report.rate, report.longest_gap) == (
        6,
        0.0,
        5.0,
        1.0,
        1.0,
    )


flag_rows = hnp.arrays(np.bool_, st.tuples(st.integers(0, 40), st.just(2)))


@given(flag_rows, st.integers(1, 8), st.integers(1, 5), st.integers(0, 40))
def test_trailing_counts_are_the_naive_ones(flags, window, begin, border):
    end = begin - 1
    count = TrailingCount(window, 2)
    got = []
    for start, part in ((0, flags[:border]), (border, flags[border:])):
        got += [
            (t.row + start, t.column, t.begins)
            for t in count.update(part, np.full(2, begin), np.full(2, end))
        ]
    expected = []
    for column in range(2):
        active = False
        for row in range(len(flags)):
            bad = flags[max(0, row + 1 - window) : row + 1, column].sum()
            if bad <= end if active else bad >= begin:
                active = not active
                expected.append((row, column, active))
    assert sorted(got) == sorted(expected)


runs = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 40), st.just(2)),
    elements=st.sampled_from([0.0, 1.0, 1.0, 1.0, math.nan]),
)


@given(runs, st.sampled_from([0, 2, 3, 5]), st.sampled_from([0.0, 3.0]), st.integers(0, 40))
def test_stuck_runs_are_the_naive_ones(x, limit, seconds, border):
    ts = np.arange(len(x)) * 1.0
    ours = StuckRuns(2)
    got = []
    for start, stop in ((0, border), (border, len(x))):
        found = ours.update(ts[start:stop], x[start:stop], np.full(2, limit), seconds)
        got += [(t.row + start, t.column, t.begins) for t in found]
    expected, longest = [], [0, 0]
    for column in range(2):
        last, length, since, active = math.nan, 0, 0.0, False
        for row, value in enumerate(x[:, column]):
            if math.isnan(value):
                continue
            if value == last:
                length += 1
            else:
                if active:
                    active = False
                    expected.append((row, column, False))
                last, length, since = value, 1, ts[row]
            longest[column] = max(longest[column], length)
            if limit and not active and length >= limit and ts[row] - since >= seconds:
                active = True
                expected.append((row, column, True))
    assert sorted(got) == sorted(expected)
    assert ours.longest.tolist() == longest


@given(flag_rows, st.integers(1, 6), st.integers(0, 40))
def test_absences_are_the_naive_ones(missing, limit, border):
    ours, got = Absences(2), []
    for start, part in ((0, missing[:border]), (border, missing[border:])):
        got += [(t.row + start, t.column, t.begins) for t in ours.update(part, np.full(2, limit))]
    expected = []
    for column in range(2):
        length, gone = 0, False
        for row, absent in enumerate(missing[:, column]):
            length = length + 1 if absent else 0
            if length == 0 if gone else length >= limit:
                gone = not gone
                expected.append((row, column, gone))
    assert sorted(got) == sorted(expected)


def test_a_run_limit_grows_with_the_habit_of_repeating():
    rng = np.random.default_rng(0)
    smooth = longest_ordinary_run(rng.normal(size=300), 1e-6, 20)
    coarse = longest_ordinary_run(np.round(rng.normal(size=300) / 3), 1e-6, 20)
    dwelling = longest_ordinary_run(np.repeat(rng.normal(size=10), 30), 1e-6, 20)
    assert smooth == 20 < coarse < dwelling
    assert longest_ordinary_run(np.full(300, 1.0), 1e-6, 20) == 0


@st.composite
def messy(draw):
    sizes = draw(st.lists(st.integers(0, 150), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = sum(sizes)
    values = np.where(
        rng.random((n, 3)) < 0.1,
        rng.choice([0.0, 50.0, np.nan, np.inf], size=(n, 3)),
        rng.normal(size=(n, 3)),
    )
    values[: n // 2, 2] = np.nan
    for _ in range(2):
        start = int(rng.integers(0, n + 1))
        values[start : start + 60, int(rng.integers(0, 3))] = rng.choice([1.0, np.nan, 99.0])
    ts = np.cumsum(rng.choice([0.0, 1.0, 1.0, 60.0, -1.0, 0.01], size=n))
    return sizes, ts, values


@pytest.mark.slow
@settings(deadline=None)
@given(messy())
def test_neither_batch_borders_nor_restores_change_anything(stream):
    sizes, ts, values = stream
    options = QualityOptions(learn=60, burst_window=20, missing_least=5, missing_window=30, gone_least=25)
    make = lambda: QualityMonitor(["a", "b"], limits={"a": (-3, 3)}, options=options)  # noqa: E731
    whole = make()
    expected = [(s.row, s) for s in whole.update(ts, values, ["a", "b", "c"])]
    pieces, got, start = make(), [], 0
    for size in sizes:
        pieces = QualityMonitor.from_state(pieces.state())
        batch = slice(start, start + size)
        got += [(s.row + start, s) for s in pieces.update(ts[batch], values[batch], ["a", "b", "c"])]
        start += size

    def plain(found):
        # Within a row the order of signals is no promise.
        return sorted(
            (row, s.ts, s.detector, s.channel, s.statistic, s.threshold, s.ended) for row, s in found
        )

    assert plain(got) == plain(expected)
    assert pieces.report() == whole.report()


@pytest.mark.parametrize("kind", ["plain", "missing", "huge", "late channel"])
def test_small_batches_leave_the_state_of_one_large_one_whenever_it_is_taken(kind):
    rng = np.random.default_rng(5)
    values, ts = noise(700, 3), np.arange(700.0)
    if kind == "missing":
        values[rng.random(values.shape) < 0.05] = np.nan
    elif kind == "huge":
        values[40, 1] = values[430, 1] = 1e300
    elif kind == "late channel":
        values[:90, 2] = np.nan
    whole, pieces, start = QualityMonitor(), QualityMonitor(), 0
    channels = ["a", "b", "c"]
    whole.update(ts, values, channels)
    while start < len(ts):
        batch = slice(start, start + int(rng.choice([1, 1, 2, 9, 40])))
        pieces.update(ts[batch], values[batch], channels)
        start = batch.stop
        if rng.random() < 0.3:
            pieces = QualityMonitor.from_state(unpack_state(pack_state(pieces.state()), "here"))
    assert pack_state(pieces.state()) == pack_state(whole.state())


@pytest.mark.parametrize(
    "options",
    [{"learn": 100}, {"confirm": 21}, {"missing_least": 101}, {"chance": 0.0}, {"sigma": -1.0}, {"silence": math.inf},
     {"within": 0}, {"stuck_least": 1}, {"burst_factor": 1.0}],
)  # fmt: skip
def test_wrong_options_are_told(options):
    with pytest.raises(DataError, match="quality"):
        QualityOptions(**options)


def test_wrong_data_and_states_are_told():
    with pytest.raises(DataError, match="must ascend"):
        QualityMonitor(limits={"a": (2.0, 1.0)})
    with pytest.raises(DataError, match="does not fit"):
        QualityMonitor(["a"]).update([1.0], [[1.0, 2.0]])
    with pytest.raises(DataError, match="not a finite number"):
        QualityMonitor(["a"]).update([math.nan], [[1.0]])
    with pytest.raises(StateError, match="version 4"):
        QualityMonitor.from_state({"version": 4})
    with pytest.raises(StateError, match="damaged"):
        QualityMonitor.from_state({"version": 2})


@pytest.mark.parametrize("name", ["numbers", "counts", "flags", "sample"])
def test_a_state_whose_parts_do_not_fit_each_other_is_told(name):
    monitor = QualityMonitor(["a", "b"])
    monitor.update(np.arange(50.0), noise(50))
    state = monitor.state()
    with pytest.raises(StateError, match=r"damaged: a (table|sample) of"):
        QualityMonitor.from_state(state | {name: state[name][:-1]})
    times = state["arrivals"]["times"][1:]
    with pytest.raises(StateError, match="event times"):
        QualityMonitor.from_state(state | {"arrivals": state["arrivals"] | {"times": times}})
