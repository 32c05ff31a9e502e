import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.budget import Budget, split_rate
from stream_app.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "count", "seconds", "events"),
    [
        ("1 per week", 1.0, 604_800.0, None),
        ("1 per day", 1.0, 86_400.0, None),
        ("2.5 per 12 hours", 2.5, 43_200.0, None),
        ("3 per 100000 events", 3.0, None, 100_000.0),
        ("3 per 100,000 events", 3.0, None, 100_000.0),
        ("1 in 500 events", 1.0, None, 500.0),
        (" 2 false alarms per 30 days ", 2.0, 2_592_000.0, None),
        ("4/h", 4.0, 3600.0, None),
        ("1 PER MINUTE", 1.0, 60.0, None),
    ],
)
def test_budgets_are_read_as_people_write_them(text, count, seconds, events):
    if "/" in text:
        text = text.replace("/", " / ")
    assert Budget.parse(text) == Budget(count=count, seconds=seconds, events=events)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "week",
        "1 per",
        "one per day",
        "0 per day",
        "1 per 0 events",
        "1 per parsec",
        "-1 per day",
        "1.2.3 per day",
    ],
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(SettingsError):
        Budget.parse(text)


@given(st.floats(0.01, 1e4), st.floats(0.001, 1e5))
def test_a_rate_spent_for_the_period_gives_the_count(count, events_per_second):
    budget = Budget(count=count, seconds=604_800.0)
    events = 604_800.0 * events_per_second
    assert budget.rate_per_event(events_per_second) * events == pytest.approx(count)
    assert budget.allowed(events=events, seconds=604_800.0) == pytest.approx(count)


def test_a_budget_per_time_needs_the_rate_of_events():
    with pytest.raises(SettingsError, match="event rate"):
        Budget.parse("1 per day").rate_per_event()
    assert Budget.parse("1 per 10 events").rate_per_event() == 0.1


@given(st.dictionaries(st.text(min_size=1), st.floats(0.01, 100.0), min_size=1), st.floats(1e-9, 0.1))
def test_shares_sum_to_the_whole(weights, rate):
    shares = split_rate(rate, weights)
    assert shares.keys() == weights.keys()
    assert sum(shares.values()) == pytest.approx(rate)


def test_nobody_cannot_share():
    with pytest.raises(SettingsError):
        split_rate(1e-3, {})
    with pytest.raises(SettingsError):
        split_rate(1e-3, {"a": 0.0})
