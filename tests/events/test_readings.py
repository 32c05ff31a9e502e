"""Readings as columns: what is taken of a delivery is what is taken of its events one by one."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_events import BAD, GOOD, anything, documents, event

from stream_app.events import ReadingDecoder, Readings, Rejected, SensorRow, decode_reading, decode_readings
from stream_app.events import readings as module

SOME_BAD = [raw for raw, _ in BAD.values() if raw is None or len(raw) < 1000]


def encoded(document, ascii_only):
    return json.dumps(document, ensure_ascii=ascii_only).encode(errors="surrogatepass")


def decode(decoder, raws, keys=None, first=0):
    places = range(first, first + len(raws))
    return decoder.decode(raws, keys or [None] * len(raws), list(places), [place / 2 for place in places])


def by_offset(readings):
    """Each reading as a row again, by its offset; where it is in the columns is checked on the way."""
    assert readings.offsets.tolist() == sorted(readings.offsets.tolist())
    assert readings.record_ts.tolist() == [offset / 2 for offset in readings.offsets.tolist()]
    assert sorted(row for group in readings.groups for row in group.rows.tolist()) == list(
        range(len(readings))
    )
    ids = readings.ids or [None] * len(readings)
    rows = {}
    for group in readings.groups:
        assert group.rows.tolist() == sorted(group.rows.tolist())
        assert group.values.shape == (len(group.rows), len(group.channels))
        for row, values in zip(group.rows.tolist(), group.values.tolist(), strict=True):
            cells = {
                name: None if math.isnan(value) else value.hex()
                for name, value in zip(group.channels, values, strict=True)
            }
            ts = float(readings.ts[row])
            rows[int(readings.offsets[row])] = readings.sources[row], ts, cells, ids[row]
    return rows


def one_by_one(raws):
    """The same by decoding every event alone."""
    good, bad = {}, []
    for place, row in enumerate(decode_readings(raws)):
        if isinstance(row, Rejected):
            bad.append((place, row))
        else:
            cells = {name: None if value is None else value.hex() for name, value in row.values.items()}
            good[place] = row.source, row.ts, cells, row.id
    return good, bad


def assert_agrees(decoder, raws, keys=None):
    readings, rejected = decode(decoder, raws, keys)
    good, bad = one_by_one(raws)
    assert by_offset(readings) == good
    assert rejected == bad


ordinary = st.builds(
    event,
    source=st.sampled_from(["a", "b", "é"]),
    ts=st.floats(0, 4e9) | st.just("2020-03-09T10:14:33Z"),
    values=st.dictionaries(
        st.sampled_from(["x", "y", "z", 'quoted "x"', "back\\slash", "new\nline", "é", "c0"]),
        st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9) | st.booleans(),
        min_size=1,
    ),
    labels=st.none() | st.sampled_from([{"a": 1}, {"a": [1]}]),
    id=st.none() | st.sampled_from(["i", "j", "\ud800"]),
)
raw_events = (
    ordinary | st.sampled_from([GOOD, *SOME_BAD]) | st.builds(encoded, documents | anything, st.booleans())
)
keyed = st.lists(st.tuples(raw_events, st.sampled_from([None, b"a", b"b", b"\xff"])), max_size=12)


@given(keyed, keyed)
@settings(max_examples=400)
def test_anything_is_taken_or_refused_as_it_is_alone_whatever_came_before(before, delivery):
    decoder = ReadingDecoder()
    for part in (before, delivery, delivery):
        assert_agrees(decoder, [raw for raw, _ in part], [key for _, key in part])


@given(ordinary, raw_events)
@settings(max_examples=200)
def test_a_shape_that_is_known_takes_nothing_else(known, other):
    decoder = ReadingDecoder()
    decode(decoder, [known])
    assert_agrees(decoder, [other])
    assert_agrees(decoder, [known, other, known])


@pytest.mark.parametrize("name", BAD)
def test_bad_input_spoils_no_neighbour(name):
    decoder = ReadingDecoder()
    assert_agrees(decoder, [GOOD, BAD[name][0], GOOD])
    assert_agrees(decoder, [BAD[name][0]])


@given(keyed, st.sets(st.integers(1, 11)))
@settings(max_examples=150)
def test_deliveries_may_be_cut_anywhere(log, cuts):
    raws, keys = [raw for raw, _ in log], [key for _, key in log]
    whole, rejected = decode(ReadingDecoder(), raws, keys)
    decoder, rows, bad = ReadingDecoder(), {}, []
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(raws)), len(raws)]):
        part, refused = decode(decoder, raws[begin:end], keys[begin:end], begin)
        rows |= by_offset(part)
        bad += [(begin + place, why) for place, why in refused]
    assert rows == by_offset(whole)
    assert bad == rejected


def test_events_of_one_shape_lie_side_by_side_whatever_the_order_of_their_names():
    decoder = ReadingDecoder()
    decode(decoder, [event(values={"x": 1.0, "y": 2.0})])
    readings, _ = decode(decoder, [event(values={"x": 1, "y": 2}), event(values={"y": 4, "x": None})])
    (group,) = readings.groups
    assert (group.channels, group.rows.tolist()) == (("x", "y"), [0, 1])
    np.testing.assert_array_equal(group.values, [[1.0, 2.0], [math.nan, 4.0]])


def test_sources_of_different_channels_each_keep_their_shape():
    decoder = ReadingDecoder()
    raws = [event(source="a", values={"x": 1.0}), event(source="b", values={"y": 2.0, "z": 3.0})] * 3
    keys = [b"a", b"b"] * 3
    decode(decoder, raws, keys)
    readings, _ = decode(decoder, raws, keys)
    assert [(group.channels, group.rows.tolist()) for group in readings.groups] == [
        (("x",), [0, 2, 4]),
        (("y", "z"), [1, 3, 5]),
    ]


def test_an_absent_channel_is_no_null_one():
    readings, _ = decode(ReadingDecoder(), [event(values={"x": 1.0}), event(values={"x": 1.0, "y": None})])
    assert [group.channels for group in readings.groups] == [("x",), ("x", "y")]


def test_ids_are_there_where_one_event_has_one():
    decoder = ReadingDecoder()
    assert decode(decoder, [event(), event(id=None)])[0].ids == []
    assert decode(decoder, [event(), event(id="i")])[0].ids == [None, "i"]
    assert decode(decoder, [event(id="")])[0].ids == [""]


def test_what_is_remembered_is_bounded():
    decoder = ReadingDecoder()
    for i in range(3 * module._MOST_SHAPES):
        assert_agrees(decoder, [event(source=f"s{i}", values={f"c{i}": 1.0})] * 2, [b"s%d" % i] * 2)
    assert len(decoder._shapes) == module._MOST_SHAPES
    decode(decoder, [event(values={"c0": 1.0})], [b"k" * 1_000_000])
    assert max(map(len, filter(None, decoder._by_key))) < 5000


def test_keys_are_forgotten_before_they_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "_MOST_KEYS", 10)
    decoder = ReadingDecoder()
    for i in range(100):
        decode(decoder, [event(values={"x": 1.0}), event(values={"y": 1.0})], [b"x%d" % i, b"y%d" % i])
        assert len(decoder._by_key) <= 10


rows = st.lists(
    st.builds(
        SensorRow,
        st.sampled_from("ab"),
        st.floats(0, 1e9),
        st.dictionaries(st.sampled_from("xyz"), st.none() | st.floats(-9, 9), min_size=1),
        st.none(),
        st.none() | st.just("i"),
    ),
    max_size=10,
)


@given(rows)
def test_columns_of_rows_are_those_of_their_json(rows):
    raws = [event(source=row.source, ts=row.ts, values=row.values, id=row.id) for row in rows]
    places = range(len(rows))
    made = Readings.of(rows, offsets=places, record_ts=[place / 2 for place in places])
    assert by_offset(made) == by_offset(decode(ReadingDecoder(), raws)[0])


@given(rows, st.sets(st.integers(0, 9)))
def test_some_of_them_are_as_they_were(rows, chosen):
    places = np.array(sorted(place for place in chosen if place < len(rows)), dtype=np.int64)
    record_ts = [place / 2 for place in range(len(rows))]
    whole = Readings.of(rows, record_ts=record_ts)
    some = whole.at(places)
    assert len(some) == len(places)
    assert by_offset(some) == {place: row for place, row in by_offset(whole).items() if place in places}


def test_a_reading_that_is_taken_alone_is_what_the_columns_say():
    row = decode_reading(GOOD)
    readings, _ = decode(ReadingDecoder(), [GOOD])
    assert by_offset(readings)[0] == (
        row.source,
        row.ts,
        {"flow": row.values["flow"].hex(), "load": None},
        None,
    )
