"""Decoding: the fast path and pydantic agree, and every kind of bad input is refused for its reason."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from raw_events import BAD, GOOD, anything, documents, event

from stream_app.events import Rejected, SensorReading, SensorRow, decode_reading, decode_readings
from stream_app.events.decoding import MAX_EVENT_BYTES
from stream_app.events.sensor import MAX_NAME


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


@given(documents | anything, st.booleans())
@settings(max_examples=400)
def test_the_fast_path_takes_what_pydantic_takes_with_equal_values(document, ascii_only):
    assert_agrees(json.dumps(document, ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@given(st.data())
@settings(max_examples=400)
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
@settings(max_examples=50)
def test_a_delivery_is_decoded_as_its_events_one_by_one(raws):
    assert decode_readings(raws) == [decode_reading(raw) for raw in raws]
