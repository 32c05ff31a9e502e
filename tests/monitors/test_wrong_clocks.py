"""A source whose clock is wrong for a while is judged again as soon as it is right, and what is refused is told."""

from collections import Counter

import numpy as np
import pytest
from sensor_runs import run

from stream_app.events import SensorRow
from stream_app.settings import SensorStream

N, FAULT, HOUR, BEGIN = 5000, 4000, 3600.0, 1.7e9
TRUE = BEGIN + np.arange(N)
LIVE = TRUE + 0.25
FAST = 1.75e9 + np.arange(N) * 0.001
"""When records are written: as their events happen, or by a replay of what happened long before."""


def judge(ts, record_ts, cuts=range(0, N, 613)):
    values = np.random.default_rng(0).normal(size=N)
    values[FAULT : FAULT + 30] += 50.0
    rows = [SensorRow("p", at, {"x": x}) for at, x in zip(ts.tolist(), values.tolist(), strict=True)]
    done = run(SensorStream(), rows, cuts, record_ts=record_ts.tolist())
    refused = Counter(refusal.reason.value for refusal in done.refusals)
    told = [(alert.detector, alert.state.value, alert.changed_offset) for alert in done.alerts]
    return refused, told


def shifted(seconds, begin, end):
    ts = TRUE.copy()
    ts[begin:end] += seconds
    return ts


@pytest.mark.parametrize("record_ts", [LIVE, FAST], ids=["live", "replay"])
@pytest.mark.parametrize(
    ("ts", "most"),
    [
        pytest.param(shifted(20 * HOUR, 300, 301), {"timestamp": 1}, id="one reading ahead"),
        pytest.param(shifted(20 * HOUR, 300, 305), {"timestamp": 5}, id="five readings ahead"),
        pytest.param(shifted(20 * HOUR, 0, 1), {"late": 7}, id="the first reading ahead"),
        pytest.param(shifted(-HOUR, 300, 301), {"late": 1}, id="one reading behind"),
    ],
)
def test_wrong_times_of_a_few_readings_cost_these_and_the_fault_is_told(ts, most, record_ts):
    refused, told = judge(ts, record_ts)
    assert refused <= Counter(most)
    assert ("anomaly", "firing", FAULT) in told
    assert not any(detector == "quality.refused" for detector, _, _ in told)


def test_a_gap_of_days_costs_nothing_live_and_few_readings_in_a_fast_replay():
    ts = shifted(3 * 24 * HOUR, 2000, N)
    for record_ts, lost in ((ts + 0.25, {}), (FAST, {"timestamp": 7})):
        refused, told = judge(ts, record_ts)
        assert refused == lost
        assert ("anomaly", "firing", FAULT) in told


def test_a_minute_in_the_future_costs_the_readings_that_settle_it():
    refused, told = judge(shifted(20 * HOUR, 300, 360), LIVE)
    assert refused == {"timestamp": 7, "late": 7}
    assert ("anomaly", "firing", FAULT) in told


def test_an_hour_that_is_sent_twice_is_refused_and_told_until_it_is_over():
    refused, told = judge(shifted(-HOUR, 1000, 1000 + 1800), LIVE)
    assert refused == {"late": 1800}
    mine = [one for one in told if one[0] == "quality.refused"]
    assert mine == [("quality.refused", "firing", 1031), ("quality.refused", "resolved", 2800)]
    assert ("anomaly", "firing", FAULT) in told


def test_sources_that_send_once_a_day_are_never_ahead():
    days = BEGIN - N * 86400.0 + np.arange(N) * 86400.0
    assert judge(days, FAST)[0] == {}


def test_readings_of_a_wrong_clock_are_judged_alike_wherever_deliveries_end():
    for ts in (shifted(20 * HOUR, 300, 360), shifted(-HOUR, 1000, 1800)):
        assert judge(ts, LIVE) == judge(ts, LIVE, cuts=[*range(290, 400, 3), *range(1000, 1100), 1799, 1800])


def test_what_is_refused_says_how_far_it_is_behind():
    rows = [SensorRow("p", at, {"x": 1.0}) for at in (BEGIN + np.r_[0:100, -HOUR : -HOUR + 40]).tolist()]
    done = run(SensorStream(), rows)
    (alert,) = done.alerts
    assert (alert.statistic, alert.started_at) == (32.0, BEGIN + 99)
    assert alert.context["seconds_behind"] == pytest.approx(HOUR + 99 - 31)
    assert "32 events" in alert.summary
    assert "1 h 1 min older" in alert.summary


def test_a_source_that_was_never_on_time_is_told_by_the_time_of_its_records():
    rows = [SensorRow("p", BEGIN + 2 * 24 * HOUR + i, {"x": 1.0}) for i in range(40)]
    done = run(SensorStream(), rows, record_ts=[BEGIN + i for i in range(40)])
    (alert,) = done.alerts
    assert (alert.detector, alert.started_at) == ("quality.refused", BEGIN + 31)
    assert "ahead of" in alert.summary
