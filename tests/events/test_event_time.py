"""Event times: epoch seconds and RFC 3339."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.events import parse_event_time
from stream_app.events.sensor import MAX_TS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2020-03-09T10:14:33Z", 1583748873.0),
        ("2020-03-09t10:14:33z", 1583748873.0),
        ("2020-03-09 10:14:33+00:00", 1583748873.0),
        ("2020-03-09T12:14:33+02:00", 1583748873.0),
        ("2020-03-09T04:44:33-05:30", 1583748873.0),
        ("2020-03-09T10:14:33.250Z", 1583748873.25),
        ("2020-03-09T10:14:33.123456789Z", 1583748873.123456),
        ("2020-03-09T10:14:33", 1583748873.0),
        ("2016-02-29T00:00:00Z", 1456704000.0),
        # A leap second is the second after it, as in POSIX time.
        ("2016-12-31T23:59:60Z", 1483228800.0),
        ("2017-01-01T00:59:60.5+01:00", 1483228800.0),
    ],
)
def test_rfc_3339(text, seconds):
    assert parse_event_time(text) == seconds


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30)),  # noqa: DTZ001 the offset comes below
    st.integers(-23 * 60, 23 * 60),
)
def test_any_instant_in_any_zone_comes_back(naive, minutes):
    stamp = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_event_time(stamp.isoformat()) == stamp.timestamp()
    assert parse_event_time(stamp.timestamp()) == stamp.timestamp()


@pytest.mark.parametrize("text", ["2016-12-31T22:59:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:59:61Z"])
def test_a_second_60_is_one_only_at_the_end_of_a_month(text):
    with pytest.raises(ValueError, match="not RFC 3339"):
        parse_event_time(text)


def test_the_bounds_are_1970_and_the_end_of_2099():
    assert datetime.fromtimestamp(MAX_TS, UTC) == datetime(2100, 1, 1, tzinfo=UTC)
    assert parse_event_time(0) == 0.0
    assert parse_event_time("2099-12-31T23:59:59Z") == MAX_TS - 1
    for wrong in (-0.001, MAX_TS, float("nan"), float("inf"), "2100-01-01T00:00:00Z", "1969-12-31T23:59:59Z"):
        with pytest.raises(ValueError, match="the time"):
            parse_event_time(wrong)


@pytest.mark.parametrize(
    "wrong",
    [None, True, [], {}, b"2020-03-09", "", "tomorrow", "2021-02-29T00:00:00Z", "2020-03-09T25:00:00Z"],
)
def test_what_is_no_time_is_refused(wrong):
    with pytest.raises(ValueError, match="time"):
        parse_event_time(wrong)


def test_a_long_text_is_not_quoted_in_full():
    with pytest.raises(ValueError, match="not RFC 3339") as caught:
        parse_event_time("x" * 10_000)
    assert len(str(caught.value)) < 200
