"""Changes of level: which are told, and which are routine."""

import numpy as np
import pytest

from stream_app.core.alerting import severity_of
from stream_app.core.anomaly import AnomalyDetector


def watched(values, rate=1e-4):
    return AnomalyDetector(("flow",), rate=rate).update(np.arange(float(len(values))), values[:, None])


def told(result):
    return [signal for signal in result.signals if signal.kind == "changepoint"]


def routine(n=20_000):
    """Return noise with an excursion of 20 events every 500, from before the end of the warm-up."""
    values = np.random.default_rng(5).normal(size=n)
    values[np.arange(n) % 500 < 20] += 30.0
    return values


def test_a_jump_that_comes_all_the_time_is_told_twice_at_most():
    assert len(told(watched(routine()))) <= 2


def test_a_larger_one_among_them_is_told_by_an_alarm_or_as_a_change():
    values = routine()
    values[15_200:15_260] += 150.0
    rows = [signal.row for signal in watched(values).signals if not signal.ended]
    assert any(15_200 <= row < 15_220 for row in rows)


def test_what_was_routine_long_ago_is_told_again():
    values = np.random.default_rng(6).normal(size=40_000)
    values[np.arange(40_000) % 500 < 20] += 30.0
    values[4_000:36_000] = np.random.default_rng(7).normal(size=32_000)
    result = watched(values, rate=3e-4)
    assert any(signal.row >= 36_000 and not signal.ended for signal in result.signals)


def test_an_alarm_tells_of_its_changes():
    values = np.random.default_rng(8).normal(size=1500)
    values[800:950] += 15.0
    result = watched(values)
    assert result.alarmed[810]
    assert result.changepoint[800:820].any()
    assert not told(result)


def after_an_alarm(change):
    """Return what is told of a change of 100 events, to which the alarm of an excursion to 60 has left no budget for an alarm."""
    values = np.random.default_rng(10).normal(size=6000)
    values[1000:1060] += 60.0
    values[3000:3100] += change
    (told_of,) = told(watched(values, rate=1e-6))
    assert 3000 <= told_of.row < 3020
    return told_of


def test_a_change_says_from_where_to_where():
    figures = dict(after_an_alarm(12.0).context)
    assert abs(figures["mean_before"]) < 1.0
    assert 8.0 < figures["mean_after"] < 14.0


@pytest.mark.parametrize(("change", "severity"), [(16.0, "critical"), (-7.0, "warning")])
def test_a_change_pages_that_leaves_the_levels_of_the_past(change, severity):
    assert severity_of(after_an_alarm(change)) == severity


def test_a_change_between_levels_of_the_past_pages_nobody():
    values = np.random.default_rng(12).normal(size=12_000)
    values[np.arange(12_000) // 1000 % 2 == 1] += 30.0
    found = told(watched(values, rate=1e-6))
    assert found
    assert {severity_of(signal) for signal in found[1:]} <= {"info"}
