"""What users of seasons notice: a week, a time zone and a holiday are known, and what differs from them is told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.anomaly import AnomalyConfig, AnomalyDetector
from stream_app.core.anomaly.calendar import WEEK, calendar_options, phase_of
from stream_app.errors import SettingsError

HOUR, DAY = 3600.0, 86_400.0
MONDAY = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
GAP = 900.0
WEEKS = 8
HOLIDAY = 24
"""Day of the measured weeks that is a Thursday and spent as a Sunday."""


def office(zone: str = "UTC", start: float = MONDAY, holiday: int | None = None):
    """Load of an office: on weekdays from 8 to 18 h by its clock it is twice as high."""
    ts = start + GAP * np.arange(WEEKS * 7 * 96)
    clock = [datetime.fromtimestamp(t, UTC).astimezone(ZoneInfo(zone)) for t in ts]
    open_ = np.array([t.weekday() < 5 and 8 <= t.hour < 18 for t in clock])
    if holiday is not None:
        open_[holiday * 96 : (holiday + 1) * 96] = False
    return ts, 100.0 * (1.0 + open_) + np.random.default_rng(4).normal(0.0, 8.0, len(ts))


def alarms(ts, load, **config):
    detector = AnomalyDetector(("load",), AnomalyConfig(**config), rate=1e-3)
    signals = detector.update(ts, load[:, None]).signals
    return [signal.row for signal in signals if signal.kind == "anomaly" and not signal.ended]


@settings(max_examples=60)
@given(
    instant=st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 made aware below
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca"]),
)  # fmt: skip
def test_phases_are_those_of_the_local_clock(instant, zone):
    moment = instant.replace(microsecond=0, tzinfo=UTC)
    local = moment.astimezone(ZoneInfo(zone))
    seconds = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second).total_seconds()
    (day, week), table, holidays, _ = calendar_options((DAY, WEEK), zone, ())
    assert phase_of(moment.timestamp(), day, table, holidays) == seconds
    # The epoch began on a Thursday.
    assert phase_of(moment.timestamp(), week, table, holidays) == (local.weekday() - 3) % 7 * DAY + seconds
    closed = calendar_options((WEEK,), zone, (local.date().isoformat(),))
    assert phase_of(moment.timestamp(), closed[0][0], *closed[1:3]) == 3 * DAY + seconds


def test_a_weekend_is_told_at_first_and_known_after_two_weeks():
    ts, load = office()
    later = [row for row in alarms(ts, load, periods=(DAY, WEEK)) if row >= 2 * 7 * 96 + 48]
    assert later == []


@pytest.mark.parametrize(("day", "change"), [(5 * 7 + 5, 100.0), (5 * 7 + 2, -100.0)])
def test_a_weekday_at_the_weekend_is_an_anomaly_and_a_weekend_in_the_week(day, change):
    ts, load = office()
    begin = day * 96 + 40
    load[begin : begin + 16] += change
    assert any(begin <= row < begin + 16 for row in alarms(ts, load, periods=(DAY, WEEK)))
    # A day alone has learned that both happen.
    assert not any(begin <= row < begin + 16 for row in alarms(ts, load, periods=(DAY,)))


def test_the_season_goes_by_the_local_clock_when_that_is_set_forward():
    start = datetime(2024, 2, 12, tzinfo=UTC).timestamp()
    ts, load = office("Europe/Berlin", start)
    summer = datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp()

    def told(zone):
        return [row for row in alarms(ts, load, periods=(DAY, WEEK), timezone=zone) if ts[row] >= summer]

    assert told("Europe/Berlin") == []
    assert told("UTC") != []


def test_a_holiday_that_is_known_is_no_anomaly():
    ts, load = office(holiday=HOLIDAY)
    date = datetime.fromtimestamp(ts[HOLIDAY * 96], UTC).date().isoformat()

    def told(holidays):
        rows = alarms(ts, load, periods=(DAY, WEEK), holidays=holidays)
        return [row for row in rows if HOLIDAY <= row / 96 < HOLIDAY + 2]

    assert told(()) != []
    assert told((date,)) == []


def test_periods_may_come_in_any_order():
    ts, load = office()
    assert alarms(ts, load, periods=(WEEK, DAY)) == alarms(ts, load, periods=(DAY, WEEK))


def test_a_period_that_is_not_there_changes_little():
    rng = np.random.default_rng(6)
    ts, noise = MONDAY + 60.0 * np.arange(20_000.0), rng.normal(size=20_000)
    noise[15_000:15_030] += 6.0
    hour_too = alarms(ts, noise, periods=(HOUR, DAY, WEEK))
    assert any(15_000 <= row < 15_030 for row in hour_too)
    assert hour_too == alarms(ts, noise, periods=(DAY,))


def test_the_state_of_seasons_goes_on_as_if_it_had_not_stopped():
    ts, load = office()
    config = AnomalyConfig(periods=(DAY, WEEK), timezone="Europe/Berlin", holidays=("2024-01-25",))
    whole = AnomalyDetector(("load",), config).update(ts, load[:, None])
    first = AnomalyDetector(("load",), config)
    first.update(ts[:2500], load[:2500, None])
    second = AnomalyDetector.from_state(first.state())
    np.testing.assert_array_equal(second.update(ts[2500:], load[2500:, None]).score, whole.score[2500:])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"periods": ()}, "periods: .*at least one"),
        ({"periods": (DAY, DAY)}, "each once"),
        ({"periods": (1.0,)}, "periods: 1 s is out of range"),
        ({"timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' is not known"),
        ({"timezone": "/etc/passwd"}, "timezone: "),
        ({"holidays": ("Christmas",)}, "holidays: .*2026-12-25"),
    ],
)
def test_calendars_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(SettingsError, match=says):
        AnomalyConfig(**wrong)
