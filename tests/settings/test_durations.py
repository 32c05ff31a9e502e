"""Durations as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.settings import parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (0.5, 0.5),
        (0, 0.0),
        ("90", 90.0),
        ("1.5", 1.5),
        ("90s", 90.0),
        ("90 seconds", 90.0),
        ("250ms", 0.25),
        ("1.5 min", 90.0),
        ("2 minutes", 120.0),
        ("5m", 300.0),
        (" 2 h ", 7200.0),
        ("1 Day", 86_400.0),
        ("3d", 259_200.0),
        ("week", 604_800.0),
        ("1 week", 604_800.0),
        ("month", 2_592_000.0),
        ("year", 31_536_000.0),
        ("0s", 0.0),
    ],
)
def test_durations(written, seconds):
    assert parse_duration(written) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        -1,
        math.inf,
        math.nan,
        True,
        None,
        [],
        "",
        " ",
        "s5",
        "5 parsecs",
        "-5s",
        "1e3s",
        "5 s s",
        "1,5 s",
        ".",
        "ss",
        "9" * 400 + " s",
    ],
)
def test_what_is_no_duration_is_refused(wrong):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(wrong)


@given(
    st.integers(0, 10**6), st.sampled_from(["ms", "s", "min", "h", "d", "weeks"]), st.sampled_from(["", " "])
)
def test_a_number_and_a_unit_multiply(number, unit, blank):
    one = parse_duration(f"1{unit}")
    assert parse_duration(f"{number}{blank}{unit}") == pytest.approx(number * one)
