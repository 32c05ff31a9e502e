"""Messages in the forms that people have: where their parts are is said by a layout, and nothing is guessed."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events import JSON, Envelope, Layout, Place, ReadingDecoder, Reason
from stream_app.events import readings as module
from stream_app.kinds.layouts import sensor_layout
from stream_app.settings import SensorStream


def layout(channels=None, **mapping):
    return sensor_layout("pumps", SensorStream(mapping=mapping, channels=channels))


FLAT = layout(source="device", time="t", time_unit="ms", values=".")
NESTED = layout(source="meta.id", time="meta.at", values="data", id="meta.n")
CHOSEN = layout(source="device", time="t", values={"flow": "a.q", "load": "a.b.p"})
SINGLE = layout(source="device", time="t", channel="meta.id", value="flow")
DECLARED = layout(["flow", "load"], source="device", time="t", values=".")


def decode(one, *messages, keys=None, record_ts=None, headers=None):
    raws = [message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages]
    places = range(len(raws))
    decoder = one if isinstance(one, ReadingDecoder) else ReadingDecoder(layout=one)
    return decoder.decode(raws, keys or [None] * len(raws), places, record_ts or [1e9] * len(raws), headers)


def rows(readings):
    """Each reading as source, time and named values, in order."""
    found = {}
    for group in readings.groups:
        for row, values in zip(group.rows.tolist(), group.values.tolist(), strict=True):
            cells = {
                name: None if math.isnan(value) else value
                for name, value in zip(group.channels, values, strict=True)
            }
            found[row] = readings.sources[row], float(readings.ts[row]), cells
    return [found[row] for row in sorted(found)]


@pytest.mark.parametrize(
    ("one", "message", "expected"),
    [
        (FLAT, {"device": "p1", "t": 1700000000500, "flow": 1.5, "on": True, "mode": "eco", "gone": None},
         ("p1", 1700000000.5, {"flow": 1.5})),
        (FLAT, {"device": 17, "t": "2023-11-14T22:13:20Z", "flow": 1}, ("17", 1.7e9, {"flow": 1.0})),
        (NESTED, {"meta": {"id": "p1", "at": 1.7e9, "n": 3}, "data": {"flow": 1, "load": None}, "v": 2},
         ("p1", 1.7e9, {"flow": 1.0, "load": None})),
        (CHOSEN, {"device": "p1", "t": 1.7e9, "a": {"q": 1, "b": {"p": 2}}, "z": 9},
         ("p1", 1.7e9, {"flow": 1.0, "load": 2.0})),
        (CHOSEN, {"device": "p1", "t": 1.7e9, "a": {"q": 1}}, ("p1", 1.7e9, {"flow": 1.0})),
        (SINGLE, {"device": "p1", "t": 1.7e9, "meta": {"id": "x"}, "flow": 2}, ("p1", 1.7e9, {"x": 2.0})),
        (DECLARED, {"device": "p1", "t": 1.7e9, "flow": 1, "load": None, "other": 3},
         ("p1", 1.7e9, {"flow": 1.0, "load": None})),
        (layout(source=["machine.id"], time="t", values="."), {"machine.id": "p1", "t": 1.7e9, "x": 1},
         ("p1", 1.7e9, {"x": 1.0})),
        (layout(source="s", time="t", values=".", ignore=["anomaly"]), {"s": "p1", "t": 1.7e9, "x": 1, "anomaly": 1},
         ("p1", 1.7e9, {"x": 1.0})),
        (layout(source="tags.0", time="t", values="v"), {"tags": ["p1", "north"], "t": 1.7e9, "v": {"x": 1}},
         ("p1", 1.7e9, {"x": 1.0})),
        # Berlin is an hour ahead in winter, and the first of the two equal hours of autumn is meant.
        (layout(source="s", time="t", time_zone="Europe/Berlin", values="."), {"s": "a", "t": "2023-11-14 23:13:20", "x": 1},
         ("a", 1.7e9, {"x": 1.0})),
        (layout(source="s", time="t", time_zone="Europe/Berlin", values="."), {"s": "a", "t": "2023-10-29T02:30:00", "x": 1},
         ("a", 1698539400.0, {"x": 1.0})),
        (layout(source="s", time="t", time_unit="ns", values="."), {"s": "a", "t": 1700000000500000000, "x": 1},
         ("a", 1700000000.5, {"x": 1.0})),
    ],
)  # fmt: skip
def test_a_layout_says_where_the_parts_are_however_often_it_has_seen_the_form(one, message, expected):
    decoder = ReadingDecoder(layout=one)
    for _ in range(3):
        readings, rejected = decode(decoder, message, message)
        assert rejected == []
        assert rows(readings) == [expected, expected]


def test_the_record_has_parts_too():
    message = {"x": 1.0, "device": "no"}
    one = layout(source="$header.unit", time="$timestamp", values=".")
    headers = [[("unit", b"a"), ("unit", b"p1")], [("unit", b"p2")], [], [("unit", b"\xff")]]
    readings, rejected = decode(one, *[message] * 4, record_ts=[5.0, 6.0, 7.0, 8.0], headers=headers)
    assert rows(readings) == [("p1", 5.0, {"x": 1.0}), ("p2", 6.0, {"x": 1.0})]
    assert [(place, why.message) for place, why in rejected] == [
        (2, "$header.unit: Field required"),
        (3, "$header.unit: Field required"),
    ]
    by_key = layout(source="$key", time="t", values=".")
    decoder = ReadingDecoder(layout=by_key)
    for _ in range(2):
        readings, rejected = decode(decoder, *[{"t": 9, "x": 1}] * 3, keys=[b"a", b"b", b""])
        assert readings.sources == ["a", "b"]
        assert [place for place, _ in rejected] == [2]


def test_a_message_may_have_nothing_but_channels():
    decoder = ReadingDecoder(layout=layout(["x", "y"], source="$key", time="$timestamp", values="."))
    for _ in range(2):
        readings, rejected = decode(decoder, {"x": 1.0, "y": 2.0}, keys=[b"p1"], record_ts=[5.0])
        assert rejected == []
        assert rows(readings) == [("p1", 5.0, {"x": 1.0, "y": 2.0})]


def test_an_array_of_readings_is_a_reading_for_each_element():
    one = layout(each="data", source="$message.id", time="t", values="v")
    message = {"id": "p1", "data": [{"t": 1, "v": {"x": 1}}, {"t": 2, "v": {"x": 2}}]}
    readings, rejected = decode(
        one, message, {"id": "p2", "data": []}, {"id": "p3", "data": [{"t": 3, "v": {"x": 3}}]}
    )
    assert rejected == []
    assert rows(readings) == [("p1", 1.0, {"x": 1.0}), ("p1", 2.0, {"x": 2.0}), ("p3", 3.0, {"x": 3.0})]
    assert readings.offsets.tolist() == [0, 0, 2]
    # One that is no good has the whole message kept.
    message["data"][1]["v"]["x"] = "high"
    readings, ((place, why),) = decode(one, message, {"id": "p2", "data": 3})[0], decode(one, message)[1]
    assert (len(readings), place, why.message) == (0, 0, "v.x: a number is expected, not a text")
    assert decode(one, {"id": "p2", "data": 3})[1][0][1].message == "data: an array of events is expected"


def test_values_of_one_channel_each_in_an_array_are_readings_by_time():
    one = layout(each=".", source="n", time="t", channel="u", value="v")
    message = [
        {"n": "p1", "t": 1, "u": "flow", "v": 1},
        {"n": "p1", "t": 1, "u": "load", "v": 2},
        {"n": "p1", "t": 2, "u": "flow", "v": 3},
    ]
    assert rows(decode(one, message)[0]) == [
        ("p1", 1.0, {"flow": 1.0, "load": 2.0}),
        ("p1", 2.0, {"flow": 3.0}),
    ]


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        ({"device": "p1", "flow": 1}, Reason.SCHEMA, "t: Field required"),
        ({"t": 1.7e12, "flow": 1}, Reason.SCHEMA, "device: Field required"),
        ({"device": True, "t": 1.7e12, "flow": 1}, Reason.SCHEMA, "device: Input should be a valid string"),
        ({"device": "p1", "t": 1.7e9, "flow": 1}, Reason.TIMESTAMP, "before 1971; are these seconds? see time_unit"),
        ({"device": "p1", "t": "soon", "flow": 1}, Reason.TIMESTAMP, "t: the time 'soon' is not RFC 3339"),
        ({"device": "p1", "t": 1.7e12, "mode": "x"}, Reason.SCHEMA, ".: Dictionary should have at least 1 item"),
        (b'{"device": "p1", "t": 1.7e12, "flow": NaN}', Reason.NOT_FINITE, "flow: Input should be a finite number"),
        ([1], Reason.SCHEMA, "Field required"),
        (b"{", Reason.NOT_JSON, "Invalid JSON"),
    ],
)  # fmt: skip
def test_what_is_no_good_is_refused_in_the_producers_words(message, reason, words):
    decoder = ReadingDecoder(layout=FLAT)
    good = {"device": "p1", "t": 1.7e12, "flow": 1}
    for _ in range(2):
        readings, ((place, why),) = decode(decoder, good, message, good)
        assert len(readings) == 2
        assert (place, why.reason) == (1, reason)
        assert words in why.message


plain = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-9, 9) | st.sampled_from(["x", ""])
messages = st.fixed_dictionaries(
    {},
    optional={
        "device": st.sampled_from(["a", 7, "", None, 1.5]),
        "t": st.sampled_from([1.7e9, 1.7e12, "2023-11-14T22:13:20Z", "2023-11-14", -1, None]),
        "meta": st.fixed_dictionaries({"id": st.sampled_from(["a", 3])}, optional={"at": plain, "n": plain}),
        "a": plain
        | st.fixed_dictionaries({}, optional={"q": plain, "b": st.fixed_dictionaries({"p": plain})}),
        "data": plain | st.dictionaries(st.sampled_from(["flow", "load", 'quoted "']), plain, max_size=2),
        "flow": plain,
        "load": plain,
    },
)


@given(
    st.sampled_from([FLAT, NESTED, CHOSEN, DECLARED, SINGLE]),
    st.lists(messages, max_size=8),
    st.lists(messages, max_size=8),
)
@settings(max_examples=300)
def test_what_is_made_of_a_message_does_not_depend_on_those_before(one, before, delivery):
    decoder = ReadingDecoder(layout=one)
    for part in (before, delivery, delivery):
        readings, rejected = decode(decoder, *part)
        alone = [decode(one, message) for message in part]
        assert rows(readings) == [row for found, _ in alone for row in rows(found)]
        assert rejected == [(place, why) for place, (_, bad) in enumerate(alone) for _, why in bad]


def test_forms_that_differ_without_end_are_not_remembered_without_end():
    decoder = ReadingDecoder(layout=FLAT)
    for number in range(2 * module._MOST_SHAPES):
        decode(decoder, {"device": "a", "t": 1.7e12, f"c{number}": 1})
    assert len(decoder._shapes) == module._MOST_SHAPES


def test_a_place_is_what_the_settings_say():
    with pytest.raises(ValueError, match="is no path"):
        Place.parse("a..b")
    envelope = Envelope(b"k", 5.0, [("h", b"1")])
    found = {said: Place.parse(said).find({"a": [1, {"b": 2}]}, 9, envelope) for said in
             ("a.1.b", "a.0", "$key", "$timestamp", "$header.h")}  # fmt: skip
    assert list(found.values()) == [2, 1, "k", 5.0, "1"]
    assert [str(Place.parse(said)) for said in (".", "a.b", "$key", "$header.x.y", "$message.id")] == [
        ".", "a.b", "$key", "$header.x.y", "$message.id"
    ]  # fmt: skip


def test_a_time_in_a_header_may_be_a_number():
    one = Layout(
        fields={"source": Place.parse("s"), "ts": Place.parse("$header.t")},
        tables={"values": Place.parse(".")},
        per_second=1e3,
    )
    readings, _ = decode(one, {"s": "a", "x": 1}, headers=[[("t", b"1700000000500")]])
    assert readings.ts.tolist() == [1700000000.5]
    assert JSON.plain(b"[1]", ()) == [1]


@pytest.mark.parametrize("name", [None, True, 1.5, {"a": 1}, [1]])
def test_what_is_no_name_of_a_channel_is_refused(name):
    readings, ((_, why),) = decode(SINGLE, {"device": "p1", "t": 1, "meta": {"id": name}, "flow": 1})
    assert (len(readings), why.reason) == (0, Reason.SCHEMA)
    assert why.message == "meta.id: the name of a channel is expected, a text or a whole number"


def test_a_channel_may_be_named_by_a_number():
    readings, _ = decode(SINGLE, {"device": "p1", "t": 1, "meta": {"id": 7}, "flow": 1})
    assert rows(readings) == [("p1", 1.0, {"7": 1.0})]


def test_a_channel_may_be_named_by_a_header_alone():
    one = layout(source="device", time="t", channel="$header.mqtt.topic.3", value="v")
    assert one.reads_records
    headers = [[("mqtt.topic.3", b"flow")]]
    readings, rejected = decode(one, {"device": "p1", "t": 5, "v": 1.5}, headers=headers)
    assert (rejected, rows(readings)) == ([], [("p1", 5.0, {"flow": 1.5})])


def test_a_payload_may_be_the_value_alone():
    one = layout(source="$header.mqtt.topic.2", time="$timestamp", channel="$header.mqtt.topic.3", value=".")
    headers = [[("mqtt.topic.2", b"p1"), ("mqtt.topic.3", b"flow")]]
    readings, _ = decode(one, b"1.5", record_ts=[7.0], headers=headers)
    assert rows(readings) == [("p1", 7.0, {"flow": 1.5})]
