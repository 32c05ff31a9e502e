"""Kernels: compiled once, kept on disk, and the same as their plain form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.kernel import SIGNAL, emit, kernel, signal_buffer

RECORD = np.dtype([("count", np.int64), ("mean", np.float64), ("seen", np.uint8, (3,))], align=True)


@kernel
def step(record, value):
    """A running mean, and a count by kind."""
    record["count"] += 1
    record["mean"] += (value - record["mean"]) / record["count"]
    record["seen"][record["count"] % 3] += 1
    return record["mean"]


@given(st.lists(st.floats(-1e9, 1e9), max_size=30))
@settings(max_examples=50)
def test_the_plain_form_leaves_the_same_record(values):
    compiled, plain = np.zeros(1, RECORD), np.zeros(1, RECORD)
    for value in values:
        assert step(compiled[0], value) == step.py_func(plain[0], value)
    assert compiled.tobytes() == plain.tobytes()


def test_divisions_by_zero_are_numbers_as_in_numpy_and_not_errors():
    @kernel
    def ratio(a, b):
        return a / b

    assert ratio(1.0, 0.0) == np.inf
    assert np.isnan(ratio(0.0, 0.0))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_remainder_is_never_negative_so_that_a_forged_counter_is_a_place(sign):
    @kernel
    def place(record, size):
        return record["count"] % size

    record = np.zeros(1, RECORD)
    for count in (0, 1, 2**62, 2**63 - 1, -(2**63)):
        record["count"] = sign * count if count != -(2**63) else count
        assert 0 <= place(record[0], 7) < 7


@pytest.mark.parametrize("by", [emit, emit.py_func])
def test_a_signal_is_complete_whatever_was_in_its_place(by):
    signals, count = signal_buffer(2)
    assert (len(signals), signals.dtype, count.tolist()) == (2, SIGNAL, [0])
    signals.view(np.uint8)[:] = 0xAB
    by(signals, count, 7, 3, -1, True, 2.5, 2.0)  # noqa: FBT003 a kernel takes no keywords
    signal = signals[0]
    assert count.tolist() == [1]
    assert (signal["row"], signal["detector"], signal["channel"], signal["ended"]) == (7, 3, -1, True)
    assert (signal["statistic"], signal["threshold"]) == (2.5, 2.0)
    assert signal["blamed"].tolist() == [-1, -1, -1]
    assert signal["share"].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(signal["figures"]).all()


def test_a_kernel_can_blame_channels_and_give_figures():
    @kernel
    def seen(signals, count):
        signal = emit(signals, count, 1, 2, 3, False, 4.0, 5.0)  # noqa: FBT003 as above
        signal["blamed"][0] = 6
        signal["share"][0] = 0.5
        signal["figures"][1] = 7.0

    signals, count = signal_buffer(3)
    seen(signals, count)
    seen(signals, count)
    assert count.tolist() == [2]
    assert signals["blamed"][:2].tolist() == [[6, -1, -1]] * 2
    assert signals["figures"][:2, 1].tolist() == [7.0, 7.0]
