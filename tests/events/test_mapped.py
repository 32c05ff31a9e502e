"""Predictions and session events in the forms that people have."""

import json

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_app.errors import SettingsError
from stream_app.events import Reason, Rejected, decode_predictions, decode_sessions
from stream_app.kinds.predictions import prediction_rows
from stream_app.kinds.sessions import session_rows
from stream_app.settings import PredictionStream, SensorStream, SessionStream


def record(value, key=None, headers=(), timestamp=5000):
    raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return ConsumerRecord("t", 0, 0, timestamp, 0, key, raw, None, 0, 0, tuple(headers))


def in_order(decoded):
    """Events and refusals in the order of their records."""
    found = [*zip(decoded.places, decoded.rows, strict=True), *decoded.rejected]
    return [one for _, one in sorted(found, key=lambda each: each[0])]


def predictions(*records, **mapping):
    return in_order(prediction_rows("models", PredictionStream(mapping=mapping))(list(records)))


def sessions(*records, entity_field="entity", **mapping):
    stream = SessionStream(mapping=mapping, entity_field=entity_field)
    return in_order(session_rows("shop", stream)(list(records)))


def test_a_prediction_is_found_where_the_mapping_says():
    message = {
        "request": {"id": 17, "at": "2023-11-14T22:13:20Z"},
        "model": "churn",
        "output": {"class": "yes", "scores": {"yes": 0.75, "no": 0.25}},
        "input": {"age": 31, "tenure": None},
        "region": "north",
        "plan": "basic",
        "score": 3,
    }
    (row,) = predictions(
        record(message, headers=[("version", b"v2")]),
        source="model",
        id="request.id",
        time="request.at",
        version="$header.version",
        prediction="output.class",
        probabilities="output.scores",
        features="input",
        categories={"region": "region"},
    )
    assert (row.source, row.id, row.ts, row.version) == ("churn", "17", 1.7e9, "v2")
    assert (row.prediction, row.probabilities, row.label) == ("yes", (("yes", 0.75), ("no", 0.25)), None)
    assert (row.features, row.categories) == ({"age": 31.0, "tenure": None}, {"region": "north"})


def test_a_session_event_may_be_flat():
    message = {
        "customer": 4711,
        "t": 1700000000500,
        "kind": "buy",
        "amount": 2.5,
        "units": 2,
        "item": "tea",
        "gift": True,
    }
    (row,) = sessions(
        record(message),
        entity_field="customer",
        time="t",
        time_unit="ms",
        type="kind",
        values=".",
        attributes=".",
    )
    assert (row.entity, row.ts, row.type) == ("4711", 1700000000.5, "buy")
    assert (row.values, row.attributes) == ({"amount": 2.5, "units": 2.0}, {"item": "tea"})
    (row,) = sessions(record({"v": {"a": 1}}, key=b"alice"), entity="$key", time="$timestamp", values="v")
    assert (row.entity, row.ts, row.values) == ("alice", 5.0, {"a": 1.0})


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        (None, Reason.TOMBSTONE, "no value"),
        (b"{", Reason.NOT_JSON, "Invalid JSON"),
        ({"who": "a\n", "t": 1}, Reason.SCHEMA, "who: an entity has printable characters only"),
        ({"who": "a", "t": "soon"}, Reason.TIMESTAMP, "t: the time 'soon'"),
        ({"who": "a"}, Reason.SCHEMA, "t: Field required"),
        ({"t": 1}, Reason.SCHEMA, "who: Field required"),
        ({"who": "a", "t": 1, "v": {"x": "many"}}, Reason.SCHEMA, "v.x: a number is expected"),
        (
            b'{"who": "a", "t": 1, "v": {"x": Infinity}}',
            Reason.NOT_FINITE,
            "v.x: Input should be a finite number",
        ),
        ([], Reason.SCHEMA, "who: Field required"),
    ],
)
def test_what_is_no_good_is_refused_in_the_producers_words(message, reason, words):
    good = record({"who": "a", "t": 1, "v": {"x": 1}})
    before, bad, after = sessions(good, record(message), good, entity_field="who", time="t", values="v")
    assert before == after
    assert isinstance(bad, Rejected)
    assert bad.reason is reason
    assert words in bad.message


plain = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-9, 9)
    | st.sampled_from(["a", "", "\ud800", "b\n"])
)
parts = {
    "source": st.sampled_from(["m", "", 3]),
    "entity": st.sampled_from(["e", "", "e\n", None]),
    "ts": st.sampled_from([1, 2.5, "2023-11-14T22:13:20Z", "soon", -1, None]),
    "id": plain,
    "version": plain,
    "prediction": plain,
    "label": plain,
    "error": plain,
    "latency": plain,
    "type": plain,
    **{
        name: plain | st.dictionaries(st.sampled_from(["a", "b", ""]), plain, max_size=3)
        for name in ("probabilities", "features", "categories", "values", "attributes")
    },
}


@given(st.lists(st.fixed_dictionaries({}, optional=parts), max_size=5))
@settings(max_examples=200)
def test_the_places_where_none_are_set_are_those_of_our_own_form(documents):
    raws = [json.dumps(document, ensure_ascii=True).encode() for document in documents]
    records = [record(raw) for raw in raws]
    for rows, ours, name in (
        (predictions(*records), decode_predictions(raws), "source"),
        (sessions(*records, id="id"), decode_sessions(raws), "entity"),
    ):
        for row, own, document in zip(rows, ours, documents, strict=True):
            if isinstance(own, Rejected) and (
                type(document.get(name)) is int or type(document.get("id")) is int
            ):
                continue  # whole numbers are taken for their texts where a mapping says where they are
            assert isinstance(row, Rejected) == isinstance(own, Rejected)
            assert isinstance(own, Rejected) or repr(row) == repr(own)


def test_a_mapping_that_makes_no_sense_is_told():
    for mapping, words in (
        ({"source": "."}, "source cannot be the event itself"),
        ({"source": "a", "id": "a"}, "source and id are at the same place, a"),
        ({"source": "$message.a"}, "is for events of an array"),
    ):
        with pytest.raises(SettingsError, match=words):
            predictions(record({}), **mapping)


def test_an_array_has_a_prediction_an_element():
    message = {"model": "churn", "at": 5.0, "answers": [{"id": 1, "y": "a"}, {"id": 2, "y": "b"}]}
    said = {"each": "answers", "source": "$message.model", "time": "$message.at", "prediction": "y"}
    broken = {**message, "answers": [message["answers"][0], {"id": 2, "y": []}]}
    first, second, bad, none, last = predictions(
        record(message),
        record(broken),
        record({"model": "churn"}),
        record({**message, "answers": message["answers"][:1]}),
        **said,
    )
    assert [(row.source, row.ts, row.id, row.prediction) for row in (first, second, last)] == [
        ("churn", 5.0, "1", "a"),
        ("churn", 5.0, "2", "b"),
        ("churn", 5.0, "1", "a"),
    ]
    assert isinstance(bad, Rejected)
    assert none.message == "answers: an array of events is expected"


def test_an_array_has_a_session_event_an_element():
    message = {"customer": "c1", "lines": [{"ts": 5.0, "amount": 1.5}, {"ts": 6.0, "amount": 2.5}]}
    rows = sessions(record(message), each="lines", entity="$message.customer", values=".")
    assert [(row.entity, row.ts, row.values) for row in rows] == [
        ("c1", 5.0, {"amount": 1.5}),
        ("c1", 6.0, {"amount": 2.5}),
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("$headers.x", "; is $header.x meant?"),
        ("$Key", "; is $key meant?"),
        ("$timestmp", "; is $timestamp meant?"),
        ("$mesage.a.b", "; is $message.a.b meant?"),
        ("$value", ""),
        ("$key.x", "; is $key meant?"),
        ("$header", ""),
    ],
)
def test_a_place_with_a_dollar_that_is_none_is_refused_with_the_nearest(said, meant):
    with pytest.raises(ValidationError) as caught:
        SensorStream(mapping={"source": said})
    assert f"{said!r} is no place" in str(caught.value)
    assert meant in str(caught.value)


def test_a_name_that_begins_with_a_dollar_is_a_list():
    (row,) = sessions(record({"$key": "c1", "ts": 5.0}), entity=["$key"])
    assert row.entity == "c1"
