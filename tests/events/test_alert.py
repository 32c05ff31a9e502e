"""Alerts on the wire."""

import json
import math
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_app.events import Alert, AlertState, LogId, Severity, alert_id

text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)
identities = st.tuples(
    text, text, text, text, st.builds(LogId, st.integers(0, 9), text), st.integers(0, 2**40)
)


def alert(**changes):
    fields = {
        "id": alert_id("sensors", "pump/1", "adwin", "flow", LogId(2), 41),
        "stream": "sensors",
        "source": "pump/1",
        "kind": "drift",
        "detector": "adwin",
        "channel": "flow",
        "state": AlertState.FIRING,
        "severity": Severity.WARNING,
        "started_at": 1583748873.25,
        "partition": 2,
        "offset": 41,
        "statistic": 7.5,
        "threshold": 5.0,
        "summary": "flow fell",
        "contributions": (("flow", 0.75), ("load", 0.25)),
        "context": {"mean_before": 1.0, "mean_after": 0.1},
    }
    return Alert(**(fields | changes))


def test_an_id_is_the_same_in_every_release():
    # Alerts of an earlier release are still in Redis when a new one processes their events again.
    assert alert_id("sensors", "pump-1", "adwin", "flow", LogId(0), 41) == "9d688eb9947770ac95d50cf2c48b55f7"


@given(identities, identities)
def test_ids_are_equal_only_for_equal_identities(one, other):
    assert (alert_id(*one) == alert_id(*other)) == (one == other)


@pytest.mark.parametrize("separator", [":", "/", "|", ",", "\x00", "-", " "])
def test_names_with_separators_do_not_collide(separator):
    first = alert_id(f"a{separator}b", "c", "d", "e", LogId(1), 2)
    second = alert_id("a", f"b{separator}c", "d", "e", LogId(1), 2)
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{32}", first)


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    text,
    st.floats(0, 4e9),
    st.none() | st.floats(0, 4e9),
    numbers,
    st.dictionaries(text, numbers, max_size=3),
    st.lists(st.tuples(text, numbers), max_size=3),
)
def test_the_envelope_gives_the_alert_back(source, started, ended, statistic, context, contributions):
    original = alert(
        source=source,
        started_at=started,
        ended_at=ended,
        state=AlertState.FIRING if ended is None else AlertState.RESOLVED,
        statistic=statistic,
        context=context,
        contributions=tuple(contributions),
    )
    wire = msgspec.json.encode(original.to_cloudevent())
    assert Alert.from_cloudevent(json.loads(wire)) == original
    assert Alert.model_validate_json(original.model_dump_json()) == original


def test_the_envelope_is_a_cloudevent():
    firing = alert().to_cloudevent()
    assert {
        name: firing[name] for name in ("specversion", "type", "source", "subject", "datacontenttype")
    } == {
        "specversion": "1.0",
        "type": "io.streamgauge.alert.v1",
        "source": "/streamgauge/sensors",
        "subject": "pump/1",
        "datacontenttype": "application/json",
    }
    assert firing["time"] == "2020-03-09T10:14:33.250000Z"
    resolved = alert(state=AlertState.RESOLVED, ended_at=1583748900.0, end_offset=70).to_cloudevent()
    assert resolved["time"] == "2020-03-09T10:15:00Z"
    # Consumers may drop a second event with the same source and id: beginning and end must differ.
    assert firing["id"] != resolved["id"]
    assert firing["data"]["id"] == resolved["data"]["id"]


@pytest.mark.parametrize("statistic", [float("inf"), float("-inf")])
def test_boundless_evidence_survives_the_wire_and_the_store(statistic):
    original = alert(statistic=statistic)
    assert Alert.model_validate_json(original.model_dump_json()) == original
    assert Alert.from_cloudevent(json.loads(msgspec.json.encode(original.to_cloudevent()))) == original


def test_a_figure_that_could_not_be_computed_leaves_the_alert_readable():
    original = alert(context={"mean_before": float("nan")})
    read = Alert.from_cloudevent(json.loads(msgspec.json.encode(original.to_cloudevent())))
    assert math.isnan(read.context["mean_before"])


@pytest.mark.parametrize("foreign", [{}, {"data": None}, {"data": {"id": "x"}}, {"data": "text"}])
def test_a_foreign_event_is_not_taken_for_an_alert(foreign):
    with pytest.raises(ValidationError):
        Alert.from_cloudevent(foreign)
