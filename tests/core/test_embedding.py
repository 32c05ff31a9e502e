import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.embedding import PrincipalComponents
from stream_app.errors import DataError, StateError


def pictures(n, d=60, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(0.5 + 0.2 * rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d), 0.0, 1.0)


def test_it_agrees_with_the_singular_value_decomposition():
    reference, fresh = pictures(500), pictures(50, seed=1)
    components = PrincipalComponents.fit(reference, components=5)
    _, singular, axes = np.linalg.svd(reference - reference.mean(axis=0), full_matrices=False)
    expected = (fresh - reference.mean(axis=0)) @ axes[:5].T
    assert np.abs(components.transform(fresh)) == pytest.approx(np.abs(expected), abs=1e-9)
    assert components.variances == pytest.approx(singular[:5] ** 2 / 499)
    assert (components.axes.max(axis=1) == np.abs(components.axes).max(axis=1)).all()


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_a_row_has_its_coordinates_whatever_comes_with_it(cut, other, transposed):
    components = PrincipalComponents.fit(pictures(200, 97), components=7)
    rows = pictures(40, 97, seed=3)
    if transposed:
        rows = np.asfortranarray(rows)
    low, high = sorted((cut, other))
    parts = [components.transform(part) for part in (rows[:low], rows[low:high], rows[high:])]
    assert np.array_equal(components.transform(rows), np.concatenate(parts))


def test_single_rows_and_long_batches_agree():
    components = PrincipalComponents.fit(pictures(900, 784), components=8)
    rows = pictures(300, 784, seed=4)
    one_by_one = np.concatenate([components.transform(row[None]) for row in rows])
    assert np.array_equal(components.transform(rows), one_by_one)


def test_it_comes_back_from_its_state():
    components = PrincipalComponents.fit(pictures(100), components=3)
    again = PrincipalComponents.from_state(components.state())
    rows = pictures(10, seed=5)
    assert np.array_equal(again.transform(rows), components.transform(rows))
    with pytest.raises(StateError, match="version"):
        PrincipalComponents.from_state(components.state() | {"version": 0})


def test_a_reference_without_variance_is_no_accident():
    components = PrincipalComponents.fit(np.full((10, 4), 0.5), components=2)
    assert np.array_equal(components.transform(np.full((3, 4), 0.5)), np.zeros((3, 2)))


def test_what_cannot_be_embedded_is_refused():
    with pytest.raises(DataError, match="more rows"):
        PrincipalComponents.fit(np.zeros((3, 9)), components=3)
    with pytest.raises(DataError, match="missing"):
        PrincipalComponents.fit(np.full((9, 9), np.nan), components=3)
    with pytest.raises(DataError, match="do not fit"):
        PrincipalComponents.fit(pictures(20, 9), components=2).transform(np.zeros((2, 10)))
