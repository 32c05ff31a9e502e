"""Dead letters keep the bytes and say why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.errors import DataError
from stream_app.events import DeadLetter, Reason


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
    )
)
def test_headers_give_the_letter_back(letter):
    assert DeadLetter.parse(letter.key, letter.value, letter.timestamp, letter.headers()) == letter


def test_a_message_is_cut_because_it_may_quote_the_event():
    letter = DeadLetter("t", 0, 1, None, b"x", 0, Reason.SCHEMA, "é" * 10_000)
    message = dict(letter.headers())["__streamgauge.errors.exception.message"]
    assert message.decode() == "é" * 500


def test_further_headers_do_not_disturb():
    letter = DeadLetter("t", 0, 1, b"k", b"x", 5, Reason.LATE, "late")
    headers = [("traceparent", b"\xff\xfe"), *letter.headers(), ("other", b"")]
    assert DeadLetter.parse(b"k", b"x", 5, headers) == letter


@pytest.mark.parametrize("lost", range(5))
def test_an_ordinary_record_is_not_taken_for_a_letter(lost):
    headers = DeadLetter("t", 0, 1, None, b"x", 0, Reason.LATE, "late").headers()
    name = headers.pop(lost)[0]
    with pytest.raises(DataError, match=name.rpartition("errors.")[2]):
        DeadLetter.parse(None, b"x", 0, headers)
    with pytest.raises(DataError, match="not a dead letter"):
        DeadLetter.parse(None, b"x", 0, [])


@pytest.mark.parametrize(
    ("field", "wrong"), [("partition", b"x"), ("offset", b""), ("exception.class.name", b"?")]
)
def test_damaged_headers_are_refused(field, wrong):
    headers = dict(DeadLetter("t", 0, 1, None, b"x", 0, Reason.LATE, "late").headers())
    headers[f"__streamgauge.errors.{field}"] = wrong
    with pytest.raises(DataError, match="not a dead letter"):
        DeadLetter.parse(None, b"x", 0, headers.items())
