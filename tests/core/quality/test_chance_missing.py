"""When missing values are more than chance: the limit against scipy's distribution and against exact fractions."""

import itertools
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from stream_app.core.quality import QualityOptions
from stream_app.core.quality.habits import NEVER, learn_habits

VALUES = np.random.default_rng(5).normal(size=2000)


def learned(chance, window, missing, observed):
    """The most missing values in a window that are no alarm after a reference with `missing` of them."""
    options = QualityOptions(chance=chance, missing_window=window, missing_least=1)
    begin = learn_habits(VALUES[:observed], observed + missing, options).missing_begin
    return window if begin == NEVER else begin - 1


def exact(chance, window, missing, observed):
    """The same in fractions: drawing from an urn to which each draw returns two balls of its colour."""
    ways = [comb(k + missing, k) * comb(window - k + observed, window - k) for k in range(window + 1)]
    beyond = [*itertools.accumulate(reversed(ways), initial=0)][:-1][::-1]
    return next(k for k, tail in enumerate(beyond) if Fraction(tail, sum(ways)) <= Fraction(chance))


@pytest.mark.parametrize("chance", [1e-9, 1e-6, 1e-3, 0.03, 0.4])
@pytest.mark.parametrize("window", [5, 20, 100, 137, 1000])
def test_the_limit_is_scipys(chance, window):
    for missing, observed in itertools.product((0, 1, 3, 10, 100, 900), (5, 30, 200, 300, 2000)):
        expected = int(betabinom.isf(chance, window, missing + 1, observed + 1))
        assert learned(chance, window, missing, observed) == expected, (missing, observed)


@settings(deadline=None)
@given(
    st.floats(-15.0, -0.3).map(lambda power: 10.0**power),
    st.integers(1, 300),
    st.integers(0, 500),
    st.integers(1, 2000),
)
def test_the_limit_is_exact_however_small_the_chance(chance, window, missing, observed):
    assert learned(chance, window, missing, observed) == exact(chance, window, missing, observed)
