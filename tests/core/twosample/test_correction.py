"""Adjusted p-values agree with scipy or with the definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stream_app.core.correction import adjust, benjamini_hochberg, bonferroni, holm
from stream_app.errors import DataError

families = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.01, 1.0])), min_size=1, max_size=20)


@given(families)
def test_benjamini_hochberg_is_scipys(p):
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), rel=1e-12)


@given(families)
def test_bonferroni_multiplies(p):
    assert bonferroni(p).tolist() == [min(1.0, x * len(p)) for x in p]


@given(families, st.floats(0.001, 0.999))
def test_holm_rejects_what_stepping_down_rejects(p, level):
    rejected = set()
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] * (len(p) - rank) > level:
            break
        rejected.add(i)
    assert set(np.flatnonzero(holm(p) <= level)) == rejected


@given(families, st.sampled_from(["none", "bonferroni", "holm", "bh"]))
def test_a_test_not_done_does_not_count(p, method):
    with_gaps = np.array([math.nan, *p, math.nan])
    adjusted = adjust(with_gaps, method)
    assert np.isnan(adjusted[[0, -1]]).all()
    assert adjusted[1:-1].tolist() == adjust(p, method).tolist()


def test_wrong_use_is_told():
    with pytest.raises(DataError, match="between 0 and 1"):
        adjust([1.5], "holm")
    with pytest.raises(DataError, match="known are none, bonferroni"):
        adjust([0.5], "sidak")
