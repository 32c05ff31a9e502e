"""The bank: records of sources are bytes that can be copied, dropped and put back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.bank import Bank, Field
from stream_app.errors import StateError

RECORD = np.dtype([("flag", np.bool_), ("mean", np.float64), ("bins", np.uint16, (3,))], align=True)
FRESH = np.zeros((), RECORD)
FRESH["mean"] = -np.inf
LAYOUT = {
    "source": Field(RECORD, initial=FRESH),
    "channel": Field(RECORD, (2,), FRESH),
    "inverse": Field(np.dtype(np.float32), (2, 2)),
    "last": Field(np.dtype(np.float64), (2,), np.nan),
}

actions = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "write", "restore", "take over"]), st.sampled_from("abcdefgh"), st.integers(0, 255)),
    max_size=60,
)  # fmt: skip


def fresh_record():
    bank = Bank(LAYOUT)
    bank.add("one")
    return bank.record("one")


def overwrite(bank, slot, byte):
    for array in bank.arrays.values():
        array[slot : slot + 1].reshape(-1).view(np.uint8)[:] = byte


@given(actions)
@settings(max_examples=200)
def test_a_bank_is_a_table_of_bytes_by_source(steps):
    """However slots are reused and arrays grow; the bytes between fields, which nobody reads, are among them."""
    bank, model = Bank(LAYOUT), {}
    fresh, size = fresh_record(), bank.record_size
    for action, source, byte in steps:
        if action == "add" and source not in model:
            bank.add(source)
            model[source] = fresh
        elif action == "remove" and source in model:
            bank.remove(source)
            del model[source]
        elif action == "write" and source in model:
            overwrite(bank, bank.slot(source), byte)
            model[source] = bytes([byte]) * size
        elif action == "restore":
            model[source] = bytes((byte + i) % 256 for i in range(size))
            assert bank.restore(source, model[source]) == bank.slot(source)
        elif action == "take over" and source in model:
            bank.reset(bank.slot(source))
            model[source] = fresh
        assert list(bank) == list(model)
        assert len(bank) == len(model)
        assert {name: bank.record(name) for name in bank} == model
        assert {name for name in "abcdefgh" if name in bank} == set(model)
    slots = [bank.slot(name) for name in bank]
    assert len(set(slots)) == len(slots)


def test_a_fresh_record_has_its_initial_values():
    bank = Bank(LAYOUT)
    slot = bank.add("one")
    assert bank["source"][slot]["mean"] == -np.inf
    assert bank["channel"][slot]["mean"].tolist() == [-np.inf, -np.inf]
    assert bank["inverse"][slot].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert np.isnan(bank["last"][slot]).all()


def test_many_sources_take_little_more_than_their_records():
    bank = Bank(LAYOUT)
    for i in range(5000):
        bank.add(str(i))
    held = sum(array.nbytes for array in bank.arrays.values())
    assert held <= 1.5 * 5000 * bank.record_size
    for i in range(5000):
        bank.remove(str(i))
    for i in range(5000):
        bank.add(f"other {i}")
    assert sum(array.nbytes for array in bank.arrays.values()) == held


def test_one_source_alone_takes_one_slot():
    bank = Bank(LAYOUT)
    bank.add("one")
    assert sum(array.nbytes for array in bank.arrays.values()) == bank.record_size


@pytest.mark.parametrize("wrong", [b"", b"\0", "text", None, [0]])
@pytest.mark.parametrize("known", [True, False])
def test_a_record_of_another_size_or_kind_is_refused_and_changes_nothing(wrong, known):
    bank = Bank(LAYOUT)
    if known:
        bank.add("one")
    before = {name: bank.record(name) for name in bank}
    for record in (wrong, fresh_record() + b"\0", "a" * bank.record_size, [0] * bank.record_size):
        with pytest.raises((StateError, TypeError, ValueError)):
            bank.restore("one", record)
        assert {name: bank.record(name) for name in bank} == before


def test_the_message_says_whose_record_has_how_many_bytes():
    with pytest.raises(StateError, match=r"record of pump-7 has 3 bytes, this program's have \d+"):
        Bank(LAYOUT).restore("pump-7", b"abc")


@pytest.mark.parametrize(
    "other",
    [
        {name: LAYOUT[name] for name in ("source", "channel", "inverse")},
        {name: LAYOUT[name] for name in ("channel", "source", "inverse", "last")},
        LAYOUT | {"last": Field(np.dtype(np.float64), (3,), np.nan)},
        LAYOUT | {"last": Field(np.dtype(np.float32), (4,), np.nan)},
        LAYOUT | {"source": Field(np.dtype([("flag", np.bool_), ("mode", np.float64), ("bins", np.uint16, (3,))], align=True))},
    ],
    ids=["one less", "another order", "another shape", "another type", "another field"],
)  # fmt: skip
def test_another_layout_has_another_fingerprint(other):
    assert Bank(other).fingerprint != Bank(LAYOUT).fingerprint
    assert Bank(dict(LAYOUT)).fingerprint == Bank(LAYOUT).fingerprint
