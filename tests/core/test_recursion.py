"""The first-order recursion against scipy.signal.lfilter and against itself in other batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from stream_app.core.recursion import exponential_means, first_order


@st.composite
def recursions(draw):
    """Channels, gain, share that is kept, and where they start; from 0 to 300 events."""
    d, n = draw(st.integers(1, 9)), draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = 10.0 ** draw(st.integers(-9, 9))
    keep = draw(st.one_of(st.just(0.0), st.floats(1e-4, 1.0)))
    return rng.normal(size=(d, n)) * size, draw(st.floats(1e-4, 2.0)), keep, rng.normal(size=d) * size


@given(recursions())
def test_it_agrees_with_lfilter(case):
    x, gain, keep, start = case
    expected = start[:, None]
    if x.shape[1]:
        after, _ = lfilter([gain], [1.0, -keep], x, axis=1, zi=keep * start[:, None])
        expected = np.concatenate((expected, after), axis=1)
    size = np.abs(np.concatenate((x, expected), axis=1)).max()
    np.testing.assert_allclose(first_order(*case), expected, rtol=0.0, atol=1e-12 * size)


@given(recursions(), st.data())
def test_batch_borders_change_no_bit(case, data):
    x, gain, keep, start = case
    whole = first_order(*case)
    n = x.shape[1]
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=12)))
    pieces, last = [start[:, None]], start
    for begin, end in zip([0, *cuts], [*cuts, n], strict=True):
        piece = first_order(x[:, begin:end], gain, keep, last)
        assert np.array_equal(piece[:, 0], last)
        pieces.append(piece[:, 1:])
        last = piece[:, -1].copy()
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)


@given(recursions(), st.integers(0, 7))
def test_neither_place_in_memory_nor_company_changes_a_bit(case, offset):
    x, gain, keep, start = case
    whole = first_order(*case)
    moved = np.empty(x.size + 8)[offset : offset + x.size].reshape(x.shape)
    moved[:] = x
    assert np.array_equal(first_order(moved, gain, keep, start), whole)
    by_rows = np.asfortranarray(x)
    assert np.array_equal(first_order(by_rows, gain, keep, start), whole)
    for j in range(len(x)):
        assert np.array_equal(first_order(x[j : j + 1], gain, keep, start[j : j + 1])[0], whole[j])


@given(recursions())
def test_input_is_left_as_it_is(case):
    x, gain, keep, start = case
    before = x.copy(), start.copy()
    first_order(x, gain, keep, start)
    assert np.array_equal(x, before[0])
    assert np.array_equal(start, before[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_odd_value_spoils_nothing_before_it_and_no_other_channel(value):
    x = np.random.default_rng(3).normal(size=(3, 50))
    odd = x.copy()
    odd[1, 30] = value
    y, spoilt = first_order(x, 0.1, 0.9, np.zeros(3)), first_order(odd, 0.1, 0.9, np.zeros(3))
    assert np.array_equal(spoilt[[0, 2]], y[[0, 2]])
    assert np.array_equal(spoilt[1, :31], y[1, :31])
    assert not np.isfinite(spoilt[1, 31:]).any()


@given(st.integers(1, 200), st.floats(-1e6, 1e6), st.floats(1e-3, 1.0))
def test_the_mean_of_a_constant_is_the_constant(n, level, weight):
    means = exponential_means(np.full((1, n), level), weight, np.array([level]))
    np.testing.assert_allclose(means, level, rtol=1e-9)
