"""Raw readings: good ones, every kind of bad one, and anything that JSON can hold."""

import json

from hypothesis import strategies as st

from stream_app.events import Reason
from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME, MAX_TS

GOOD = b'{"source": "pump-1", "ts": 1600000000.5, "values": {"flow": 1.5, "load": null}}'

numbers = st.one_of(
    st.integers(-10, 10),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([MAX_TS, MAX_TS - 1, 1.6e9, 1.6e12, 10**400, -0.0, 5e-324, 1.7976931348623157e308]),
)
names = st.text(max_size=5) | st.sampled_from(
    ["", "a" * MAX_NAME, "a" * (MAX_NAME + 1), "é" * MAX_NAME, "source"]
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
times = numbers | st.sampled_from(
    ["2020-03-09T10:14:33Z", "2020-03-09", "1969-12-31T23:59:59Z", "soon", "", "5"]
)
documents = st.fixed_dictionaries(
    {
        "source": names | anything,
        "ts": times | anything,
        "values": st.dictionaries(names, numbers | st.none(), max_size=4) | anything,
    },
    optional={
        "labels": st.dictionaries(names, anything, max_size=3) | anything,
        "id": names | anything,
        "extra": anything,
    },
)


def event(**changes):
    return json.dumps({"source": "a", "ts": 1.0, "values": {"x": 1.0}} | changes).encode()


BAD = {
    "empty": (b"", Reason.NOT_JSON),
    "a word": (b"hello", Reason.NOT_JSON),
    "not UTF-8": (b'{"source": "\xff\xfe", "ts": 1, "values": {"x": 1}}', Reason.NOT_JSON),
    "truncated": (GOOD[:-5], Reason.NOT_JSON),
    "two documents": (GOOD + GOOD, Reason.NOT_JSON),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, Reason.NOT_JSON),
    "deep arrays": (b"[" * 100_000, Reason.NOT_JSON),
    "deep labels": (
        b'{"source":"a","ts":1,"values":{"x":1},"labels":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        Reason.NOT_JSON,
    ),
    "deep extra": (
        b'{"source":"a","ts":1,"values":{"x":1},"u":' + b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"}",
        Reason.NOT_JSON,
    ),
    "a list": (b"[1, 2]", Reason.SCHEMA),
    "a number": (b"12", Reason.SCHEMA),
    "null": (b"null", Reason.SCHEMA),
    "no source": (b'{"ts": 1, "values": {"x": 1}}', Reason.SCHEMA),
    "no time": (b'{"source": "a", "values": {"x": 1}}', Reason.SCHEMA),
    "no values": (b'{"source": "a", "ts": 1}', Reason.SCHEMA),
    "empty source": (event(source=""), Reason.SCHEMA),
    "source a number": (event(source=7), Reason.SCHEMA),
    "source too long": (event(source="s" * (MAX_NAME + 1)), Reason.SCHEMA),
    "channel too long": (event(values={"c" * (MAX_NAME + 1): 1.0}), Reason.SCHEMA),
    "channel empty": (event(values={"": 1.0}), Reason.SCHEMA),
    "values empty": (event(values={}), Reason.SCHEMA),
    "values a list": (event(values=[1.0]), Reason.SCHEMA),
    "too many channels": (event(values={f"c{i}": 0 for i in range(MAX_CHANNELS + 1)}), Reason.SCHEMA),
    "a value a text": (event(values={"x": "3"}), Reason.SCHEMA),
    "a value a list": (event(values={"x": [3]}), Reason.SCHEMA),
    "labels nested": (event(labels={"a": {"b": 1}}), Reason.SCHEMA),
    "id a number": (event(id=5), Reason.SCHEMA),
    "a huge integer": (b'{"source":"a","ts":1,"values":{"x":1' + b"0" * 400 + b"}}", Reason.SCHEMA),
    "NaN": (b'{"source":"a","ts":1,"values":{"x":NaN}}', Reason.NOT_FINITE),
    "Infinity": (b'{"source":"a","ts":1,"values":{"x":-Infinity}}', Reason.NOT_FINITE),
    "1e999": (b'{"source":"a","ts":1,"values":{"x":1e999}}', Reason.NOT_FINITE),
    "time NaN": (b'{"source":"a","ts":NaN,"values":{"x":1}}', Reason.TIMESTAMP),
    "time 1e999": (b'{"source":"a","ts":1e999,"values":{"x":1}}', Reason.TIMESTAMP),
    "time negative": (event(ts=-1), Reason.TIMESTAMP),
    "time in milliseconds": (event(ts=1_600_000_000_000), Reason.TIMESTAMP),
    "time true": (event(ts=True), Reason.TIMESTAMP),
    "time null": (event(ts=None), Reason.TIMESTAMP),
    "time a word": (event(ts="yesterday"), Reason.TIMESTAMP),
    "time before 1970": (event(ts="1969-12-31T23:59:59Z"), Reason.TIMESTAMP),
    "1 MB of junk": (b"\x00\xff" * 500_000, Reason.TOO_LARGE),
    "1 MB of JSON": (event(labels={"a": "b" * 1_000_000}), Reason.TOO_LARGE),
    "tombstone": (None, Reason.TOMBSTONE),
}
