"""Trino's events: what is sent on of them, and that no literal is."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.platform.queries import query_event, without_literals
from stream_app.errors import DataError
from stream_app.events.sql import query_class
from stream_app.events.sql_tokens import is_broken, sql_tokens

EVENT = {
    "metadata": {
        "queryId": "20260101_000000_00001_abcde",
        "query": "SELECT * FROM orders WHERE card = '4929-1234' AND total > 17.5",
        "queryState": "FAILED",
        "plan": "Filter: card = '4929-1234'",
        "tables": [],
    },
    "statistics": {
        "cpuTime": 12.5,
        "wallTime": "PT3.2S",
        "queuedTime": "355.00ms",
        "physicalInputBytes": 1000,
        "completedSplits": 7,
        "operatorSummaries": ["card = '4929-1234'"],
    },
    "context": {
        "user": "etl",
        "source": "airflow",
        "catalog": "hive",
        "userAgent": "x",
        "sessionProperties": {},
    },
    "failureInfo": {
        "errorCode": {"code": 131075, "name": "EXCEEDED_TIME_LIMIT", "type": "INSUFFICIENT_RESOURCES"},
        "failureMessage": "at '4929-1234'",
    },
    "createTime": "2026-01-01T00:00:00.100Z",
    "executionStartTime": "2026-01-01T00:00:01Z",
    "endTime": "2026-01-01T00:00:03.300Z",
}


def event_of(metadata):
    return json.dumps({"metadata": metadata, "statistics": {}, "endTime": 10.0}).encode()


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_event_keeps_its_figures_and_loses_its_literals(wrapped):
    raw = json.dumps({"eventPayload": EVENT, "metadata": {"x": 1}} if wrapped else EVENT).encode()
    query = query_event(raw)
    assert query.ts == datetime(2026, 1, 1, 0, 0, 3, 300_000, UTC).timestamp()
    sent = query.encode("prod", 0.0)
    assert b"4929" not in sent
    assert b"17.5" not in sent
    told = json.loads(sent)
    assert told["source"] == "prod"
    assert told["statistics"] == {
        "cpuTime": 12.5,
        "wallTime": "PT3.2S",
        "queuedTime": "355.00ms",
        "physicalInputBytes": 1000,
        "completedSplits": 7,
    }
    assert told["context"] == {"user": "etl", "source": "airflow", "catalog": "hive"}
    assert told["failureInfo"] == {
        "errorCode": {"name": "EXCEEDED_TIME_LIMIT", "type": "INSUFFICIENT_RESOURCES"}
    }
    assert told["endTime"] == "2026-01-01T00:00:03.300Z"


@pytest.mark.parametrize(
    "event",
    [
        {"metadata": {"queryId": "q", "query": "SELECT 1"}, "createTime": "2026-01-01T00:00:00Z"},
        {"queryId": "q", "stageId": "0", "taskId": "0", "createTime": "x", "statistics": {}},
    ],
    ids=["a query that has come", "a split that is done"],
)
def test_other_events_are_passed_over(event):
    assert query_event(json.dumps(event).encode()) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"SELECT 'SESAME'", "not JSON"),
        (b'"SESAME"', "no event of Trino's"),
        (b'{"SESAME": 1}', "no event of Trino's"),
        (b'{"metadata": {"queryId": 17, "query": "SESAME"}}', "no event of Trino's"),
        (
            b'{"metadata": {"queryId": "q", "query": "SESAME", "queryState": "x"}, "statistics": {}, "endTime": "SESAME"}',
            "endTime: no moment",
        ),
        (
            b'{"metadata": {"queryId": "q", "queryState": 1}, "statistics": {}, "endTime": 10}',
            "queryState: a text",
        ),
        (
            b'{"metadata": {"queryId": "", "query": "SESAME", "queryState": "x"}, "statistics": {}, "endTime": 10}',
            "the id of a query",
        ),
        (
            b'{"metadata": {"queryId": "q\\n", "query": "SESAME", "queryState": "x"}, "statistics": {}, "endTime": 10}',
            "the id of a query",
        ),
        (b'{"metadata": {"queryId": "q", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "too deep"),
        (b'{"metadata": {"queryId": "q", "query": "\xff"}, "endTime": 10}', "UTF-8|JSON"),
    ],
)
def test_a_hostile_body_is_refused_without_a_word_of_it(raw, reason):
    with pytest.raises(DataError, match=reason) as told:
        query_event(raw)
    assert "SESAME" not in str(told.value)


@given(st.binary())
def test_any_bytes_are_an_event_or_refused(raw):
    try:
        query_event(raw)
    except DataError:
        return


@given(st.text(alphabet=st.characters(codec="utf-8")), st.integers(10_000, 99_999))
def test_no_number_of_a_query_is_sent(text, number):
    text = "".join(letter for letter in text if not letter.isdigit())
    event = event_of({"queryId": "q", "query": f"{text} {number} ", "queryState": "FAILED"})
    assert str(number).encode() not in query_event(event).encode("prod", 0.0)


WORDS = st.sampled_from(
    [
        *("select", "FROM", "t", "Name", "where", "x", "=", "IN", "(", ")", ",", "*", "||", "<=", "::", "."),
        *("17", "-1.5e3", "true", "NULL", "?", "values"),
        *(
            '"My ""x"" t"',
            '`a"b`',
            "'a''b'",
            "DATE '2026-01-01'",
            "X'00'",
            "-- c\n",
            "/* c */",
            "ARRAY[1, 2]",
        ),
    ]
)


@given(st.lists(WORDS, max_size=30).map(" ".join) | st.text())
def test_a_query_without_its_literals_is_of_the_same_class(text):
    if not is_broken(sql_tokens(text)):
        assert query_class(without_literals(text)) == query_class(text)
        assert without_literals(without_literals(text)) == without_literals(text)


def test_a_query_whose_quotes_do_not_match_shows_nothing():
    assert without_literals("select 'it's a SESAME'") == "text whose quotes do not match"


def test_the_text_of_a_prepared_query_is_sent_without_literals():
    text = {"query": "EXECUTE s USING 17", "preparedQuery": "select ?, 'SESAME'"}
    sent = query_event(event_of({"queryId": "q", "queryState": "FINISHED", **text})).encode("prod", 0.0)
    assert json.loads(sent)["metadata"] == {
        "queryId": "q",
        "query": "execute s using 1",
        "preparedQuery": "select '?' , '?'",
        "queryState": "FINISHED",
    }
