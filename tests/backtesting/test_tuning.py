"""Which setting is taken, and why."""

import tomllib

import pytest

from stream_app.backtesting import Backtest, Delays, Figures
from stream_app.backtesting.figures import Allowance
from stream_app.backtesting.tuning import Choice, Setting, Trial, choose, settings_to_try
from stream_app.settings import ImageStream, SensorStream


def trial(told, *, allowed, false=None, found=None, setting=None):
    delays = None if found is None else Delays(events=10, missed=10 - found, median=1.0, p90=1.0)
    figures = Figures(
        1, 9000, 8000,
        scored_alerts={"anomaly": told},
        paging=told,
        false_paging=false,
        false_alarms=None if false is None else {"anomaly": false},
        alert_delays=delays,
        allowance=Allowance("1 per day", 86_400.0, allowed),
    )  # fmt: skip
    return Trial(setting or Setting("1 per day", 400), Backtest(SensorStream()), figures)


def test_with_truth_the_best_balance_of_precision_and_recall_is_taken():
    many, best, few = (
        trial(40, allowed=50.0, false=30, found=10),
        trial(12, allowed=1.0, false=3, found=9),
        trial(3, allowed=0.1, false=0, found=3),
    )
    choice = choose([many, best, few])
    assert choice.trial is best
    assert "9 of 10 true events told, 3 of 12 alerts false" in choice.reason


def test_without_truth_it_is_the_largest_budget_that_was_kept():
    loud, kept, quiet = trial(40, allowed=7.0), trial(2, allowed=1.0), trial(0, allowed=0.1)
    assert [one.within_budget for one in (loud, kept, quiet)] == [False, True, True]
    assert choose([loud, kept, quiet]).trial is kept


def test_where_no_budget_was_kept_the_one_that_told_least_is_taken_and_this_is_said():
    loud, less = trial(40, allowed=7.0), trial(30, allowed=1.0)
    choice = choose([loud, less])
    assert choice.trial is less
    assert choice.reason.startswith("no setting kept its budget")


def test_an_event_that_is_missed_by_all_is_no_reason_to_fail():
    assert choose([trial(0, allowed=1.0, false=0, found=0)]).trial.f1 == 0.0


@pytest.mark.parametrize("name", ["pumps", "pumps of hall 2", 'a"b'])
def test_the_lines_are_those_of_the_monitor_file(name):
    choice = Choice(trial(0, allowed=1.0, setting=Setting("1 per week", 800, "ks")), "")
    stream = tomllib.loads(choice.toml(name))["streams"][name]
    assert stream == {"budget": "1 per week", "warmup": 800, "detectors": [{"name": "ks"}]}
    assert SensorStream.model_validate(stream).detectors[0].name == "ks"


def test_a_budget_of_events_is_compared_with_others_of_events():
    images = ImageStream()
    tried = settings_to_try(images)
    assert tried[0] == Setting(images.budget, images.warmup)
    assert all(one.budget.endswith("events") for one in tried)
    assert len(set(tried)) == len(tried) == 6
