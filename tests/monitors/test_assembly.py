"""Readings whose channels come in messages of their own: assembled as they would have come whole, wherever batches end."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.errors import StateError
from stream_app.events import ReadingDecoder, Readings, Reason, SensorRow
from stream_app.monitors.sensors import AssembledMonitor, SensorMonitor
from stream_app.monitors.sensors.assembly import Assembly, Fate
from stream_app.settings import SensorStream
from stream_app.store import pack_state, unpack_state

MAPPING = {"channel": "metric", "value": "value", "within": "1s"}
LEARNED = SensorStream(warmup=30, mapping=MAPPING)
DECLARED = SensorStream(warmup=30, mapping=MAPPING, channels=["flow", "load"])


def monitor(stream=LEARNED):
    return AssembledMonitor(SensorMonitor(stream), stream)


def message(source, ts, channel, value):
    return SensorRow(source, ts, {channel: value})


def counts(made):
    return {source: dict(made.features_of([source])[0][1]) for source in made.sources()}


def test_a_reading_is_what_it_would_be_whole():
    values = np.random.default_rng(3).normal(size=(200, 2))
    whole = SensorMonitor(SensorStream(warmup=30, channels=["flow", "load"]))
    whole.update(
        Readings.of([SensorRow("p", 10.0 * i, {"flow": a, "load": b}) for i, (a, b) in enumerate(values)])
    )
    made = monitor(DECLARED)
    some = [
        message("p", 10.0 * i + 0.3 * j, channel, values[i, j])
        for i in range(200)
        for j, channel in enumerate(("flow", "load"))
    ]
    made.take(Readings.of(some))
    assert made.features_of(["p"]) == whole.features_of(["p"])


def test_a_channel_that_stops_is_missing_and_holds_nothing_up():
    made = monitor(DECLARED)
    (outcome,) = made.take(Readings.of([message("p", float(10 * i), "flow", 1.0) for i in range(10)]))
    # Two wait at any time; each of the others is taken by a message of its own.
    assert outcome.counted == {"p": 9}
    features = counts(made)["p"]
    assert (features["flow.count"], features["load.count"]) == (6, 0)


def test_channels_are_learned_from_the_first_reading_on():
    made = monitor()
    some = [message("p", t + dt, c, t) for t in (0.0, 10.0, 20.0) for c, dt in (("flow", 0.0), ("load", 0.1))]
    taken = [made.take(Readings.of([one], [place])) for place, one in enumerate(some)]
    # Nothing says what is complete until the first is taken, because two younger ones are open.
    assert [bool(outcomes) for outcomes in taken] == [False, False, False, False, True, True]
    assert counts(made)["p"]["load.count"] == 3


def test_what_comes_again_or_too_late_is_told():
    made = monitor(DECLARED)
    some = [
        message("p", 0.0, "flow", 1.0),
        message("p", 0.0, "flow", 1.0),
        message("p", 0.5, "load", 1.0),
        message("p", 0.5, "load", 1.0),
        message("p", 0.0, "speed", 1.0),
        message("p", 10.0, "flow", 1.0),
        message("p", 20.0, "flow", 1.0),
        message("p", 30.0, "flow", 1.0),
        message("p", 10.2, "load", 1.0),
    ]
    refusals = [one for outcome in made.take(Readings.of(some)) for one in outcome.refusals]
    assert [(one.offset, one.reason) for one in refusals] == [
        (1, Reason.DUPLICATE),
        (3, Reason.DUPLICATE),
        (4, Reason.CHANNELS),
        (8, Reason.LATE),
    ]
    assert "raise most_open" in refusals[-1].message


def test_a_wrong_time_spoils_no_reading_but_its_own():
    made = monitor(DECLARED)
    some = []
    for i in range(100):
        some += [message("p", float(10 * i), "flow", 1.0), message("p", float(10 * i), "load", 1.0)]
        if i == 50:
            some.append(message("p", 9e8, "flow", 1.0))
    outcomes = made.take(Readings.of(some, record_ts=[row.ts if row.ts < 9e8 else 500.0 for row in some]))
    assert counts(made)["p"]["flow.count"] == counts(made)["p"]["load.count"] == 6  # in a minute
    assert [one.reason for outcome in outcomes for one in outcome.refusals] == []


def test_a_source_without_a_whole_reading_has_a_state_and_room():
    made = monitor()
    made.take(Readings.of([message("p", 0.0, "flow", 1.0)]))
    assert "p" in made
    assert len(made) == 1
    other = monitor()
    other.restore("p", made.state("p"))
    assert other.state("p") == made.state("p")
    assert other.stored_size("p") == made.stored_size("p") > 0
    assert other.needs(Readings.of([message("p", 0.0, "flow", 1.0)])) == {}
    (need,) = other.needs(Readings.of([message("p", 0.0, "load", 1.0)])).values()
    assert need.size > made.stored_size("p")
    other.forget("p")
    assert "p" not in other


def test_names_of_categories_last_until_the_reading_is_taken():
    stream = SensorStream(warmup=30, mapping={**MAPPING, "source": "s", "time": "t"}, categories=["mode"])
    decoder = ReadingDecoder(["mode"])
    raw = b'{"source": "p", "ts": 0, "values": {"mode": "eco"}}'
    readings, _ = decoder.decode([raw], [None], [0], [0.0])
    made = monitor(stream)
    made.take(readings)
    assert [reading[3][0][1] for reading in made.state("p")["assembly"]["readings"]] == ["eco"]


messages = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 12).map(lambda step: 2.5 * step) | st.floats(0, 30),
        st.sampled_from(["flow", "load", "speed"]),
        st.floats(-9, 9) | st.just(math.nan),
    ),
    max_size=40,
)


@given(st.sampled_from([LEARNED, DECLARED]), messages, st.sets(st.integers(1, 39)))
@settings(max_examples=60)
def test_batches_and_restarts_change_nothing(stream, log, cuts):
    rows = [message(*one) for one in log]
    whole = monitor(stream)
    expected = whole.take(Readings.of(rows)) if rows else []
    made, found = monitor(stream), []
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]):
        if begin == end:
            continue
        found += made.take(Readings.of(rows[begin:end], range(begin, end)))
        states = {source: unpack_state(pack_state(made.state(source)), source) for source in made.sources()}
        made = monitor(stream)
        for source, state in states.items():
            made.restore(source, state)
    ordered = sorted((one for outcome in found for one in outcome.refusals), key=str)
    assert ordered == sorted((one for outcome in expected for one in outcome.refusals), key=str)
    assert [alert for outcome in found for alert in outcome.alerts] == [
        alert for outcome in expected for alert in outcome.alerts
    ]
    assert {source: pack_state(made.state(source)) for source in made.sources()} == {
        source: pack_state(whole.state(source)) for source in whole.sources()
    }


@given(messages)
@settings(max_examples=100)
def test_what_is_kept_is_bounded(log):
    assembly, taken = Assembly(within=1.0, most_open=2), 0
    for _, ts, channel, value in log:
        fate, done = assembly.add(ts, {channel: value})
        taken += len(done)
        assert fate is Fate.TAKEN or not done
        assert len(assembly.state()["readings"]) <= 10
        assert sum(not reading[-1] for reading in assembly.state()["readings"]) <= 2


@pytest.mark.parametrize("damage", [{"readings": [[1]]}, {"readings": None}, {}])
def test_a_damaged_state_is_told(damage):

    with pytest.raises(StateError, match="state of p is damaged"):
        monitor().restore("p", {"assembly": {"settled": True, "channels": [], **damage}})
