"""References as tables: an id of the content, bounds, what is no reference, and the distance between two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.reference import ReferenceTable, reference_psi
from stream_app.core.twosample import Bins, psi
from stream_app.core.twosample.reference import SortedSample
from stream_app.errors import DataError, StateError
from stream_app.store import pack_state, unpack_state


def table(n=60, seed=0, *, mean=0.0, **more):
    values = np.random.default_rng(seed).normal(mean, size=(n, 2))
    return ReferenceTable(np.arange(float(n)), ("flow", "pressure"), values, **more)


@given(st.lists(st.lists(st.floats(allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=9))
def test_a_reference_comes_back_from_the_store_with_its_id(rows):
    one = ReferenceTable(
        np.arange(float(len(rows))), ("a", "b"), np.array(rows), {"mode": ("eco",) * len(rows)}
    )
    back = ReferenceTable.from_state(unpack_state(pack_state(one.state()), "here"))
    assert back.version == one.version
    assert np.array_equal(back.values, one.values, equal_nan=True)
    assert back.categories == one.categories


def test_the_id_is_of_the_content_alone():
    one = table()
    assert table().version == one.version
    other = one.values.copy()
    other[3, 1] = np.nextafter(other[3, 1], 9.0)
    others = [
        ReferenceTable(one.ts, one.channels, other),
        ReferenceTable(one.ts + 1.0, one.channels, one.values),
        ReferenceTable(one.ts, ("flow", "level"), one.values),
        table(categories={"mode": ("eco",) * 60}),
    ]
    assert len({one.version, *(each.version for each in others)}) == 5


def test_the_newest_rows_are_kept_side_by_side():
    one = table(1000, categories={"mode": tuple(map(str, range(1000)))})
    kept = one.newest(3200)
    assert kept.ts.tolist() == list(range(900, 1000))
    assert kept.categories["mode"] == tuple(map(str, range(900, 1000)))
    assert one.newest() is one


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda t: table(20), "20 rows; .* at least 30"),
        (lambda t: ReferenceTable(t.ts, t.channels, t.values * [[1.0, np.nan]]), "pressure has 0 values"),
        (lambda t: ReferenceTable(t.ts, t.channels, t.values * [[0.0, 1.0]]), "flow is 0 in all rows"),
        (lambda t: ReferenceTable(t.ts[::-1], t.channels, t.values), "not in the order"),
        (lambda t: ReferenceTable(t.ts, ("flow", "level"), t.values), "no channel pressure"),
        (
            lambda t: ReferenceTable(t.ts, t.channels, t.values, {"mode": (None,) * 60}),
            "mode has fewer than 30",
        ),
    ],
    ids=["few", "nan", "constant", "unordered", "other", "no-category"],
)
def test_what_detectors_cannot_learn_from_is_no_reference(broken, message):
    with pytest.raises(DataError, match=message):
        broken(table()).check(least=30, declared=("flow", "pressure"))


def test_a_damaged_state_is_named():
    state = table().state()
    for broken in (
        state | {"values": 3},
        state | {"channels": ["a", "a"]},
        state | {"ts": np.zeros(7)},
        {"version": 1},
    ):
        with pytest.raises(StateError, match="damaged"):
            ReferenceTable.from_state(broken)


def test_the_distance_is_the_stability_index_of_each_channel():
    before, after = (
        table(500, categories={"mode": ("a", "b") * 250}),
        table(400, 1, mean=2.0, categories={"mode": ("a",) * 400}),
    )
    found = reference_psi(before, after)
    assert found["flow"] == psi(Bins.of(SortedSample(before.column("flow"))), after.column("flow")).statistic
    # Shares of 1/2 and 1/2 become 1 and none, which counts as 1/10,000.
    assert found["mode"] == pytest.approx(0.5 * np.log(2.0) + (1e-4 - 0.5) * np.log(2e-4))
