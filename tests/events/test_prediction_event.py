"""Prediction events: the fast path and pydantic agree, and every kind of bad input is refused for its reason."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_app.events import Reason, Rejected
from stream_app.events.decoding import MAX_EVENT_BYTES
from stream_app.events.prediction import MAX_LABELS, PredictionEvent, decode_prediction, decode_predictions
from stream_app.events.probabilities import read_probabilities
from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME, MAX_TS

GOOD = {
    "source": "digits",
    "ts": 1_700_000_000,
    "id": "a-1",
    "prediction": "7",
    "probabilities": {"7": 0.75, "1": 0.25},
    "features": {"ink": 0.2},
    "categories": {"site": "north"},
    "latency": 0.01,
}

numbers = st.one_of(
    st.integers(-3, 3),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0009, -0.0, MAX_TS, 1.6e12, 1e200, 1.1e200, 2**64, 10**300]),
)
names = st.sampled_from(["a", "b", "7", "1", "true", "", "é", "a" * MAX_NAME, "a" * (MAX_NAME + 1), "\x00"])
anything = st.none() | st.booleans() | numbers | names | st.lists(numbers, max_size=2)
answers = st.sampled_from(["a", "b", "7", 7, 1, True, False, None, ""]) | anything
documents = st.fixed_dictionaries(
    {
        "source": names | anything,
        "ts": st.sampled_from([10, 10.5, "2020-03-09T10:14:33Z", "soon"]) | anything,
        "id": names | anything,
    },
    optional={
        "version": names | anything,
        "prediction": answers,
        "probabilities": st.sampled_from(
            [{"a": 1.0}, {"a": 0.5, "b": 0.5}, {"7": 0.5, "1": 0.25, "true": 0.2495}, {"7": 0.5, "1": 0.4}]
        )
        | st.dictionaries(names, numbers, max_size=3)
        | anything,
        "label": answers,
        "features": st.dictionaries(names, numbers | st.none(), max_size=3) | anything,
        "categories": st.dictionaries(names, names | st.none(), max_size=3) | anything,
        "latency": anything,
        "error": names | anything,
        "extra": anything,
    },
)


@given(documents)
@settings(max_examples=600)
def test_the_fast_path_takes_what_pydantic_takes_with_equal_values(document):
    row = decode_prediction(json.dumps(document).encode())
    try:
        event = PredictionEvent.model_validate(document)
    except ValidationError:
        assert isinstance(row, Rejected)
        assert row.message
        return
    assert not isinstance(row, Rejected), row
    for name in ("source", "ts", "id", "prediction", "label", "features", "categories"):
        assert getattr(row, name) == getattr(event, name)
    assert row.version == (event.version or "")
    assert row.failed == bool(event.error)
    told = event.probabilities and read_probabilities(event.prediction, event.probabilities)
    assert row.probabilities == told
    assert row.latency == event.latency or (math.isnan(row.latency) and event.latency is None)


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"source": ""}, Reason.SCHEMA, "source: String should have at least 1 character"),
        ({"source": None}, Reason.SCHEMA, "source: Input should be a valid string"),
        ({"source": "a" * 1_000_000}, Reason.TOO_LARGE, f"at most {MAX_EVENT_BYTES}"),
        ({"ts": "yesterday"}, Reason.TIMESTAMP, "not RFC 3339"),
        ({"ts": 1_700_000_000_000}, Reason.TIMESTAMP, "milliseconds"),
        ({"ts": float("nan")}, Reason.TIMESTAMP, "before 1970"),
        ({"id": ""}, Reason.SCHEMA, "id: String should have at least 1 character"),
        ({"id": True}, Reason.SCHEMA, "id: Input should be a valid string"),
        ({"id": None}, Reason.SCHEMA, "id: Input should be a valid string"),
        ({"prediction": ["7"]}, Reason.SCHEMA, "prediction: Input should be a valid string"),
        ({"prediction": None}, Reason.SCHEMA, "one of prediction, label, error"),
        ({"prediction": None, "error": ""}, Reason.SCHEMA, "one of prediction, label, error"),
        ({"label": float("inf")}, Reason.SCHEMA, "label: Input should be a valid string"),
        ({"prediction": "3"}, Reason.PROBABILITIES, "probabilities: the predicted label '3' has none"),
        ({"prediction": None, "label": "7"}, Reason.PROBABILITIES, "belong to a prediction"),
        (
            {"probabilities": {"7": 0.5, "1": 0.25}},
            Reason.PROBABILITIES,
            "probabilities: they sum to 0.75, not to 1",
        ),
        ({"probabilities": {"7": 1.5, "1": -0.5}}, Reason.PROBABILITIES, "probabilities.1"),
        ({"probabilities": {"7": 1.5}}, Reason.PROBABILITIES, "they sum to 1.5, not to 1"),
        ({"probabilities": {"7": 0.5, "7.0": 0.5}}, Reason.PROBABILITIES, "two spellings of one label"),
        ({"probabilities": {}}, Reason.PROBABILITIES, "no label"),
        ({"probabilities": [0.5, 0.5]}, Reason.PROBABILITIES, "probabilities: Input should be an object"),
        ({"probabilities": {"7": "1.0"}}, Reason.PROBABILITIES, "a number is expected"),
        ({"probabilities": {"7": float("nan")}}, Reason.NOT_FINITE, "probabilities.7"),
        ({"probabilities": {str(i): 0.0 for i in range(MAX_LABELS + 1)}}, Reason.PROBABILITIES, "at most"),
        ({"features": {"ink": float("inf")}}, Reason.NOT_FINITE, "features.ink"),
        ({"features": {"ink": "much"}}, Reason.SCHEMA, "features.ink: a number is expected"),
        ({"features": {str(i): 0.0 for i in range(MAX_CHANNELS + 1)}}, Reason.SCHEMA, "features"),
        ({"categories": {"site": 5}}, Reason.SCHEMA, "categories.site"),
        ({"latency": -1}, Reason.SCHEMA, "latency: Input should be greater than or equal to 0"),
        ({"latency": "fast"}, Reason.SCHEMA, "latency: a number is expected"),
        ({"error": 500}, Reason.SCHEMA, "error: Input should be a valid string"),
    ],
)
def test_bad_events_are_refused_in_words(change, reason, message):
    found = decode_prediction(json.dumps(GOOD | change).encode())
    assert isinstance(found, Rejected)
    assert message in found.message
    assert found.reason is reason


def test_one_bad_event_does_not_spoil_its_neighbours():
    good = json.dumps(GOOD).encode()
    rows = decode_predictions([good, b"{", None, b"[]", b'{"source": "\xff"}', good])
    assert [type(row).__name__ for row in rows] == ["PredictionRow", *["Rejected"] * 4, "PredictionRow"]
    assert [row.reason for row in rows[1:5]] == [
        Reason.NOT_JSON,
        Reason.TOMBSTONE,
        Reason.SCHEMA,
        Reason.NOT_JSON,
    ]


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        *((7, "7"), ("7", "7"), (7.0, "7"), ("7.0", "7"), (-1, "-1"), (0.5, "0.5")),
        *((True, "1"), ("True", "1"), (" Yes ", "yes"), (">50K.", ">50k")),
    ],
)
def test_labels_are_the_same_however_they_are_spelled(label, kept):
    event = {
        "source": "m",
        "ts": 1,
        "id": 12,
        "prediction": label,
        "label": label,
        "probabilities": {kept: 1},
    }
    row = decode_prediction(json.dumps(event).encode())
    assert (row.id, row.prediction, row.label, row.probabilities) == ("12", kept, kept, ((kept, 1.0),))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"a": 0.33, "b": 0.33, "c": 0.33}, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ({"a": 67, "b": 33}, {"a": 0.67, "b": 0.33}),
        ({"A": 99.9, "b": 0.05}, {"a": 99.9 / 99.95, "b": 0.05 / 99.95}),
        ({"a": 0.5005, "b": 0.5}, {"a": 0.5005, "b": 0.5}),
    ],
)
def test_probabilities_may_be_rounded_and_in_percent(given, read):
    event = {"source": "m", "ts": 1, "id": 1, "prediction": "a", "probabilities": given}
    row = decode_prediction(json.dumps(event).encode())
    assert dict(row.probabilities) == pytest.approx(read)


def test_a_truth_and_a_failure_stand_alone():
    truth = decode_prediction(b'{"source": "m", "ts": 1, "id": "a", "label": "cat"}')
    assert (truth.prediction, truth.label, truth.failed) == (None, "cat", False)
    failure = decode_prediction(
        b'{"source": "m", "ts": 1, "id": "a", "error": "out of memory", "latency": 9}'
    )
    assert (failure.prediction, failure.label, failure.failed, failure.latency) == (None, None, True, 9.0)
