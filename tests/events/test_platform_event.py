"""Events of a data platform: each form on the wire, and everything that is wrong with one, in words that quote no query."""

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.events import MetricSample, PlatformChange, PlatformDecoder, QueryCompletion, Reason, Rejected
from stream_app.events.platform import MAX_LABELS, MAX_PLATFORM_BYTES
from stream_app.events.query_event import parse_query_duration
from stream_app.events.sql import query_class

SECRET = "4711-0815"
TEXT = f"SELECT name FROM hive.web.visits WHERE card = '{SECRET}' LIMIT 10"
QUERY = {
    "metadata": {
        "queryId": "20260101_000000_00001_abcde",
        "transactionId": "7d1f",
        "query": TEXT,
        "queryState": "FINISHED",
        "tables": [{"catalog": "hive", "columns": [{"mask": None}]}],
        "uri": "http://coordinator:8080/v1/query/20260101_000000_00001_abcde",
        "plan": f"Filter[card = '{SECRET}']",
    },
    "statistics": {
        "cpuTime": "PT1M2.5S",
        "wallTime": "PT3.25S",
        "queuedTime": "355.00ms",
        "resourceWaitingTime": "PT0S",
        "analysisTime": 0.125,
        "planningTime": "1.50s",
        "executionTime": "PT1H",
        "peakUserMemoryBytes": 1_000_000,
        "physicalInputBytes": 2_000_000,
        "physicalInputRows": 3_000,
        "completedSplits": 42,
        "complete": True,
        "operatorSummaries": ['{"filter": "' + SECRET + '"}'],
    },
    "context": {"user": "ann", "catalog": "hive", "schema": "web", "source": "cli", "clientTags": []},
    "ioMetadata": {"inputs": [], "output": None},
    "failureInfo": None,
    "warnings": [],
    "createTime": "2026-01-01T00:00:00.000Z",
    "executionStartTime": "2026-01-01T00:00:01.000Z",
    "endTime": "2026-01-01T00:00:04.250Z",
}
SAMPLE = {
    "source": "prod",
    "ts": 10.5,
    "name": "node_load1",
    "labels": {"job": "node", "instance": "w1"},
    "value": 1.25,
}
SCRAPE = {
    "source": "prod",
    "ts": 20,
    "samples": [
        {"name": "up", "value": 1},
        {"name": "node_load1", "labels": {"instance": "w1"}, "value": 0.5, "ts": 19.5},
        {"name": "node_load1", "labels": {"instance": "w2"}, "value": "1.5"},
    ],
}
CHANGE = {
    "source": "prod",
    "ts": "2026-01-01T01:00:00+01:00",
    "change": {"kind": "deployment", "what": "worker image", "version": "475", "nodes": ["w1", "w2"]},
}

decoder = PlatformDecoder("lake")


def decode(event):
    (found,) = decoder.decode([event if isinstance(event, bytes) else json.dumps(event).encode()])
    return found


def changed(event, path, value):
    event = copy.deepcopy(event)
    place = event
    for part in path[:-1]:
        place = place[part]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return event


def test_a_sample_becomes_a_row_with_sorted_labels():
    assert decode(SAMPLE) == (
        MetricSample("prod", 10.5, "node_load1", (("instance", "w1"), ("job", "node")), 1.25),
    )


def test_a_scrape_becomes_a_row_for_each_sample():
    assert decode(SCRAPE) == (
        MetricSample("prod", 20.0, "up", (), 1.0),
        MetricSample("prod", 19.5, "node_load1", (("instance", "w1"),), 0.5),
        MetricSample("prod", 20.0, "node_load1", (("instance", "w2"),), 1.5),
    )


def test_a_sample_of_the_kafka_adapter_of_prometheus_is_of_the_platform_of_the_settings():
    event = {
        "timestamp": "2026-01-01T00:00:00Z",
        "value": "1.2",
        "name": "node_load1",
        "labels": {"__name__": "node_load1", "instance": "w1:9100"},
    }
    assert decode(event) == (
        MetricSample("lake", 1_767_225_600.0, "node_load1", (("instance", "w1:9100"),), 1.2),
    )
    assert decode(changed(event, ["name"], ...)) == decode(event)


@pytest.mark.parametrize("value", [None, "NaN", "+Inf", "-Inf", 1e300, float("nan"), float("inf")])
def test_a_sample_without_a_number_is_a_row_without_one(value):
    (row,) = decode(SAMPLE | {"value": value})
    assert math.isnan(row.value)


def test_a_change_becomes_a_row():
    assert decode(CHANGE) == (
        PlatformChange("prod", 1_767_225_600.0, "deployment", "worker image", "475", ("w1", "w2")),
    )
    short = changed(changed(CHANGE, ["change", "nodes"], ...), ["change", "version"], ...)
    assert decode(short)[0][4:] == ("", ())


WRAPPED = [
    QUERY,
    {"eventPayload": QUERY, "metadata": {"env": "prod"}},
    {"eventPayload": QUERY},
    {**QUERY, "source": "lake"},
]


@pytest.mark.parametrize("event", WRAPPED, ids=["http", "kafka", "kafka alone", "ours"])
def test_a_completed_query_of_trino_becomes_a_row_in_each_wrapping(event):
    shape = query_class(TEXT)
    assert decode(event) == (
        QueryCompletion(
            source="lake",
            ts=1_767_225_604.25,
            id="20260101_000000_00001_abcde",
            state="FINISHED",
            user="ann",
            catalog="hive",
            query_class=shape.id,
            pattern="SELECT name FROM hive.web.visits WHERE card = ? LIMIT ?",
            queued=0.355,
            planning=1.5,
            analysis=0.125,
            execution=3600.0,
            wall=3.25,
            cpu=62.5,
            input_bytes=2_000_000.0,
            input_rows=3_000.0,
            peak_memory=1_000_000.0,
            splits=42.0,
            error="",
        ),
    )


def test_the_class_of_a_prepared_query_is_that_of_what_was_prepared():
    prepared = changed(QUERY, ["metadata", "preparedQuery"], TEXT)
    prepared["metadata"]["query"] = f"EXECUTE statement1 USING '{SECRET}'"
    assert decode(prepared)[0].query_class == query_class(TEXT).id


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ({"code": 1, "name": "SYNTAX_ERROR", "type": "USER_ERROR"}, "SYNTAX_ERROR"),
        ("EXCEEDED_TIME_LIMIT", "EXCEEDED_TIME_LIMIT"),
        ({"name": f"no such column '{SECRET}'"}, "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_an_error_is_told_by_its_code_alone(code, error):
    failure = {"errorCode": code, "failureMessage": f"line 1:2: '{SECRET}'", "failuresJson": SECRET}
    (row,) = decode(QUERY | {"failureInfo": failure})
    assert row.error == error
    assert SECRET not in str(row)


def test_what_a_listener_leaves_out_is_unknown():
    (row,) = decode({**QUERY, "statistics": {}, "context": None})
    assert (row.user, row.catalog) == ("", "")
    assert all(math.isnan(value) for value in row[8:18])


@pytest.mark.parametrize(
    ("event", "reason", "says"),
    [
        (changed(QUERY, ["statistics", "queuedTime"], -0.5), Reason.SCHEMA, "statistics.queuedTime: a duration cannot be negative"),
        (changed(QUERY, ["statistics", "wallTime"], "PT-3S"), Reason.SCHEMA, "statistics.wallTime: a duration cannot be negative"),
        (changed(QUERY, ["statistics", "cpuTime"], "-1.00s"), Reason.SCHEMA, "statistics.cpuTime: a duration cannot be negative"),
        (changed(QUERY, ["statistics", "cpuTime"], SECRET), Reason.SCHEMA, "statistics.cpuTime: a duration is seconds"),
        (changed(QUERY, ["statistics", "physicalInputRows"], -1), Reason.SCHEMA, "statistics.physicalInputRows: it cannot be negative"),
        (changed(QUERY, ["statistics", "completedSplits"], [SECRET]), Reason.SCHEMA, "statistics.completedSplits: Expected"),
        (changed(QUERY, ["statistics"], ...), Reason.SCHEMA, "of queries only completions are read"),
        (changed(QUERY, ["metadata", "queryId"], ...), Reason.SCHEMA, "metadata.queryId: Field required"),
        (changed(QUERY, ["metadata", "query"], [SECRET]), Reason.SCHEMA, "metadata.query: Expected `str | null`, got `array`"),
        (changed(QUERY, ["metadata"], SECRET), Reason.SCHEMA, "metadata: Expected `object`, got `str`"),
        (changed(QUERY, ["endTime"], ...), Reason.TIMESTAMP, "endTime: a time is expected"),
        (changed(QUERY, ["endTime"], 1.7e12), Reason.TIMESTAMP, "endTime: the time 1700000000000.0 is after the year 2099"),
        (changed(SAMPLE, ["ts"], ...), Reason.TIMESTAMP, "ts: a time is expected"),
        (changed(SAMPLE, ["ts"], -1), Reason.TIMESTAMP, "ts: the time -1.0 is before 1970"),
        (changed(SAMPLE, ["ts"], "soon"), Reason.TIMESTAMP, "ts: a time in epoch seconds or RFC 3339 is expected"),
        (changed(SAMPLE, ["value"], "much"), Reason.SCHEMA, "value: a number is expected"),
        (SAMPLE | {"value": True}, Reason.SCHEMA, "value: Expected `float | str | null`, got `bool`"),
        (changed(SAMPLE, ["name"], ""), Reason.SCHEMA, "name: Expected `str` of length >= 1"),
        (changed(SAMPLE, ["name"], ...), Reason.SCHEMA, "name: Field required"),
        (changed(SAMPLE, ["source"], ""), Reason.SCHEMA, "source: Expected `str` of length >= 1"),
        (changed(SAMPLE, ["labels"], {str(n): "" for n in range(MAX_LABELS + 1)}), Reason.SCHEMA, "labels: Expected `object` of length <= 64"),
        (changed(SAMPLE, ["labels", "job"], 5), Reason.SCHEMA, "labels[...]: Expected `str`, got `int`"),
        (changed(SCRAPE, ["samples"], []), Reason.SCHEMA, "samples: Expected `array` of length >= 1"),
        (changed(SCRAPE, ["samples", 1, "name"], ...), Reason.SCHEMA, "samples[1].name: Field required"),
        (changed(SCRAPE, ["samples", 2, "value"], "much"), Reason.SCHEMA, "samples[2].value: a number is expected"),
        (changed(SCRAPE, ["samples", 1, "ts"], "soon"), Reason.TIMESTAMP, "samples[1].ts: a time in epoch seconds or RFC 3339"),
        (changed(SCRAPE, ["ts"], ...), Reason.TIMESTAMP, "samples[0].ts: a time is expected"),
        (changed(CHANGE, ["change", "kind"], ...), Reason.SCHEMA, "change: Object missing required field `kind`"),
        (changed(CHANGE, ["change", "nodes"], "w1"), Reason.SCHEMA, "change.nodes: Expected `array`"),
        ({"ts": 1}, Reason.SCHEMA, "event: one of samples, name, change and metadata"),
        ([SAMPLE], Reason.SCHEMA, "event: Expected `object`, got `array`"),
        (b"{", Reason.NOT_JSON, "Invalid JSON: "),
        (b'{"name": "\xff"}', Reason.NOT_JSON, "Invalid JSON: "),
        (b"[" * 100_000, Reason.SCHEMA, "event: Expected `object`"),
        (b'{"metadata": ' + b"[" * 100_000, Reason.NOT_JSON, "Invalid JSON: "),
        (json.dumps(QUERY).encode().replace(b"SELECT", b"\xff"), Reason.NOT_JSON, "Invalid JSON: "),
        (b" " * (MAX_PLATFORM_BYTES + 1), Reason.TOO_LARGE, "at most 1048576 are read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_bad_events_are_refused_in_words(event, reason, says):
    found = decode(event)
    assert isinstance(found, Rejected), found
    assert found.reason is reason
    assert says in found.message
    assert SECRET not in found.message


def test_one_bad_event_does_not_spoil_its_neighbours():
    good = json.dumps(SAMPLE).encode()
    found = decoder.decode([good, b"{", None, good])
    assert [isinstance(one, Rejected) for one in found] == [False, True, True, False]
    assert found[2].reason is Reason.TOMBSTONE


def test_a_query_with_a_number_that_python_writes_has_it_unknown():
    (row,) = decode(changed(QUERY, ["statistics", "cpuTime"], float("nan")))
    assert math.isnan(row.cpu)


@given(
    st.sampled_from([QUERY, {"eventPayload": QUERY}, SCRAPE, CHANGE]),
    st.lists(st.tuples(st.floats(0.0, 0.999), st.binary(max_size=3)), max_size=3),
)
def test_any_bytes_are_rows_or_refused(event, damages):
    raw = json.dumps(event).encode()
    for place, bytes_ in damages:
        at = int(place * len(raw))
        raw = raw[:at] + bytes_ + raw[at + 1 :]
    found = decode(raw)
    assert isinstance(found, Rejected) or len(found) >= 1


values = st.none() | st.booleans() | st.integers(-5, 10**15) | st.floats() | st.just(SECRET) | st.just([SECRET]) | st.just({SECRET: SECRET})  # fmt: skip


@given(st.data())
def test_whatever_is_wrong_with_a_query_nothing_of_its_text_is_told(data):
    event = copy.deepcopy(data.draw(st.sampled_from(WRAPPED)))
    inner = event.get("eventPayload", event)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([inner, inner["metadata"], inner["statistics"]]))
        if isinstance(place, dict) and place:
            place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values)
        if not all(isinstance(inner.get(part), dict) for part in ("metadata", "statistics")):
            break
    shown = str(decode(event))
    names = ("queryId", "queryState")
    if not any(
        inner["metadata"].get(name) == SECRET for name in names if isinstance(inner["metadata"], dict)
    ):
        assert SECRET not in shown.replace(f"the time '{SECRET}'", "")


@given(st.floats(0.0, 1e9), st.sampled_from([("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)]))  # fmt: skip
def test_durations_with_a_unit(amount, unit):
    name, seconds = unit
    assert parse_query_duration(f"{amount:.2f}{name}") == pytest.approx(round(amount, 2) * seconds)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_as_java_writes_them(hours, minutes, seconds, millis):
    assert parse_query_duration(f"PT{hours}H{minutes}M{seconds}.{millis:03d}S") == pytest.approx(
        hours * 3600 + minutes * 60 + seconds + millis / 1000
    )


@pytest.mark.parametrize("text", ["", "P", "PT", "1", "1.2.3s", "PT1", "5 years", "1e3s", "inf", "PT1S " * 2])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="a duration is seconds"):
        parse_query_duration(text)
