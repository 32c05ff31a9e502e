"""Trace contexts in the headers of records, which anybody may have written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.events import TraceContext

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def of(parent, state=None):
    headers = [("traceparent", parent)] if state is None else [("tracestate", state), ("traceparent", parent)]
    return TraceContext.of(headers)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        PARENT.upper().encode(),
        PARENT[:-1].encode(),
        PARENT.encode() + b"-more",
        PARENT.encode() + b"\n",
        b"ff" + PARENT[2:].encode(),
        b"00-" + b"0" * 32 + PARENT[35:].encode(),
        PARENT[:36].encode() + b"0" * 16 + b"-01",
        b"01" + PARENT[2:].encode() + b"-" + b"x" * 1000,
        b"\xff" * 55,
    ],
)
def test_what_is_no_trace_is_none(raw):
    assert of(raw) is None


def test_a_later_version_is_passed_on_as_the_first():
    assert of(b"cc" + PARENT[2:].encode() + b"-what-will-be").traceparent == PARENT


def test_of_two_headers_the_last_counts():
    other = PARENT.replace("4bf9", "aaaa")
    headers = [("traceparent", PARENT.encode()), ("traceparent", other.encode())]
    assert TraceContext.of(headers).traceparent == other


@pytest.mark.parametrize(
    ("raw", "taken"),
    [
        (b"congo=t61rcWkgMzE , rojo=00f0", "congo=t61rcWkgMzE,rojo=00f0"),
        (b"tenant@system=a b,,", "tenant@system=a b"),
        (b",".join(b"k%d=v" % i for i in range(32)), ",".join(f"k{i}=v" for i in range(32))),
        (b",".join(b"k%d=v" % i for i in range(33)), ""),
        (b"a=1,a=2", ""),
        (b"a=" + b"x" * 511, ""),
        (b"A=1", ""),
        (b"a=1=2", ""),
        (b"a", ""),
        ("a=ü".encode(), ""),
        (b"a=1\r\nX-Header: 2", ""),
        (None, ""),
    ],
)
def test_a_wrong_state_leaves_the_parent(raw, taken):
    found = of(PARENT.encode(), raw)
    assert (found.traceparent, found.tracestate) == (PARENT, taken)


@given(
    parent=st.binary(max_size=60)
    | st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True),
    state=st.binary(max_size=600),
)
def test_what_is_taken_is_short_and_printable(parent, state):
    found = of(parent, state)
    if found is not None:
        assert len(found.traceparent) == 55
        assert len(found.tracestate) <= 512
        assert (found.traceparent + found.tracestate).isprintable()
        assert TraceContext.of([(k, v.encode()) for k, v in found.attributes().items()]) == found
