"""Dead letters keep the bytes and say why."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.errors import DataError
from stream_app.events import DeadLetter, Reason

PREFIX = "__streamgauge.errors."
headers = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.sampled_from([PREFIX + "topic", PREFIX + "cut.from"]),
        st.none() | st.binary(),
    ),
    max_size=4,
)


@dataclass
class Record:
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: tuple = ()
    topic: str = "readings"
    partition: int = 2
    offset: int = 17
    timestamp: int = 1_583_748_873_123


@given(
    st.builds(
        DeadLetter,
        topic=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        partition=st.integers(0, 1000),
        offset=st.integers(0, 2**62),
        key=st.none() | st.binary(),
        value=st.none() | st.binary(),
        timestamp=st.integers(0, 2**41),
        reason=st.sampled_from(Reason),
        message=st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
        origin_headers=headers.map(tuple),
        cut_from=st.none(),
    )
)
def test_headers_give_the_letter_back_even_if_the_event_was_a_letter_itself(letter):
    if any(name == PREFIX + "cut.from" for name, _ in letter.origin_headers):
        letter = replace(letter, cut_from=5)
    assert DeadLetter.parse(letter.key, letter.value, 5, letter.headers()) == letter


@given(
    st.builds(Record, key=st.none() | st.binary(), value=st.none() | st.binary(), headers=headers.map(tuple))
)
def test_a_letter_keeps_everything_of_the_record(record):
    letter = DeadLetter.of(record, Reason.SCHEMA, "why")
    for name in ("topic", "partition", "offset", "value", "timestamp"):
        assert getattr(letter, name) == getattr(record, name)
    # What has neither key nor value cannot be written.
    assert letter.key == (b"" if record.key is None and record.value is None else record.key)
    assert (letter.reason, letter.message, letter.origin_headers) == (Reason.SCHEMA, "why", record.headers)
    assert letter.cut_from is None


@pytest.mark.parametrize(
    "record",
    [
        Record(value=b"v" * 5_000_000),
        Record(key=b"k" * 5_000_000, value=None),
        Record(headers=(("h", b"h" * 5_000_000),)),
        Record(key=b"k" * 1_000_000, value=b"v" * 1_000_000, headers=(("h" * 100, b"h" * 90_000),) * 10),
    ],
    ids=["value", "key", "headers", "all"],
)
def test_a_letter_of_a_huge_record_fits_into_a_record_and_says_what_it_was_cut_from(record):
    letter = DeadLetter.of(record, Reason.TOO_LARGE, "é" * 1000)
    given = letter.headers()
    size = sum(len(name.encode()) + len(value) for name, value in given)
    assert size + len(letter.key or b"") + len(letter.value or b"") < 1_000_000
    parsed = DeadLetter.parse(letter.key, letter.value, 0, given)
    assert parsed.cut_from == letter.cut_from > 1_000_000
    assert (record.value or b"").startswith(parsed.value or b"")
    # It would be refused again, and there may be thousands of them.
    assert len(parsed.value or b"") <= 65_536


def test_a_message_is_cut_because_it_may_quote_the_event():
    letter = DeadLetter("t", 0, 1, None, b"x", 0, Reason.SCHEMA, "é" * 10_000)
    message = dict(letter.headers())["__streamgauge.errors.exception.message"]
    assert message.decode() == "é" * 500


def test_headers_of_others_are_the_events_own():
    letter = DeadLetter("t", 0, 1, b"k", b"x", 5, Reason.LATE, "late")
    given = [("traceparent", b"\xff\xfe"), *letter.headers(), ("other", b"")]
    parsed = DeadLetter.parse(b"k", b"x", 5, given)
    assert parsed == replace(letter, origin_headers=(("traceparent", b"\xff\xfe"), ("other", b"")))


def test_without_a_time_of_the_event_it_is_that_of_the_record_as_kafka_connect_has_it():
    letter = DeadLetter("t", 0, 1, b"k", b"x", 5, Reason.LATE, "late")
    given = [header for header in letter.headers() if header[0] != PREFIX + "timestamp"]
    assert DeadLetter.parse(b"k", b"x", 77, given).timestamp == 77


@pytest.mark.parametrize(
    "name", ["topic", "partition", "offset", "exception.class.name", "exception.message"]
)
def test_an_ordinary_record_is_not_taken_for_a_letter(name):
    given = DeadLetter("t", 0, 1, None, b"x", 0, Reason.LATE, "late").headers()
    with pytest.raises(DataError, match=name):
        DeadLetter.parse(None, b"x", 0, [header for header in given if header[0] != PREFIX + name])
    with pytest.raises(DataError, match="not a dead letter"):
        DeadLetter.parse(None, b"x", 0, [])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("partition", b"x"),
        ("offset", b""),
        ("timestamp", b"noon"),
        ("cut.from", None),
        ("exception.class.name", b"?"),
    ],
)
def test_damaged_headers_are_refused(field, wrong):
    headers = dict(DeadLetter("t", 0, 1, None, b"x", 0, Reason.LATE, "late").headers())
    headers[f"__streamgauge.errors.{field}"] = wrong
    with pytest.raises(DataError, match="not a dead letter"):
        DeadLetter.parse(None, b"x", 0, headers.items())
