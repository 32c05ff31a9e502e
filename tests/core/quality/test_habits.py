"""Limits by chance: against scipy's distributions and against exact fractions. Habits: what happened twice."""

import itertools
from fractions import Fraction
from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.stats import betabinom

from stream_app.core.quality.habits import (
    distance,
    habit,
    improbable_repeats,
    most_missing_by_chance,
    remember,
)

CHANCES = st.floats(-15.0, -0.3).map(lambda power: 10.0**power)


def exact(chance, window, missing, observed):
    """The same in fractions: drawing from an urn to which each draw returns two balls of its colour."""
    ways = [comb(k + missing, k) * comb(window - k + observed, window - k) for k in range(window + 1)]
    beyond = [*itertools.accumulate(reversed(ways), initial=0)][:-1][::-1]
    return next(k for k, tail in enumerate(beyond) if Fraction(tail, sum(ways)) <= Fraction(chance))


@pytest.mark.parametrize("chance", [1e-9, 1e-6, 1e-3, 0.03, 0.4])
@pytest.mark.parametrize("window", [5, 20, 100, 120])
def test_the_limit_of_missing_values_is_scipys(chance, window):
    for missing, observed in itertools.product((0, 1, 3, 10, 100, 900), (5, 30, 200, 300, 2000)):
        expected = int(betabinom.isf(chance, window, missing + 1, observed + 1))
        assert most_missing_by_chance(chance, window, missing, observed) == expected, (missing, observed)


@given(CHANCES, st.integers(1, 120), st.integers(0, 500), st.integers(1, 2000))
def test_the_limit_of_missing_values_is_exact_however_small_the_chance(chance, window, missing, observed):
    assert most_missing_by_chance(chance, window, missing, observed) == exact(
        chance, window, missing, observed
    )


@given(CHANCES, st.integers(0, 2000), st.integers(0, 2000))
def test_the_limit_of_repeats_is_the_first_that_chance_does_not_reach(chance, hits, others):
    a, b = hits + 1.0, others + 1.0
    limit = improbable_repeats(hits, hits + others, chance)

    def reached(m):
        return special.betaln(a + m, b) - special.betaln(a, b) > log(chance)

    assert limit == 2**30 or not reached(limit * 1.0001 + 1e-6)
    assert limit == 1 or reached(limit * 0.9999 - 1.0001)


@given(st.lists(st.integers(0, 1000), max_size=60))
def test_a_habit_is_what_happened_twice(values):
    largest = np.zeros(2, dtype=np.int32)
    for value in values:
        remember(largest, value)
    assert habit(largest) == sorted([*values, 0, 0])[-2]


def test_a_limit_lies_farther_with_each_alarm_after_the_second_up_to_eight_times():
    assert [distance(alarms) for alarms in (0, 1, 2, 3, 4, 5, 6, 255)] == [1, 1, 1, 2, 4, 8, 8, 8]
