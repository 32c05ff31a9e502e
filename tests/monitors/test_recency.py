"""Which sources are kept: the same wherever deliveries end and whoever goes on."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events import PredictionRow, Readings, Reason, SensorRow
from stream_app.monitors.base import Need
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.monitors.recency import Recency
from stream_app.settings import PredictionStream

TTL = 160.0  # steps of ten seconds
ROOM = 10**6

# Sources and channels by chance; the log's time goes on by seconds or by days, stands still, goes back, or is unknown.
advances = st.sampled_from([0.0, 1.0, 9.0, 75.0, 150.0, 400.0, -30.0])
drawn_event = st.tuples(st.sampled_from("abcdef"), advances, st.booleans(), st.sampled_from("xxxy"))
events = st.lists(drawn_event, min_size=1, max_size=60)


def size_of(channels):
    return 100 + 10 * len(channels)


class Held:
    """What a monitor knows of its sources as far as their room goes: the channels that each has named."""

    def __init__(self):
        self.channels = {}

    def needs(self, readings):
        found = {}
        for group in readings.groups:
            for row in group.rows.tolist():
                known = self.channels.get(readings.sources[row], set())
                if not known.issuperset(group.channels):
                    found[row] = Need(size_of(known.union(group.channels)), group.channels)
        return found

    def stored_size(self, source):
        return size_of(self.channels[source])

    def take(self, step):
        for each in step.forgotten:
            self.channels.pop(each.source, None)
        for group in step.events.groups if step.events else ():
            for row in group.rows.tolist():
                self.channels.setdefault(step.events.sources[row], set()).update(group.channels)


def log_of(drawn):
    now, log = 1_000_000.0, []
    for offset, (source, advance, known, channel) in enumerate(drawn):
        now += advance
        log.append((offset, source, now if known else math.inf, channel))
    return log


def delivery(part):
    rows = [SensorRow(source, 0.0, {channel: 1.0}) for _, source, _, channel in part]
    return Readings.of(rows, [offset for offset, *_ in part], [record_ts for _, _, record_ts, _ in part])


def naive(log, max_bytes):
    """What is kept, refused and forgotten, event by event."""
    seen, clock, refused, forgotten, counts = {}, -math.inf, [], [], []
    for offset, source, record_ts, channel in log:
        if record_ts < math.inf:
            clock = max(clock, record_ts // 10.0 * 10.0)
        for each, (last, at, _) in list(seen.items()):
            if clock - at > TTL:
                forgotten.append((each, last, at + TTL))
                del seen[each]
        channels = seen[source][2] | {channel} if source in seen else {channel}
        others = sum(size_of(one) for each, (*_, one) in seen.items() if each != source)
        known = source in seen and channels == seen[source][2]
        if not known and others + size_of(channels) > max_bytes:
            refused.append(offset)
        else:
            seen[source] = (offset, clock, channels)
            counts.append(len(seen))
    return seen, refused, forgotten, counts


def taken(log, cuts, max_bytes, restarts):
    recency, held, refused, gone = Recency(max_bytes=max_bytes, ttl=TTL), Held(), [], []
    counts = []
    for begin, end in pairwise([0, *sorted(cuts), len(log)]):
        for step in recency.take(delivery(log[begin:end]), held):
            held.take(step)
            gone += step.forgotten
            counts += step.known.tolist()
            refused += [refusal.offset for refusal in step.refusals]
        if begin in restarts:
            shed = recency.expire(2)
            gone += shed
            for each in shed:
                del held.channels[each.source]
            recency = Recency(
                max_bytes=max_bytes,
                ttl=TTL,
                seen={source: recency[source] for source in recency},
                clock=recency.clock,
            )
    gone += recency.expire(1000)
    return recency, refused, gone, counts


@given(events, st.sets(st.integers(1, 59)), st.integers(100, 700), st.sets(st.integers(0, 59)))
@settings(max_examples=300)
def test_any_deliveries_and_restarts_keep_count_refuse_and_forget_what_a_run_event_by_event_does(
    drawn, cuts, max_bytes, restarts
):
    log = log_of(drawn)
    cuts = {cut for cut in cuts if cut < len(log)}
    seen, refused, forgotten, counts = naive(log, max_bytes)
    recency, ours, gone, counted = taken(log, cuts, max_bytes, restarts)
    assert ours == refused
    assert counted == counts
    assert sorted(gone) == sorted(forgotten)
    kept = {source: (offset, clock, size_of(channels)) for source, (offset, clock, channels) in seen.items()}
    assert {source: recency[source] for source in recency} == kept
    assert recency.size == sum(size for *_, size in kept.values()) <= max_bytes
    assert list(recency) == sorted(seen, key=lambda each: seen[each][0])


def keep(recency, part):
    held = Held()
    held.channels = {source: {"x"} for source in recency}
    for step in recency.take(delivery(part), held):
        held.take(step)


def test_a_source_is_kept_for_its_time_to_live_and_a_step_at_most():
    recency = Recency(max_bytes=ROOM, ttl=TTL)
    keep(recency, [(0, "a", 1000.0, "x")])
    for offset, (later, expired) in enumerate([(TTL, False), (TTL + 9.0, False), (TTL + 20.0, True)], 1):
        keep(recency, [(offset, "b", 1000.0 + later, "x")])
        assert recency.expired("a") is expired


def test_a_wrong_clock_in_the_events_of_one_source_makes_no_other_old():
    recency = Recency(max_bytes=ROOM, ttl=TTL)
    rows = Readings.of(
        [SensorRow("a", 1000.0, {"x": 1.0}), SensorRow("b", 4e9, {"x": 1.0})], record_ts=[1000.0, 1001.0]
    )
    held = Held()
    for step in recency.take(rows, held):
        held.take(step)
        assert step.forgotten == []
    assert not recency.expired("a")


@pytest.mark.parametrize(("count", "gone"), [(2, ["a", "b"]), (10, ["a", "b", "c"])])
def test_what_is_expired_goes_in_bounded_batches_the_longest_unseen_first(count, gone):
    recency = Recency(max_bytes=ROOM, ttl=TTL)
    keep(recency, [(i, source, 1000.0, "x") for i, source in enumerate("abc")])
    keep(recency, [(3, "d", 5000.0, "x")])
    assert [each.source for each in recency.expire(count)] == gone
    assert "d" in recency


def test_models_have_room_too():
    rows = [PredictionRow(model, 1.0, id=str(i), prediction="x") for i, model in enumerate("abab")]
    monitor = PredictionMonitor(PredictionStream())
    recency = Recency(max_bytes=300_000, ttl=TTL)
    refused = []
    for step in recency.take(Arrivals(rows, [4, 5, 7, 9], [1.0] * 4), monitor):
        monitor.take(step.events)
        refused += step.refusals
    assert [(one.offset, one.reason) for one in refused] == [(5, Reason.NO_ROOM), (9, Reason.NO_ROOM)]
    assert "take 250000 of 300000" in refused[0].message
    assert monitor.sources() == list(recency) == ["a"]


def test_with_less_room_than_before_what_is_there_stays_and_nothing_new_comes():
    recency = Recency(max_bytes=ROOM, ttl=TTL)
    keep(recency, [(i, source, 1000.0, "x") for i, source in enumerate("abc")])
    less = Recency(max_bytes=200, ttl=TTL, seen={source: recency[source] for source in recency})
    keep(less, [(3, "d", 1000.0, "x"), (4, "a", 1001.0, "x")])
    assert less.expire(100) == []
    assert list(less) == ["b", "c", "a"]
