import numpy as np
import pytest

from producers.batch import Readings
from stream_app.backtesting import Backtest, InputRows
from stream_app.events import ReadingDecoder
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.testing import readings, run_monitor

N = 1500
CHANNELS = ("flow", "level")


def plant(seed, shift=4.0):
    values = np.random.default_rng(seed).normal((32.0, 5.0), (0.4, 0.1), size=(N, 2))
    values[900:1100, 0] -= shift
    values[400:420, 1] = np.nan
    return values


def rows_of(values, *, name="pump", truth=None, begin=0, end=None):
    rows = slice(begin, end)
    truth = None if truth is None else truth[rows]
    return InputRows.of(name, np.arange(float(N))[rows], CHANNELS, values[rows], anomaly=truth)


TRUTH = (np.arange(N) >= 900) & (np.arange(N) < 1100)


def everything(judged):
    scores = judged.scores
    return np.column_stack((scores.score, scores.anomaly, scores.changepoint, scores.drift))


@pytest.mark.parametrize("size", [1, 7, 64, 999])
def test_blocks_do_not_matter(size):
    values = plant(1)
    whole = Backtest(SensorStream())
    expected = whole.update(rows_of(values, truth=TRUTH))
    cut = Backtest(SensorStream())
    parts = [cut.update(rows_of(values, truth=TRUTH, begin=at, end=at + size)) for at in range(0, N, size)]
    assert np.array_equal(np.vstack([everything(part) for part in parts]), everything(expected))
    assert [alert for part in parts for alert in part.alerts] == expected.alerts
    assert cut.figures() == whole.figures()
    assert expected.scores.anomaly[950]


def test_it_is_the_monitor_that_reads_from_kafka():
    values = plant(2)
    wire = Readings.of("pump", np.arange(float(N)), CHANNELS, values).encode()
    decoded, _ = ReadingDecoder().decode(wire, [b"pump"] * N, range(N), np.arange(float(N)).tolist())
    live = SensorMonitor(SensorStream()).update(decoded)
    backtest = Backtest(SensorStream()).update(rows_of(values))
    assert np.array_equal(everything(backtest), everything(live))
    assert live.alerts == backtest.alerts


def test_truth_is_not_shown_to_the_monitor():
    values = plant(3)
    blind, told, lied_to = (
        Backtest(SensorStream()).update(rows_of(values, truth=truth)) for truth in (None, TRUTH, ~TRUTH)
    )
    assert np.array_equal(everything(blind), everything(told))
    assert np.array_equal(everything(blind), everything(lied_to))


def test_sources_between_each_other_are_judged_as_if_alone():
    one, two = plant(4), plant(5, shift=0.0)
    mixed = InputRows(
        ("a", "b"), np.tile([0, 1], N), np.repeat(np.arange(float(N)), 2), CHANNELS, np.stack((one, two), 1).reshape(-1, 2)
    )  # fmt: skip
    backtest = Backtest(SensorStream())
    together = everything(backtest.update(mixed))
    assert np.array_equal(together[::2], everything(Backtest(SensorStream()).update(rows_of(one, name="a"))))
    assert np.array_equal(together[1::2], everything(Backtest(SensorStream()).update(rows_of(two, name="b"))))
    assert list(backtest.figures_by_source()) == ["a", "b"]


def test_refused_rows_are_quiet_and_counted():
    values = plant(6)
    ts = np.arange(float(N))
    ts[700], ts[800] = 20.0, 799.0  # late; then a repeat of the row before
    values[800] = values[799]
    backtest = Backtest(SensorStream())
    judged = backtest.update(InputRows.of("pump", ts, CHANNELS, values))
    assert len(judged.scores.score) == N
    assert not everything(judged)[[700, 800]].any()
    assert backtest.figures().refused == {"duplicate": 1, "late": 1}
    assert backtest.first_refusals["late"].startswith("row 701: ")


def test_after_forgetting_a_source_is_learned_anew():
    values = plant(7)
    backtest = Backtest(SensorStream())
    first = backtest.update(rows_of(values))
    backtest.forget()
    again = backtest.update(rows_of(values, name="other"))
    assert np.array_equal(everything(first), everything(again))
    assert [alert.offset - N for alert in again.alerts] == [alert.offset for alert in first.alerts]


def test_the_testing_module_runs_the_same_monitor():
    values = plant(8)
    events = readings(values, CHANNELS, source="pump")
    run = run_monitor(events, batch=100)
    assert run.alerts == run_monitor(events).alerts
    times = np.array([event.ts for event in events])
    judged = Backtest(SensorStream()).update(InputRows.of("pump", times, CHANNELS, values))
    assert np.array_equal(run.scores.score, judged.scores.score)
    assert run.alerts == judged.alerts
