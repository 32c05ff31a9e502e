"""Decoding: the fast path and pydantic agree, and every kind of bad input is refused for its reason."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_app.events import Reason, Rejected, SensorReading, SensorRow, decode_reading, decode_readings
from stream_app.events.decoding import MAX_EVENT_BYTES
from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME, MAX_TS

GOOD = b'{"source": "pump-1", "ts": 1600000000.5, "values": {"flow": 1.5, "load": null}}'


def judged(raw):
    """What pydantic alone says: the fields, or None."""
    try:
        return SensorReading.model_validate_json(raw)
    except ValidationError:
        return None


def assert_agrees(raw):
    row, reading = decode_reading(raw), judged(raw)
    if reading is None:
        assert isinstance(row, Rejected), raw
        assert row.message
        return
    assert isinstance(row, SensorRow), (raw, row)
    assert (row.source, row.ts, row.id) == (reading.source, reading.ts, reading.id)
    assert list(row.values.items()) == list(reading.values.items())
    assert all(value is None or type(value) is float for value in row.values.values())
    assert type(row.ts) is float
    assert (row.labels is None) == (reading.labels is None)
    assert list(row.labels or ()) == list(reading.labels or ())


numbers = st.one_of(
    st.integers(-10, 10),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([MAX_TS, MAX_TS - 1, 1.6e9, 1.6e12, 10**400, -0.0, 5e-324, 1.7976931348623157e308]),
)
names = st.text(max_size=5) | st.sampled_from(
    ["", "a" * MAX_NAME, "a" * (MAX_NAME + 1), "é" * MAX_NAME, "source"]
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
times = numbers | st.sampled_from(
    ["2020-03-09T10:14:33Z", "2020-03-09", "1969-12-31T23:59:59Z", "soon", "", "5"]
)
documents = st.fixed_dictionaries(
    {
        "source": names | anything,
        "ts": times | anything,
        "values": st.dictionaries(names, numbers | st.none(), max_size=4) | anything,
    },
    optional={
        "labels": st.dictionaries(names, anything, max_size=3) | anything,
        "id": names | anything,
        "extra": anything,
    },
)


@given(documents | anything, st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_fast_path_takes_what_pydantic_takes_with_equal_values(document, ascii_only):
    assert_agrees(json.dumps(document, ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_both_paths_agree_on_damaged_bytes(data):
    rich = b'{"source":"\xc3\xa9","ts":"2020-03-09T10:14:33Z","values":{"x":-1.5e3,"y":null},"labels":{"a":true},"u":[1,{"v":"w"}]}'
    raw = bytearray(data.draw(st.sampled_from([GOOD, rich])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "insert", "delete", "double"]))
        if kind == "set":
            raw[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del raw[at + 1 :]
        elif kind == "insert":
            raw[at:at] = data.draw(
                st.sampled_from(
                    [b"\x00", b"\xff", b'"', b"{", b"NaN", b"1e999", b",", b"\\ud800", b"0", b"-"]
                )
            )
        elif kind == "delete" and len(raw) > 1:
            del raw[at]
        else:
            raw[at:at] = raw[at : at + 10]
    assert_agrees(bytes(raw))


@pytest.mark.parametrize(
    "extra",
    [b'"\xff"', b"[" * 300 + b"]" * 300, b"1" + b"0" * 5000, b'"\\ud800"', b"nonsense", b"NaN", b"1e999"],
    ids=["not UTF-8", "deep", "huge", "surrogate", "bare word", "NaN", "1e999"],
)
def test_both_paths_agree_on_fields_nobody_asked_for(extra):
    assert_agrees(b'{"source":"a","ts":1,"values":{"x":1},"extra":' + extra + b"}")


def event(**changes):
    return json.dumps({"source": "a", "ts": 1.0, "values": {"x": 1.0}} | changes).encode()


BAD = {
    "empty": (b"", Reason.NOT_JSON),
    "a word": (b"hello", Reason.NOT_JSON),
    "not UTF-8": (b'{"source": "\xff\xfe", "ts": 1, "values": {"x": 1}}', Reason.NOT_JSON),
    "truncated": (GOOD[:-5], Reason.NOT_JSON),
    "two documents": (GOOD + GOOD, Reason.NOT_JSON),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, Reason.NOT_JSON),
    "deep arrays": (b"[" * 100_000, Reason.NOT_JSON),
    "deep labels": (
        b'{"source":"a","ts":1,"values":{"x":1},"labels":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        Reason.NOT_JSON,
    ),
    "deep extra": (
        b'{"source":"a","ts":1,"values":{"x":1},"u":' + b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"}",
        Reason.NOT_JSON,
    ),
    "a list": (b"[1, 2]", Reason.SCHEMA),
    "a number": (b"12", Reason.SCHEMA),
    "null": (b"null", Reason.SCHEMA),
    "no source": (b'{"ts": 1, "values": {"x": 1}}', Reason.SCHEMA),
    "no time": (b'{"source": "a", "values": {"x": 1}}', Reason.SCHEMA),
    "no values": (b'{"source": "a", "ts": 1}', Reason.SCHEMA),
    "empty source": (event(source=""), Reason.SCHEMA),
    "source a number": (event(source=7), Reason.SCHEMA),
    "source too long": (event(source="s" * (MAX_NAME + 1)), Reason.SCHEMA),
    "channel too long": (event(values={"c" * (MAX_NAME + 1): 1.0}), Reason.SCHEMA),
    "channel empty": (event(values={"": 1.0}), Reason.SCHEMA),
    "values empty": (event(values={}), Reason.SCHEMA),
    "values a list": (event(values=[1.0]), Reason.SCHEMA),
    "too many channels": (event(values={f"c{i}": 0 for i in range(MAX_CHANNELS + 1)}), Reason.SCHEMA),
    "a value a text": (event(values={"x": "3"}), Reason.SCHEMA),
    "a value a list": (event(values={"x": [3]}), Reason.SCHEMA),
    "labels nested": (event(labels={"a": {"b": 1}}), Reason.SCHEMA),
    "id a number": (event(id=5), Reason.SCHEMA),
    "a huge integer": (b'{"source":"a","ts":1,"values":{"x":1' + b"0" * 400 + b"}}", Reason.SCHEMA),
    "NaN": (b'{"source":"a","ts":1,"values":{"x":NaN}}', Reason.NOT_FINITE),
    "Infinity": (b'{"source":"a","ts":1,"values":{"x":-Infinity}}', Reason.NOT_FINITE),
    "1e999": (b'{"source":"a","ts":1,"values":{"x":1e999}}', Reason.NOT_FINITE),
    "time NaN": (b'{"source":"a","ts":NaN,"values":{"x":1}}', Reason.TIMESTAMP),
    "time 1e999": (b'{"source":"a","ts":1e999,"values":{"x":1}}', Reason.TIMESTAMP),
    "time negative": (event(ts=-1), Reason.TIMESTAMP),
    "time in milliseconds": (event(ts=1_600_000_000_000), Reason.TIMESTAMP),
    "time true": (event(ts=True), Reason.TIMESTAMP),
    "time null": (event(ts=None), Reason.TIMESTAMP),
    "time a word": (event(ts="yesterday"), Reason.TIMESTAMP),
    "time before 1970": (event(ts="1969-12-31T23:59:59Z"), Reason.TIMESTAMP),
    "1 MB of junk": (b"\x00\xff" * 500_000, Reason.TOO_LARGE),
    "1 MB of JSON": (event(labels={"a": "b" * 1_000_000}), Reason.TOO_LARGE),
    "tombstone": (None, Reason.TOMBSTONE),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_for_its_reason_and_spoils_no_neighbour(name):
    raw, reason = BAD[name]
    good = decode_reading(GOOD)
    before, bad, after = decode_readings([GOOD, raw, GOOD])
    assert before == after == good
    assert isinstance(bad, Rejected)
    assert bad.reason is reason, bad
    assert bad.message
    assert bad == decode_reading(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (event(source=""), "source: String should have at least 1 character"),
        (event(values={"flow": "3"}), "values.flow: a number is expected, not a text"),
        (event(ts=1_600_000_000_000), "milliseconds"),
        (event(ts="yesterday"), "RFC 3339"),
        (None, "no value"),
        (b" " * (MAX_EVENT_BYTES + 1), f"{MAX_EVENT_BYTES + 1} bytes; at most {MAX_EVENT_BYTES} are read"),
    ],
)
def test_the_message_says_which_field_and_what_was_expected(raw, message):
    assert message in decode_reading(raw).message


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (event(ts="2020-03-09T10:14:33Z"), SensorRow("a", 1583748873.0, {"x": 1.0})),
        (event(values={"x": True}), SensorRow("a", 1.0, {"x": 1.0})),
        (event(unit="bar", nested={"deep": [1]}), SensorRow("a", 1.0, {"x": 1.0})),
        (event(source="s" * MAX_NAME, id="i"), SensorRow("s" * MAX_NAME, 1.0, {"x": 1.0}, None, "i")),
        (event(values={"x": None}), SensorRow("a", 1.0, {"x": None})),
        (b'{"source":"a","ts":1,"values":{"x":1,"x":2}}', SensorRow("a", 1.0, {"x": 2.0})),
    ],
)
def test_unusual_but_valid_events_are_taken(raw, expected):
    assert decode_readings([raw]) == [decode_reading(raw)] == [expected]


@given(
    st.lists(
        st.sampled_from([GOOD, *(raw for raw, _ in BAD.values() if raw is None or len(raw) < 1000)]),
        max_size=20,
    )
)
@example([])
@settings(max_examples=50, deadline=None)
def test_a_delivery_is_decoded_as_its_events_one_by_one(raws):
    assert decode_readings(raws) == [decode_reading(raw) for raw in raws]
