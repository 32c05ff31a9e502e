"""The intake's policy, against a plain model that looks at one reading at a time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.errors import StateError
from stream_app.events import Reason, SensorRow
from stream_app.monitors.sensors import Arrivals, Intake
from stream_app.monitors.sensors.intake import MAX_LEARNED_CHANNELS, MEMORY
from stream_app.store import pack_state, unpack_state

LATENESS = 5.0
MAX_FUTURE = 50.0


def intake_of(declared):
    return Intake("a", declared=declared, lateness=LATENESS, max_future=MAX_FUTURE)


def arrivals_of(rows, *, record_ts=None, first=0):
    record_ts = record_ts or [row.ts for row in rows]
    return Arrivals(list(rows), list(range(first, first + len(rows))), list(record_ts))


class Naive:
    """The policy as the module's docstring states it, one reading at a time."""

    def __init__(self, declared):
        self.declared = declared
        self.channels = list(declared or ())
        self.newest = float("-inf")
        self.ids = []
        self.unnamed = []

    def judge(self, row, record_ts):
        if row.ts > record_ts + MAX_FUTURE:
            return Reason.TIMESTAMP
        if row.ts < self.newest - LATENESS:
            return Reason.LATE
        if self.declared is not None:
            if set(row.values) != set(self.declared):
                return Reason.CHANNELS
        else:
            new = [name for name in row.values if name not in self.channels]
            if len(self.channels) + len(new) > MAX_LEARNED_CHANNELS:
                return Reason.CHANNELS
            self.channels += new
        if self.repeats(row):
            return Reason.DUPLICATE
        self.newest = max(self.newest, row.ts)
        return None

    def repeats(self, row):
        present = {name: value for name, value in row.values.items() if value is not None}
        memory, entry = (self.unnamed, (row.ts, present)) if row.id is None else (self.ids, row.id)
        if entry in memory[-MEMORY:]:
            return True
        memory.append(entry)
        return False


# Few distinct values, so that repeats, ties and swaps are common.
values = st.none() | st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e308, -1e308, 5e-324])
row_values = st.dictionaries(st.sampled_from(["x", "y", "z"]), values, min_size=1)


@st.composite
def readings(draw):
    clock, rows, record_ts = 100.0, [], []
    for _ in range(draw(st.integers(1, 30))):
        clock += draw(st.sampled_from([0.0, 0.0, 1.0, 1.0, 3.0]))
        ts = clock + draw(st.sampled_from([0.0, 0.0, 0.0, -1.0, -5.0, -6.0, 51.0, 50.0]))
        rows.append(
            SensorRow("a", ts, draw(row_values), None, draw(st.none() | st.sampled_from(["i", "j", "k"])))
        )
        record_ts.append(clock)
    return rows, record_ts


def through(intake, rows, record_ts, cuts, first=0):
    """Feed in deliveries; return what came out, with columns by name, so that channels learned later don't matter."""
    good, bad = [], []
    edges = [0, *sorted(cuts), len(rows)]
    for begin, end in pairwise(edges):
        if begin == end:
            continue
        batch, refused = intake.admit(
            arrivals_of(rows[begin:end], record_ts=record_ts[begin:end], first=first + begin)
        )
        for i in range(len(batch)):
            cells = {
                name: value.hex()
                for name, value in zip(batch.channels, batch.values[i].tolist(), strict=True)
                if value == value  # noqa: PLR0124 NaN is a missing one
            }
            good.append((int(batch.offsets[i]), float(batch.ts[i]), cells))
        bad += refused
    return good, bad


@given(readings(), st.sampled_from([None, ("x", "y", "z"), ("x",)]), st.data())
@settings(max_examples=150, deadline=None)
def test_any_cut_into_deliveries_gives_what_one_reading_at_a_time_gives(stream, declared, data):
    rows, record_ts = stream
    cuts = data.draw(st.sets(st.integers(0, len(rows))))
    whole, cut, naive = intake_of(declared), intake_of(declared), Naive(declared)
    expected = [naive.judge(row, at) for row, at in zip(rows, record_ts, strict=True)]

    good, bad = through(whole, rows, record_ts, set())
    assert {refusal.offset: refusal.reason for refusal in bad} == {
        i: reason for i, reason in enumerate(expected) if reason
    }
    assert good == [
        (i, row.ts, {name: value.hex() for name, value in row.values.items() if value is not None})
        for i, row in enumerate(rows)
        if expected[i] is None
    ]
    assert list(whole.channels) == naive.channels
    assert through(cut, rows, record_ts, cuts) == (good, bad)
    assert pack_state(cut.state()) == pack_state(whole.state())


@given(readings(), st.sampled_from([None, ("x", "y", "z")]), st.data())
@settings(max_examples=60, deadline=None)
def test_a_restored_intake_goes_on_as_if_it_had_never_stopped(stream, declared, data):
    rows, record_ts = stream
    at = data.draw(st.integers(0, len(rows)))
    whole, first = intake_of(declared), intake_of(declared)
    expected = through(whole, rows, record_ts, {at})
    good, bad = through(first, rows[:at], record_ts[:at], set())
    second = Intake.from_state(
        unpack_state(pack_state(first.state()), "here"),
        "a",
        declared=declared,
        lateness=LATENESS,
        max_future=MAX_FUTURE,
    )
    more, worse = through(second, rows[at:], record_ts[at:], set(), first=at)
    assert (good + more, bad + worse) == expected
    assert pack_state(second.state()) == pack_state(whole.state())


@pytest.mark.parametrize("size", [1, 7, MEMORY, 2 * MEMORY])
def test_a_reading_is_remembered_for_as_long_however_it_is_delivered(size):
    # All at one instant, so that each is compared with all that are remembered; then the oldest and the last forgotten.
    rows = [SensorRow("a", 10.0, {"x": float(i)}) for i in range(MEMORY + 1)]
    rows += [SensorRow("a", 10.0, {"x": 1.0}), SensorRow("a", 10.0, {"x": 0.0})]
    good, bad = through(intake_of(None), rows, [10.0] * len(rows), set(range(0, len(rows), size)))
    assert [refusal.offset for refusal in bad] == [MEMORY + 1]
    assert good[-1][0] == MEMORY + 2


def test_ids_are_remembered_for_as_long():
    rows = [SensorRow("a", float(i), {"x": 1.0}, None, str(i)) for i in range(MEMORY + 1)]
    rows += [SensorRow("a", 1000.0, {"x": 9.0}, None, "1"), SensorRow("a", 1000.0, {"x": 9.0}, None, "0")]
    for cuts in (set(), set(range(0, len(rows), 10))):
        good, bad = through(intake_of(None), rows, [1000.0] * len(rows), cuts)
        assert [refusal.offset for refusal in bad] == [MEMORY + 1]
        assert good[-1][0] == MEMORY + 2


def test_readings_that_differ_in_a_null_or_by_a_swap_are_no_duplicates():
    rows = [
        SensorRow("a", 1.0, {"x": 0.0, "y": None}),
        SensorRow("a", 1.0, {"x": None, "y": 0.0}),
        SensorRow("a", 1.0, {"x": 0.0, "y": 0.0}),
        SensorRow("a", 1.0, {"x": 1e308, "y": 1e308}),
        SensorRow("a", 1.0, {"x": 1e308, "y": -1e308}),
        SensorRow("a", 1.0, {"x": 1.0, "y": 2.0}),
        SensorRow("a", 1.0, {"x": 2.0, "y": 1.0}),
    ]
    for cuts in (set(), set(range(len(rows)))):
        good, bad = through(intake_of(("x", "y")), rows, [1.0] * len(rows), cuts)
        assert (len(good), bad) == (len(rows), [])


def test_nulls_are_missing_values():
    batch, _ = intake_of(("x", "y")).admit(arrivals_of([SensorRow("a", 1.0, {"x": None, "y": 3.0})]))
    np.testing.assert_array_equal(batch.values, [[np.nan, 3.0]])


def test_columns_follow_the_declared_order_not_the_event_s():
    batch, _ = intake_of(("x", "y")).admit(
        arrivals_of([SensorRow("a", 1.0, {"x": 1.0, "y": 2.0}), SensorRow("a", 2.0, {"y": 4.0, "x": 3.0})])
    )
    assert batch.channels == ("x", "y")
    assert batch.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_declared_stream_says_which_channels_are_missing_and_which_unknown():
    intake = intake_of(("x", "y"))
    _, refused = intake.admit(arrivals_of([SensorRow("a", 1.0, {"x": 1.0, "q": 2.0})]))
    assert refused[0].reason is Reason.CHANNELS
    assert refused[0].message == "channels missing ['y'] and unknown ['q']; declared are ['x', 'y']"
    assert intake.newest == float("-inf")


def test_learned_channels_are_bounded():
    intake = intake_of(None)
    intake.admit(arrivals_of([SensorRow("a", 1.0, {f"c{i}": 0.0 for i in range(MAX_LEARNED_CHANNELS)})]))
    batch, refused = intake.admit(arrivals_of([SensorRow("a", 2.0, {"one more": 0.0})]))
    assert (len(batch), refused[0].reason) == (0, Reason.CHANNELS)
    assert "one more" in refused[0].message
    batch, refused = intake.admit(arrivals_of([SensorRow("a", 2.0, {"c3": 1.0})]))
    assert (len(batch), refused) == (1, [])


def test_one_event_from_the_future_does_not_make_the_honest_ones_late():
    rows = [SensorRow("a", ts, {"x": ts}) for ts in (10.0, 10_000.0, 11.0)]
    batch, refused = intake_of(None).admit(arrivals_of(rows, record_ts=[10.0, 10.5, 11.0]))
    assert batch.ts.tolist() == [10.0, 11.0]
    assert [(r.offset, r.reason) for r in refused] == [(1, Reason.TIMESTAMP)]


def test_a_reading_at_the_very_edge_of_lateness_is_taken():
    rows = [SensorRow("a", ts, {"x": ts}) for ts in (10.0, 5.0, 4.999)]
    batch, refused = intake_of(None).admit(arrivals_of(rows))
    assert batch.ts.tolist() == [10.0, 5.0]
    assert refused[0].reason is Reason.LATE
    assert "older" in refused[0].message


def test_a_delivery_without_one_good_reading_is_an_empty_batch():
    intake = intake_of(("x",))
    batch, refused = intake.admit(arrivals_of([SensorRow("a", 1.0, {"y": 1.0})] * 3))
    assert len(batch) == 0
    assert batch.values.shape == (0, 1)
    assert len(refused) == 3


def test_a_state_of_another_version_is_refused_by_the_source_s_name():
    with pytest.raises(StateError, match=r"intake of pump-7.*version 99"):
        Intake.from_state({"version": 99}, "pump-7", declared=None, lateness=1.0, max_future=1.0)
