"""Session events: the fast path and pydantic agree, and every kind of bad input is refused for its reason."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_app.events import Reason, Rejected
from stream_app.events.decoding import MAX_EVENT_BYTES
from stream_app.events.sensor import MAX_NAME, MAX_TS
from stream_app.events.session import (
    MAX_FIELDS,
    MAX_NUMBER,
    MAX_TEXT,
    SessionEvent,
    decode_session,
    decode_sessions,
)

GOOD = {"entity": "17850", "ts": 1291191960, "type": "purchase", "values": {"amount": 15.3, "quantity": 6}}

numbers = st.one_of(
    st.integers(-10, 10),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([MAX_TS, 1.6e9, 1.6e12, -0.0, 1e200, 1.1e200, 1e308]),
)
names = st.text(max_size=4) | st.sampled_from(
    ["", "a" * MAX_NAME, "a" * (MAX_NAME + 1), "a\nb", "{a}:b", "a\x00"]
)
anything = st.none() | st.booleans() | numbers | names | st.lists(numbers, max_size=2)
documents = st.fixed_dictionaries(
    {
        "entity": names | anything,
        "ts": numbers | st.sampled_from(["2020-03-09T10:14:33Z", "soon"]) | anything,
    },
    optional={
        "type": names | anything,
        "values": st.dictionaries(names, numbers | st.none(), max_size=3) | anything,
        "attributes": st.dictionaries(names, names | st.none(), max_size=3) | anything,
        "id": names | anything,
        "extra": anything,
    },
)


@given(documents)
@settings(max_examples=400)
def test_the_fast_path_takes_what_pydantic_takes_with_equal_values(document):
    row = decode_session(json.dumps(document).encode())
    try:
        event = SessionEvent.model_validate(document)
    except ValidationError:
        assert isinstance(row, Rejected)
        assert row.message
        return
    assert not isinstance(row, Rejected), row
    for name in ("entity", "ts", "type", "values", "attributes", "id"):
        assert getattr(row, name) == getattr(event, name)
    assert all(value is None or type(value) is float for value in row.values.values())


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"entity": ""}, Reason.SCHEMA, "entity: String should have at least 1 character"),
        ({"entity": "a\nb"}, Reason.SCHEMA, "entity: an entity has printable characters only"),
        ({"entity": "a\x00"}, Reason.SCHEMA, "printable"),
        ({"entity": "a" * 257}, Reason.SCHEMA, "entity: String should have at most 256 characters"),
        ({"entity": "a" * 1_000_000}, Reason.TOO_LARGE, f"at most {MAX_EVENT_BYTES}"),
        ({"entity": 17850}, Reason.SCHEMA, "entity: Input should be a valid string"),
        ({"entity": None}, Reason.SCHEMA, "entity: Input should be a valid string"),
        ({"ts": "yesterday"}, Reason.TIMESTAMP, "not RFC 3339"),
        ({"ts": 1291191960000}, Reason.TIMESTAMP, "milliseconds"),
        ({"ts": -1}, Reason.TIMESTAMP, "before 1970"),
        ({"values": {"amount": float("nan")}}, Reason.NOT_FINITE, "values.amount"),
        ({"values": {"amount": float("-inf")}}, Reason.NOT_FINITE, "values.amount"),
        ({"values": {"amount": 1e300}}, Reason.SCHEMA, f"larger than {MAX_NUMBER}"),
        ({"values": {"amount": "15.30"}}, Reason.SCHEMA, "a number is expected"),
        ({"values": {"amount": True}}, Reason.SCHEMA, "a number is expected"),
        ({"values": {str(i): 1.0 for i in range(MAX_FIELDS + 1)}}, Reason.SCHEMA, "values: Dictionary"),
        ({"attributes": {"item": 5}}, Reason.SCHEMA, "attributes.item"),
        ({"attributes": {"item": "a" * (MAX_TEXT + 1)}}, Reason.SCHEMA, "attributes.item"),
    ],
)
def test_bad_events_are_refused_in_words(change, reason, message):
    found = decode_session(json.dumps(GOOD | change).encode())
    assert isinstance(found, Rejected)
    assert found.reason is reason
    assert message in found.message


def test_names_that_look_like_keys_are_taken_as_they_are():
    for entity in ("a:b", "{a}", "a b", "é", "%41", "*"):
        assert decode_session(json.dumps(GOOD | {"entity": entity}).encode()).entity == entity


def test_one_bad_event_does_not_spoil_its_neighbours():
    good = json.dumps(GOOD).encode()
    rows = decode_sessions([good, b"{", None, b"[]", good])
    assert [type(row).__name__ for row in rows] == [
        "SessionRow",
        "Rejected",
        "Rejected",
        "Rejected",
        "SessionRow",
    ]
    assert [row.reason for row in rows[1:4]] == [Reason.NOT_JSON, Reason.TOMBSTONE, Reason.SCHEMA]


@pytest.mark.parametrize("extra", [{}, {"id": "7"}, {"channel": "shop"}, {"entity": "somebody else"}])
def test_the_entity_may_stand_under_another_name(extra):
    event = {name: value for name, value in GOOD.items() if name != "entity"} | {"customer": "17850"} | extra
    row = decode_session(json.dumps(event).encode(), key="customer")
    assert (row.entity, row.values, row.id) == ("17850", GOOD["values"], extra.get("id"))
    missing = decode_session(json.dumps(GOOD).encode(), key="customer")
    assert missing.message == "customer: Field required"
