"""Packed states come back as they were, or are refused by name."""

import os
import pickle
import struct
import tracemalloc
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream_app.errors import StateError
from stream_app.store import pack_state, unpack_state

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
plain = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | text | st.binary(max_size=8)
)
arrays = hnp.arrays(
    dtype=st.one_of(
        hnp.integer_dtypes(endianness="?"),
        hnp.unsigned_integer_dtypes(endianness="?"),
        hnp.floating_dtypes(sizes=(32, 64), endianness="?"),
        hnp.boolean_dtypes(),
    ),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
states = st.dictionaries(
    text,
    st.recursive(
        plain | arrays, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
    ),
    max_size=4,
)


def same(one, other):
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype.newbyteorder("=") == other.dtype
            and one.shape == other.shape
            and one.astype(other.dtype).tobytes() == other.tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return one == other


@given(states)
@settings(max_examples=150)
def test_nested_values_and_arrays_come_back_bit_for_bit(state):
    back = unpack_state(pack_state(state), "here")
    assert same(state, back)
    assert pack_state(back) == pack_state(state)


@given(hnp.arrays(np.float64, (4, 3)))
def test_views_are_packed_as_what_they_show(array):
    for view in (array.T, array[::2], array[:, 1], np.asfortranarray(array), array[::-1]):
        assert same(np.ascontiguousarray(view), unpack_state(pack_state({"a": view}), "here")["a"])


def test_arrays_that_come_back_can_be_written_to():
    back = unpack_state(pack_state({"a": np.zeros(3)}), "here")["a"]
    back += 1.0
    assert back.tolist() == [1.0, 1.0, 1.0]


def test_numpy_scalars_and_tuples_become_plain():
    state = {"a": np.float64(1.5), "b": np.int8(-3), "c": np.array([True])[0], "d": (1, 2)}
    assert unpack_state(pack_state(state), "here") == {"a": 1.5, "b": -3, "c": True, "d": [1, 2]}


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2, object()},
        lambda: None,
        np.array(["a"]),
        np.array([object()]),
        np.array([1j]),
        2**64,
        "\ud800",
    ],
    ids=["object", "set", "function", "texts", "objects", "complex", "huge", "surrogate"],
)
def test_what_is_no_plain_value_is_refused(value):
    with pytest.raises(StateError, match="can't be packed"):
        pack_state({"a": value})


GOOD = pack_state({"a": np.arange(100.0), "b": [1, "two", None]})


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@settings(max_examples=200)
def test_one_damaged_byte_is_noticed(at, change):
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    with pytest.raises(StateError, match="sg:state:pump"):
        unpack_state(bytes(damaged), "sg:state:pump")


@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_state_is_noticed(length):
    with pytest.raises(StateError, match="sg:state:pump"):
        unpack_state(GOOD[:length], "sg:state:pump")


@given(st.binary(max_size=60))
def test_foreign_bytes_are_refused_by_name(blob):
    for foreign in (blob, b"SGS1" + blob, b"\x80\x04" + blob):
        with pytest.raises(StateError, match="here: "):
            unpack_state(foreign, "here")


def sealed(body):
    return b"SGS1" + struct.pack("<I", zlib.crc32(body)) + body


@given(st.binary(max_size=40))
@settings(max_examples=300)
def test_a_forged_body_is_refused_or_a_table(body):
    # A checksum is no signature: whoever can write Redis can make one. What comes out is plain data or a StateError.
    try:
        state = unpack_state(sealed(body), "here")
    except StateError:
        return
    assert isinstance(state, dict)


@pytest.mark.parametrize(
    "body",
    [
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(7, b"x")}),
        msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(1, b"")}),
        msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(1, b"\xc8\x01\x01\x00\x00\x00" + b"\0" * 8)}),
        msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(1, b"\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff")}),
        b"\x91" * 5000 + b"\xc0",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xc6\xff\xff\xff\xff",
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
        msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(1, b"\x00\x02\x00\x00\x00\x00\xff\xff\xff\xff")}),
        msgspec.msgpack.encode(
            {"a": msgspec.msgpack.Ext(1, b"\x00\xff" + b"\x01\x00\x00\x00" * 255 + b"\0" * 8)}
        ),
        b"\x81\xa1a" + b"\x81\xa1a" * 100_000 + b"\xc0",
        b"\x81\x80\x01",
        msgspec.msgpack.encode({"a": 1}) + b"rest",
    ],
    ids=[
        "a list",
        "unknown extension",
        "empty array",
        "unknown dtype",
        "absurd shape",
        "deep",
        "four billion in a list",
        "four billion in a table",
        "four billion bytes",
        "four billion bytes of an array",
        "four billion rows of nothing",
        "255 dimensions",
        "deep tables",
        "table as key",
        "trailing bytes",
    ],
)
def test_forgeries_are_refused_by_name_and_take_no_room(body):
    blob = sealed(body)
    tracemalloc.start()
    try:
        with pytest.raises(StateError, match="sg:state:pump"):
            unpack_state(blob, "sg:state:pump")
        # One byte is a list at most, which takes 56 bytes and a place in another one.
        assert tracemalloc.get_traced_memory()[1] < 64 * len(blob) + 200_000
    finally:
        tracemalloc.stop()


class _Mischief:
    def __reduce__(self):
        return os.mkdir, (MARK,)


MARK = "state-was-executed"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("key", [None, b"k" * 32], ids=["unsigned", "signed"])
def test_a_pickle_is_never_executed(protocol, key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps({"version": 1, "a": _Mischief()}, protocol)
    for body in (pickled, msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(1, pickled)})):
        for blob in (body, sealed(body), b"SGH1" + bytes(32) + body):
            with pytest.raises(StateError, match="here: "):
                unpack_state(blob, "here", key=key)
    assert list(tmp_path.iterdir()) == []


KEY = b"0123456789abcdef0123456789abcdef"
STATE = {"a": np.arange(50.0), "b": [1, "two", None]}
SIGNED = pack_state(STATE, key=KEY, bound_to="sg:{g:t:0}:state[pump]")


def opened(blob, key=KEY, bound_to="sg:{g:t:0}:state[pump]"):
    return unpack_state(blob, "pump", key=key, bound_to=bound_to)


def test_a_signed_state_comes_back():
    assert same(STATE, opened(SIGNED))


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
@settings(max_examples=200)
def test_one_changed_byte_of_a_signed_state_is_noticed(at, change):
    changed = bytearray(SIGNED)
    changed[at] ^= change
    with pytest.raises(StateError, match="pump: "):
        opened(bytes(changed))


@pytest.mark.parametrize(
    ("blob", "options", "reason"),
    [
        (SIGNED, {"key": b"f" * 32}, "forged or damaged"),
        (SIGNED, {"bound_to": "sg:{g:t:0}:state[valve]"}, "forged or damaged"),
        (SIGNED, {"bound_to": "sg:{g:t:1}:state[pump]"}, "forged or damaged"),
        (SIGNED, {"key": None}, "is signed; set redis.state_key"),
        (pack_state(STATE), {}, "not signed, and redis.state_key is set"),
        (b"SGS1" + SIGNED[4:], {}, "not signed"),
        (SIGNED[:20], {}, "forged or damaged"),
        (b"SGH1", {}, "forged or damaged"),
    ],
    ids=["key", "source", "partition", "no key", "unsigned", "relabelled", "cut", "empty"],
)
def test_a_state_that_is_not_signed_for_its_place_is_refused(blob, options, reason):
    with pytest.raises(StateError, match=f"pump: .*{reason}"):
        opened(blob, **options)


@given(st.text(max_size=20), st.text(max_size=20), st.binary(max_size=40))
def test_what_a_state_is_bound_to_cannot_be_moved_into_its_content(one, other, tail):
    # Whatever a name ends in, it is not the beginning of the state.
    names = [name.encode("utf-8", "ignore").decode() for name in (one, other)]
    blob = pack_state({"a": tail}, key=KEY, bound_to=names[0])
    if names[0] != names[1]:
        with pytest.raises(StateError):
            opened(blob, bound_to=names[1])
    assert opened(blob, bound_to=names[0]) == {"a": tail}
