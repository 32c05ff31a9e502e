"""The intake's policy, against a plain model that looks at one reading at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_runs import packed, run, window

from stream_app.core.bank import Bank
from stream_app.core.watermark import AGREEING
from stream_app.events import Reason, SensorRow
from stream_app.monitors.sensors import MAX_LEARNED_CHANNELS
from stream_app.monitors.sensors.intake import INTAKE, MEMORY, intake_layout, intake_options, intake_step
from stream_app.settings import SensorStream

LATENESS, MAX_FUTURE, TTL = 5.0, 50.0, 30.0
OPTIONS = intake_options(lateness=LATENESS, max_future=MAX_FUTURE, source_ttl=TTL)


def config(declared=None, **options):
    return SensorStream(
        channels=declared, lateness=LATENESS, max_future=MAX_FUTURE, source_ttl=TTL, window=None, **options
    )  # fmt: skip


class NaiveClock:
    """The watermark, of all that was on time since it was set last."""

    def __init__(self):
        self.believed, self.other, self.established, self.spacing, self.offset = [], [], False, 0.0, math.nan

    def judge(self, ts, record_ts):
        if not self.believed:
            self.believed = [(ts, record_ts)]
            return "on time"
        newest, seen = max(self.believed, key=lambda pair: pair[0]), len(self.believed)
        newest = next(pair for pair in reversed(self.believed) if pair[0] == newest[0])
        step, established = ts - newest[0], self.established or seen >= AGREEING
        tolerance = max(LATENESS, 16.0 * self.spacing)
        if step < -LATENESS:
            usual = abs(ts - record_ts - self.offset) <= LATENESS
            if (established and not usual) or not self.agreed(ts, tolerance):
                return "late"
            self.believed, self.other, self.established, self.offset = [(ts, record_ts)], [], True, math.nan
            return "on time"
        ahead = step > tolerance and step > record_ts - newest[1] + LATENESS
        if ahead and established and not self.agreed(ts, tolerance):
            return "ahead"
        if step > TTL:
            return "returned"
        self.other = []
        if ahead:
            self.believed, self.established = [(ts, record_ts)], established
            self.offset = newest[0] - newest[1] if established else self.offset
        else:
            gap = max(step, 0.0)
            longest = 16.0 * self.spacing
            self.spacing = (
                self.spacing + (min(gap, longest) - self.spacing) / 8.0 if self.spacing > 0.0 else gap
            )
            self.believed.append((ts, record_ts))
        return "on time"

    def agreed(self, ts, tolerance):
        if self.other and abs(ts - self.other[-1]) > tolerance:
            self.other = []
        self.other.append(ts)
        return len(self.other) >= AGREEING


class Naive:
    """The policy as the module's docstring states it, for one source."""

    def __init__(self, declared):
        self.declared = declared
        self.channels = set(declared or ())
        self.begin()

    def begin(self):
        self.clock = NaiveClock()
        self.memory, self.counted = [], []

    def judge(self, row, record_ts):
        if self.declared is not None and set(row.values) != self.channels:
            return Reason.CHANNELS
        self.channels |= set(row.values)
        if row.ts > record_ts + MAX_FUTURE:
            return Reason.TIMESTAMP
        verdict = self.clock.judge(row.ts, record_ts)
        if verdict == "returned":
            self.begin()
            verdict = self.clock.judge(row.ts, record_ts)
        if verdict != "on time":
            return Reason.LATE if verdict == "late" else Reason.TIMESTAMP
        present = {name: value for name, value in row.values.items() if value is not None}
        entry = row.id if row.id is not None else (row.ts, present)
        if entry in self.memory[-MEMORY:]:
            return Reason.DUPLICATE
        self.memory.append(entry)
        self.counted.append((row.ts, {name: value.hex() for name, value in present.items()}))
        return None


# Few distinct values, so that repeats, ties and swaps are common.
values = st.none() | st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e308, -1e308, 5e-324])
row_values = st.dictionaries(st.sampled_from(["x", "y", "z"]), values, min_size=1)


@st.composite
def streams(draw):
    clock, wrong, rows, record_ts = 100.0, 0.0, [], []
    for _ in range(draw(st.integers(1, 60))):
        wrong = draw(st.sampled_from([wrong] * 12 + [0.0, 25.0, -25.0, 45.0]))
        clock += draw(st.sampled_from([0.0, 0.0, 0.0, 1.0, 1.0, 3.0, 30.0, 31.0]))
        ts = clock + wrong + draw(st.sampled_from([0.0, 0.0, 0.0, -1.0, -5.0, -6.0, 20.0, 51.0, 50.0]))
        source, name = draw(st.sampled_from("aab")), draw(st.none() | st.sampled_from(["i", "j", "k"]))
        rows.append(SensorRow(source, ts, draw(row_values), None, name))
        record_ts.append(clock)
    return rows, record_ts


@pytest.mark.slow
@given(streams(), st.sampled_from([None, ("x", "y", "z"), ("x",)]), st.sets(st.integers(1, 59)))
@settings(max_examples=300)
def test_readings_in_any_deliveries_are_judged_as_one_at_a_time(stream, declared, cuts):
    rows, record_ts = stream
    models = {row.source: Naive(declared) for row in rows}
    expected = [models[row.source].judge(row, at) for row, at in zip(rows, record_ts, strict=True)]
    whole = run(config(declared), rows, record_ts=record_ts)
    assert {refusal.offset: refusal.reason for refusal in whole.refusals} == {
        i: reason for i, reason in enumerate(expected) if reason
    }
    assert whole.counted == {row.source: i for i, row in enumerate(rows) if expected[i] is None}
    for source in whole.monitor.sources():
        assert window(whole.monitor, source) == models[source].counted
        assert set(whole.monitor._placement[source].channels) == models[source].channels
        assert whole.monitor.features(source)[1]["events"] == len(models[source].counted)
    for restart in (False, True):
        cut = run(config(declared), rows, cuts, record_ts=record_ts, restart=restart)
        assert cut.said() == whole.said()
        assert packed(cut.monitor) == packed(whole.monitor)


numbers = st.floats() | st.sampled_from([0.0, 1.0, -math.inf, math.inf, 1e308])
records = st.fixed_dictionaries(
    {
        "clock": st.tuples(
            *[numbers] * 5, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)
        ),
        "events": st.integers(-(2**63), 2**63 - 1),
        "remembered": st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 2 * MEMORY),
    }
)
readings = st.lists(
    st.tuples(numbers, numbers, st.integers(0, 3), st.lists(st.sampled_from([0.0, -0.0, 1.0, math.nan]), min_size=2, max_size=2)),
    max_size=20,
)  # fmt: skip


@given(st.none() | records, readings)
@settings(max_examples=200)
def test_the_kernel_says_what_its_plain_form_says_also_of_forged_records(forged, readings):
    """In the plain form numpy refuses a place beyond the marks, where a kernel would write there."""
    banks = Bank(intake_layout()), Bank(intake_layout())
    for bank in banks:
        for source in "abc":
            bank.add(source)
        for name, number in (forged or {}).items():
            bank["intake"][1][name] = number
    neighbours = banks[0].record("a"), banks[0].record("c")
    cell = np.zeros(1)
    for ts, record_ts, mark, row in readings:
        rest = ts, record_ts, np.uint64(mark), np.array(row), cell, cell.view(np.uint64)
        with np.errstate(all="ignore"):
            codes = [step(bank["intake"][1], OPTIONS[0], *rest) for step, bank in zip((intake_step, intake_step.py_func), banks, strict=True)]  # fmt: skip
        assert codes[0] == codes[1]
        assert banks[0].record("b") == banks[1].record("b")
        assert (banks[0].record("a"), banks[0].record("c")) == neighbours


def test_a_record_of_the_intake_takes_about_two_kilobytes():
    assert INTAKE.itemsize <= 2100


@pytest.mark.parametrize("size", [1, 7, MEMORY, 2 * MEMORY])
def test_a_reading_is_remembered_for_as_long_however_it_is_delivered(size):
    # All at one instant, so that each is compared with all that are remembered; then the last and the oldest forgotten.
    rows = [SensorRow("a", 10.0, {"x": float(i)}) for i in range(MEMORY + 1)]
    rows += [SensorRow("a", 10.0, {"x": 1.0}), SensorRow("a", 10.0, {"x": 0.0})]
    done = run(config(), rows, range(0, len(rows), size))
    assert [refusal.offset for refusal in done.refusals] == [MEMORY + 1]
    assert done.counted == {"a": MEMORY + 2}


def test_ids_are_remembered_for_as_long():
    rows = [SensorRow("a", i / 10, {"x": 1.0}, None, str(i)) for i in range(MEMORY + 1)]
    rows += [SensorRow("a", 30.0, {"x": 9.0}, None, "1"), SensorRow("a", 30.0, {"x": 9.0}, None, "0")]
    for cuts in ((), range(0, len(rows), 10)):
        done = run(config(), rows, cuts)
        assert [refusal.offset for refusal in done.refusals] == [MEMORY + 1]
        assert done.counted == {"a": MEMORY + 2}


def test_readings_that_differ_in_a_null_a_sign_or_by_a_swap_are_no_duplicates():
    cells = [
        {"x": 0.0, "y": None},
        {"x": None, "y": 0.0},
        {"x": 0.0, "y": 0.0},
        {"x": 1e308, "y": 1e308},
        {"x": 1e308, "y": -1e308},
        {"x": 1.0, "y": 2.0},
        {"x": 2.0, "y": 1.0},
        {"x": None, "y": None},
    ]
    rows = [SensorRow("a", 1.0, each) for each in cells]
    for cuts in ((), range(len(rows))):
        assert run(config(("x", "y")), rows, cuts).refusals == []


def test_a_channel_that_is_learned_later_makes_no_duplicate_new():
    rows = [
        SensorRow("a", 1.0, {"x": 1.0}),
        SensorRow("a", 1.0, {"x": 2.0, "y": 1.0}),
        SensorRow("a", 1.0, {"x": 1.0}),
        SensorRow("a", 1.0, {"x": 1.0, "y": None}),
    ]
    for cuts in ((), range(len(rows))):
        assert [refusal.offset for refusal in run(config(), rows, cuts).refusals] == [2, 3]


@pytest.mark.parametrize(
    ("rows", "record_ts", "message"),
    [
        ([10.0, 10_000.0], [10.0, 10.5], r"ts 10000.0 is 9990 s after its record's own time"),
        ([10.0, 4.9999], None, r"ts 4.9999 is 5.000 s older than the newest of this source"),
        ([10.0, 10.0], None, r"the same reading came before, at ts 10.0"),
    ],
)
def test_the_message_says_why(rows, record_ts, message):
    done = run(config(), [SensorRow("a", ts, {"x": 1.0}) for ts in rows], record_ts=record_ts)
    assert [(refusal.offset, refusal.message) for refusal in done.refusals] == [(1, message)]


def test_refusals_come_in_the_order_of_their_readings():
    rows = [SensorRow(source, ts, {"x": 1.0, **more}) for source, ts, more in
            [("a", 10.0, {}), ("b", 10.0, {}), ("b", 10.0, {}), ("a", 11.0, {"q": 1.0}), ("a", 10.0, {}), ("b", 1.0, {})]]  # fmt: skip
    assert [refusal.offset for refusal in run(config(("x",)), rows).refusals] == [2, 3, 4, 5]


def test_a_declared_stream_says_which_channels_are_missing_and_which_unknown():
    done = run(config(("x", "y")), [SensorRow("a", 1.0, {"x": 1.0, "q": 2.0})])
    (refusal,) = done.refusals
    assert refusal.reason is Reason.CHANNELS
    assert refusal.message == "channels missing ['y'] and unknown ['q']; declared are ['x', 'y']"
    assert (done.counted, "a" in done.monitor) == ({}, False)


def test_learned_channels_are_bounded():
    rows = [
        SensorRow("a", 1.0, {f"c{i}": 0.0 for i in range(MAX_LEARNED_CHANNELS)}),
        SensorRow("a", 2.0, {"one more": 0.0}),
        SensorRow("a", 2.0, {"c3": 1.0}),
        SensorRow("b", 2.0, {f"c{i}": 0.0 for i in range(MAX_LEARNED_CHANNELS + 1)}),
    ]
    for cuts in ((), range(len(rows))):
        done = run(config(), rows, cuts)
        assert [(refusal.offset, refusal.reason) for refusal in done.refusals] == [(1, Reason.CHANNELS), (3, Reason.CHANNELS)]  # fmt: skip
        assert "one more" in done.refusals[0].message
        assert done.counted == {"a": 2}


def test_one_event_from_the_future_does_not_make_the_honest_ones_late():
    rows = [SensorRow("a", ts, {"x": ts}) for ts in (10.0, 10_000.0, 11.0)]
    done = run(config(), rows, record_ts=[10.0, 10.5, 11.0])
    assert [(refusal.offset, refusal.reason) for refusal in done.refusals] == [(1, Reason.TIMESTAMP)]


def test_a_record_without_a_time_of_its_own_is_from_no_future():
    rows = [SensorRow("a", ts, {"x": ts}) for ts in (10.0, 11.0, 4e9)]
    assert run(config(), rows, record_ts=[math.inf] * 3).refusals == []


def test_a_reading_at_the_very_edge_of_lateness_is_taken():
    rows = [SensorRow("a", ts, {"x": ts}) for ts in (10.0, 5.0, 4.999)]
    assert [(r.offset, r.reason) for r in run(config(), rows).refusals] == [(2, Reason.LATE)]
