"""The monitor of one source in memory: what a worker and a backtest say, event by event or in batches."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import stream_app as sg
from stream_app.errors import DataError, SettingsError, StateError
from stream_app.store.packing import pack_state, unpack_state

N = 1200
TS = 1.7e9 + np.arange(float(N))


def flow():
    values = np.random.default_rng(7).normal(32.0, 0.4, size=(N, 1))
    values[900:1000] -= 3.0
    return values


def test_one_by_one_in_batches_and_in_a_backtest_it_is_the_same():
    whole = sg.Monitor(("flow",), source="frame").update(TS, flow())
    monitor, alerts, scores = sg.Monitor(("flow",), source="frame"), [], []
    for ts, value in zip(TS, flow()[:, 0], strict=True):
        verdict = monitor.update_one(ts, flow=value)
        alerts += verdict.alerts
        scores.append((verdict.score, verdict.anomaly, verdict.changepoint, verdict.drift))
    assert alerts == whole.alerts
    assert alerts
    columns = (whole.score, whole.anomaly, whole.changepoint, whole.drift)
    assert scores == list(zip(*(column.tolist() for column in columns), strict=True))
    backtest = sg.backtest(pl.DataFrame({"ts": TS, "flow": flow()[:, 0]}), time="ts")
    assert backtest.scores["score"].to_list() == whole.score.tolist()
    began = [alert for alert in alerts if alert.state == "firing"]
    assert backtest.alerts["row"].to_list() == [alert.offset for alert in began]


def test_a_restored_monitor_continues_to_the_bit():
    whole, monitor = sg.Monitor(("flow",), budget="1 per week", warmup=300), None
    expected = whole.update(TS, flow())
    alerts = []
    for begin, end in ((0, 0), (0, 950), (950, N)):
        monitor = monitor or sg.Monitor(("flow",), budget="1 per week", warmup=300)
        alerts += monitor.update(TS[begin:end], flow()[begin:end]).alerts
        monitor = sg.Monitor.from_state(unpack_state(pack_state(monitor.state()), "monitor"))
    assert alerts == expected.alerts
    assert pack_state(monitor.state()) == pack_state(whole.state())
    assert repr(monitor) == repr(whole)


def test_it_says_what_it_serves_and_what_it_refuses():
    monitor = sg.Monitor(("flow", "level"))
    assert monitor.features == {}
    monitor.update(TS[:3], np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 5.0]]))
    assert monitor.features["flow.mean"] == 2.0
    assert monitor.update_one(TS[2], flow=3.0, level=5.0).refused
    assert monitor.update([TS[0], TS[3]], [[1.0, 5.0]] * 2).refused.keys() == {0}
    assert monitor.update_one(datetime.fromtimestamp(TS[4], UTC), flow=4.0, level=None).refused is None
    assert monitor.features["flow.last"] == 4.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: sg.Monitor("flow"), "expected a sequence of names"),
        (lambda: sg.Monitor(("a", "a")), "distinct ones"),
        (lambda: sg.Monitor(()), "expected at least 1"),
        (lambda: sg.Monitor(("a",), budget="often"), "budget 'often' cannot be read"),
        (lambda: sg.Monitor(("a",), warmup=1), "warmup=: "),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, says):
    with pytest.raises(SettingsError, match=says):
        make()


def test_events_that_make_no_sense_are_refused_and_change_nothing():
    monitor = sg.Monitor(("flow",))
    before = pack_state(monitor.state())
    for update in (
        lambda: monitor.update_one(1.0, flaw=1.0),
        lambda: monitor.update_one(1.0, flow="high"),
        lambda: monitor.update_one(float("nan"), flow=1.0),
        lambda: monitor.update(TS[:2], np.zeros((2, 2))),
        lambda: monitor.update(TS[:2], np.zeros(2)),
    ):
        with pytest.raises(DataError):
            update()
    assert pack_state(monitor.state()) == before


@pytest.mark.parametrize(
    "damaged", [{}, {"version": 0}, {"version": 1}, {"stream": 3}, {"state": {}}, {"channels": []}]
)
def test_a_foreign_state_is_refused(damaged):
    monitor = sg.Monitor(("flow",))
    monitor.update_one(TS[0], flow=1.0)
    state = monitor.state() | damaged if damaged and damaged != {"version": 1} else damaged
    with pytest.raises(StateError):
        sg.Monitor.from_state(state)
