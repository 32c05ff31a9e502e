"""Each quality problem is told with its begin and its end; noise is not."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.bank import Bank
from stream_app.core.quality import QualityMonitor, QualityOptions, quality_layout
from stream_app.errors import DataError, StateError


def noise(n=1000, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def told(values, ts=None, channels="abcdefghijkl", limits=None, options=None):
    monitor = QualityMonitor(channels[: values.shape[1]], limits=limits, options=options)
    ts = np.arange(len(values)) * 1.0 if ts is None else ts
    return [
        (s.row, s.detector.removeprefix("quality."), s.channel, s.ended) for s in monitor.update(ts, values)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_streams_raise_nothing(seed):
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [
            rng.normal(size=20_000),
            np.round(rng.normal(size=20_000)),
            rng.standard_t(4, size=20_000),
            rng.integers(0, 2, 20_000),
            np.where(rng.random(20_000) < 0.02, 1.0, 0.0),
            np.round(np.cumsum(rng.normal(size=20_000)) * 0.02, 1),
        ]
    )
    values[rng.random(values.shape) < 0.03] = np.nan
    ts = np.cumsum(rng.exponential(size=20_000))
    assert told(values, ts) == []


def test_what_goes_far_from_its_past_is_no_bad_data():
    values = noise()
    values[500:550, 1] += 1e6
    assert told(values) == []


def test_one_bad_event_is_counted_and_no_alarm():
    values = noise()
    values[600, 1] = np.nan
    values[700, 1] = 50.0
    monitor = QualityMonitor(["a", "b"], limits={"b": (-10.0, 10.0)})
    assert monitor.update(np.arange(1000.0), values) == []
    a, b = monitor.report().channels
    assert (a.missing, a.out_of_range, b.missing, b.out_of_range) == (0, 0, 1, 1)
    assert b.missing_rate == 1e-3


def test_values_out_of_declared_limits_begin_and_end():
    values = noise()
    values[100:150, 0] = -9.0 + noise(50, 1, 1)[:, 0] / 10
    assert told(values, limits={"a": (-5.0, None)}) == [(102, "range", "a", False), (169, "range", "a", True)]


def test_a_missing_rate_above_the_habit_begins_and_ends():
    values = noise(2000)
    values[1000:1100:2, 0] = np.nan
    begin, end = told(values)
    assert begin[1:] == ("missing", "a", False)
    assert end[1:] == ("missing", "a", True)
    assert 1015 <= begin[0] <= 1040
    assert end[0] > 1100


def test_a_channel_that_is_often_missing_is_judged_by_its_habit():
    values = noise(4000)
    values[np.random.default_rng(1).random(4000) < 0.5, 0] = np.nan
    assert told(values) == []


def test_what_is_missing_for_long_is_told_until_it_is_back():
    values = noise(6000)
    values[2000:5000:3, 0] = np.nan
    begin, end = told(values)
    assert begin[0] < 2100
    assert end[0] > 5000


def test_a_stuck_sensor_begins_after_its_limit_and_ends_with_the_next_value():
    values = noise()
    values[500:600, 0] = values[500, 0]
    assert told(values) == [(519, "stuck", "a", False), (600, "stuck", "a", True)]


def test_a_sensor_whose_spread_collapses_is_stuck():
    values = noise()
    values[500:600, 0] = values[500, 0] + 1e-7 * noise(100, 1, 1)[:, 0]
    assert told(values) == [(519, "stuck", "a", False), (600, "stuck", "a", True)]


def test_a_quiet_spell_is_not_stuck():
    values = noise()
    values[500:600] *= 0.02
    assert told(values) == []


def test_a_stuck_sensor_must_be_stuck_for_some_time_too():
    values = noise()
    values[500:600, 0] = values[500, 0]
    assert told(values, np.arange(1000) * 0.2)[0] == (550, "stuck", "a", False)


def test_a_constant_channel_is_not_called_stuck():
    values = noise(6000)
    values[:, 0] = 4.0
    values[3000:3100, 0] = np.arange(100) * 10.0
    assert told(values) == []


def test_runs_that_come_back_are_a_habit_after_the_second():
    values = noise(10_000)
    for start in range(1000, 10_000, 1000):
        values[start : start + 200, 0] = values[start, 0]
    assert [row for row, _, _, ended in told(values) if not ended] == [1019, 2019]


def stuck_each_time_longer(growth, repeats):
    """Return the lengths of runs that are told, where each is so much longer than the one before."""
    lengths = [int(30 * growth**k) for k in range(repeats)]
    parts = [noise(300, 1)]
    for length in lengths:
        parts += [np.full((length, 1), 3.0), noise(3 * length + 300, 1)]
    values = np.concatenate(parts)
    monitor = QualityMonitor(["a"])
    signals = monitor.update(np.arange(float(len(values))), values)
    return [lengths.index(s.statistic) for s in signals if s.ended]


def test_runs_have_to_be_farther_beyond_the_habit_after_each_alarm():
    # Twice the second longest is told at first, four times after the third alarm.
    assert stuck_each_time_longer(1.6, 9) == [0, 1, 2]
    # What is beyond all habit is told, however much was.
    assert stuck_each_time_longer(5.0, 5) == [0, 1, 2, 3, 4]


def test_a_channel_that_never_stood_still_is_told_as_fast_as_ever_beside_one_that_often_does():
    values = noise(12_000, 2)
    for start in range(1000, 10_000, 1000):
        values[start : start + 500, 0] = 3.0
    values[11_000:11_100, 1] = 1.0
    assert [entry for entry in told(values) if entry[2] == "b"] == [
        (11_019, "stuck", "b", False),
        (11_100, "stuck", "b", True),
    ]


def test_a_coarse_sensor_is_stuck_when_it_dwells_ten_times_as_long_as_ever():
    walk = np.cumsum(noise(8000, 1, 5) * 0.05, axis=0)
    values = np.round(np.concatenate([walk, np.full((8000, 1), walk[-1, 0])]), 0)
    (begin,) = told(values)
    assert begin[1:] == ("stuck", "a", False)
    assert begin[0] > 8000


def test_a_channel_that_disappears_comes_back():
    values = noise(1500, 3)
    values[500:1000, 1] = np.nan
    got = [entry for entry in told(values) if entry[1] == "gone"]
    assert got == [(799, "gone", "b", False), (1000, "gone", "b", True)]


def test_a_channel_that_disappears_while_it_is_learned_is_told_too():
    values = noise(1000, 3)
    values[100:, 1] = np.nan
    assert (399, "gone", "b", False) in told(values)


def test_a_declared_channel_that_is_never_there_is_gone():
    values = noise(1000, 3)
    values[:, 1] = np.nan
    assert told(values) == [(299, "gone", "b", False)]


def test_a_rare_channel_is_not_gone():
    values = noise(8000, 3)
    values[np.arange(8000) % 400 != 0, 1] = np.nan
    assert told(values) == []


def test_channels_that_go_missing_together_are_told_once():
    values = noise(3000, 12)
    values[1000:1800, :9] = np.nan
    monitor = QualityMonitor("abcdefghijkl")
    begin, end = monitor.update(np.arange(3000.0), values)
    assert (begin.row, begin.detector, begin.channel, begin.ended) == (1014, "quality.missing", "*", False)
    assert (begin.statistic, begin.threshold) == (9.0, 6.0)
    assert [name for name, _ in begin.contributions] == ["a", "b", "c"]
    assert begin.context == (("channels", 12.0),)
    assert (end.detector, end.channel, end.ended) == ("quality.missing", "*", True)
    assert 1800 < end.row <= 1900


def test_channels_that_fail_together_at_random_are_told_once():
    values = noise(3000, 8)
    values[1000:1500][np.random.default_rng(3).random((500, 8)) < 0.6] = np.nan
    assert [(channel, ended) for _, _, channel, ended in told(values)] == [("*", False), ("*", True)]


def test_a_channel_that_stays_away_after_an_outage_is_told_for_itself():
    values = noise(3000, 8)
    values[1000:1800] = np.nan
    values[1800:, 2] = np.nan
    got = told(values)
    assert [entry[1:] for entry in got] == [
        ("missing", "*", False),
        ("missing", "*", True),
        ("missing", "c", False),
        ("gone", "c", False),
    ]


def test_two_of_eight_are_told_by_themselves():
    values = noise(1500, 8)
    values[500:700, :2] = np.nan
    assert {channel for _, _, channel, _ in told(values)} == {"a", "b"}


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


def test_of_draws_nothing_is_stuck_silent_or_bursting():
    options = QualityOptions(stuck_least=None, burst_factor=None, silence=math.inf)
    values = noise(1500)
    values[500:900] = 1.0
    steps = np.ones(1500)
    steps[1000:1200], steps[1300] = 0.01, 1e6
    assert told(values, np.cumsum(steps), options=options) == []


def test_the_report_says_what_is_in_alarm():
    monitor = QualityMonitor(["a"])
    assert monitor.report().to_dict()["rate"] is None
    values = noise(400, 1)
    values[350:] = values[350]
    monitor.update(np.arange(400.0), values)
    report = monitor.report()
    assert (report.events, report.start, report.end, report.rate, report.period) == (
        400,
        0.0,
        399.0,
        1.0,
        1.0,
    )
    assert (report.channels[0].longest_run, report.channels[0].active) == (50, ("stuck",))


def messy_stream(seed, n):
    rng = np.random.default_rng(seed)
    values = np.where(
        rng.random((n, 3)) < 0.1,
        rng.choice([0.0, 50.0, np.nan, np.inf], size=(n, 3)),
        rng.normal(size=(n, 3)),
    )
    values[: n // 2, 2] = np.nan
    for _ in range(2):
        start = int(rng.integers(0, n + 1))
        values[start : start + 60, int(rng.integers(0, 3))] = rng.choice([1.0, np.nan, 99.0])
    values[n // 2 : n // 2 + 40] = np.nan
    return np.cumsum(rng.choice([0.0, 1.0, 1.0, 60.0, -1.0, 0.01], size=n)), values


MESSY = QualityOptions(learn=60, burst_window=20, missing_least=5, missing_window=30, gone_least=25)


def plain(signals, start=0):
    return [
        [s.row + start, s.ts, s.detector, s.channel, s.ended, s.statistic, s.threshold, *s.context]
        for s in signals
    ]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 150), min_size=1, max_size=8))
def test_neither_batch_borders_nor_restores_change_anything(seed, sizes):
    ts, values = messy_stream(seed, sum(sizes))
    names = ["a", "b", "c"]
    make = lambda: QualityMonitor(["a", "b"], limits={"a": (-3, 3)}, options=MESSY)  # noqa: E731
    whole, pieces, got, start = make(), make(), [], 0
    expected = plain(whole.update(ts, values, names))
    for size in sizes:
        batch = slice(start, start + size)
        got += plain(pieces.update(ts[batch], values[batch], names), start)
        pieces = QualityMonitor.from_state(pieces.state())
        start += size
    assert got == expected
    assert pieces.state() == whole.state()


WITHOUT_COMPILER = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from test_quality_monitor import MESSY, messy_stream, plain
from stream_app.core.quality import QualityMonitor
monitor = QualityMonitor(["a", "b"], limits={"a": (-3, 3)}, options=MESSY)
signals = plain(monitor.update(*messy_stream(11, 900), ["a", "b", "c"]))
print(json.dumps([signals, monitor.state()["record"].hex()]))
"""


@pytest.mark.slow
def test_compiled_and_plain_python_do_the_same():
    paths = json.dumps([str(Path(__file__).parent), *sys.path])
    ran = [
        json.loads(
            subprocess.run(
                [sys.executable, "-W", "error", "-c", WITHOUT_COMPILER, paths],
                check=True, capture_output=True, env=os.environ | {"NUMBA_DISABLE_JIT": disabled},
            ).stdout
        )
        for disabled in ("0", "1")
    ]  # fmt: skip
    assert len(ran[0][0]) >= 10
    assert ran[0] == ran[1]


AWKWARD = {
    "constant": lambda x: np.full_like(x, 3.0),
    "nothing at all": lambda x: np.full_like(x, np.nan),
    "infinite": lambda x: np.where(x > 0.0, np.inf, -np.inf),
    "huge": lambda x: np.where(x > 0.0, 1.7e308, -1.7e308),
    "largest at times": lambda x: np.where(x > 2.0, np.finfo(float).max, x),
    "tiny": lambda x: x * 5e-324,
    "mostly missing": lambda x: np.where(x > 2.0, x, np.nan),
    "one value": lambda x: np.where((np.arange(len(x)) == 500)[:, None], 1.0, x * np.nan),
}


@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("d", [1, 300])
@pytest.mark.filterwarnings("error")
def test_whatever_comes_signals_are_finite(kind, d):
    x = AWKWARD[kind](noise(1500, d, 2))
    limits = {"0": (-1e308, 1e308), "1": (0.0, None)}
    for signal in QualityMonitor(list(map(str, range(d))), limits=limits).update(np.arange(1500.0), x):
        figures = [signal.statistic, signal.threshold, *(number for _, number in signal.context)]
        assert all(map(math.isfinite, figures)), signal


def test_a_source_of_eight_channels_takes_a_kibibyte_and_a_half():
    assert Bank(quality_layout(8)).record_size <= 1536


@pytest.mark.parametrize(
    "options",
    [{"learn": 100}, {"learn": 40_000}, {"confirm": 21}, {"missing_least": 101}, {"chance": 0.0},     {"silence": -1.0}, {"silence": math.nan}, {"within": 0}, {"within": 31}, {"missing_window": 121}, {"stuck_least": 1},
     {"burst_factor": 1.0}, {"burst_window": 101}],
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
    state = QualityMonitor(["a"]).state()
    with pytest.raises(StateError, match="damaged"):
        QualityMonitor.from_state({"version": 3, "channels": ["a"]})
    with pytest.raises(StateError, match="another layout"):
        QualityMonitor.from_state(state | {"layout": "0"})
    with pytest.raises(StateError, match="bytes"):
        QualityMonitor.from_state(state | {"record": state["record"][:-1]})
