"""What is kept of the newest predictions: the same as of a list, and no more."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.performance import ClassMixDrift, Labels, NewestRows
from stream_app.core.twosample import PSI_SEVERE
from stream_app.errors import DataError, StateError


@given(
    sizes=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), max_size=12), capacity=st.integers(1, 20), cut=st.integers(0, 12)
)  # fmt: skip
@settings(max_examples=150)
def test_the_newest_rows_are_the_end_of_all_rows(sizes, capacity, cut):
    rng = np.random.default_rng(0)
    table, every, width = NewestRows(capacity, 1), [], 1
    for i, (n, wide) in enumerate(sizes):
        rows = rng.normal(size=(n, wide))
        width = max(width, wide)
        table.append(rows)
        every += rows.tolist()
        expected = [row + [0.0] * (width - len(row)) for row in every[-capacity:]]
        np.testing.assert_array_equal(table.rows, np.array(expected).reshape(-1, width))
        if i == cut:
            table = NewestRows.from_state(table.state(), capacity)
    assert len(table) == min(len(every), capacity)


@given(cuts=st.lists(st.integers(1, 999), max_size=8))
@settings(max_examples=50)
def test_the_class_mix_does_not_depend_on_batches_or_restarts(cuts):
    classes = np.random.default_rng(0).integers(0, 5, 1000)
    classes[600:] = 6
    whole = ClassMixDrift(learn=200, window=100)
    expected = whole.update(classes)
    pieces, found = ClassMixDrift(learn=200, window=100), []
    bounds = [0, *sorted(set(cuts)), 1000]
    for begin, end in pairwise(bounds):
        found += [(row + begin, psi) for row, psi in pieces.update(classes[begin:end])]
        pieces = ClassMixDrift.from_state(pieces.state(), learn=200, window=100)
    assert found == expected
    assert [psi > PSI_SEVERE for _, psi in found] == [False] * 4 + [True] * 4


def test_labels_beyond_the_limit_share_a_number():
    labels = Labels(3, ["a"])
    assert [labels.code(name) for name in "abcdeab"] == [0, 1, 2, 3, 3, 0, 1]
    assert labels.columns(("e", "a")) == (3, 0)
    assert labels.names == ["a", "b", "c"]


def test_what_has_no_room_is_refused():
    for make in (
        lambda: NewestRows(0, 1),
        lambda: ClassMixDrift(learn=0, window=1),
    ):
        with pytest.raises(DataError):
            make()


def test_damaged_states_are_refused_by_name():
    with pytest.raises(StateError, match="newest rows"):
        NewestRows.from_state({"version": 1, "rows": [1.0]}, 2)
    with pytest.raises(StateError, match="class mix"):
        ClassMixDrift.from_state({"version": 1, "psi": "x"}, learn=1, window=1)
