"""Which sources are kept: the same wherever deliveries end and whoever goes on."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events import PredictionRow, Readings, SensorRow
from stream_app.monitors.predictions import Arrivals
from stream_app.monitors.recency import Recency

TTL = 160.0  # steps of ten seconds

# Sources by chance; the log's time goes on by seconds or by days, stands still, goes back, or is unknown.
advances = st.sampled_from([0.0, 1.0, 9.0, 75.0, 150.0, 400.0, -30.0])
events = st.lists(st.tuples(st.sampled_from("abcdef"), advances, st.booleans()), min_size=1, max_size=60)


def log_of(drawn):
    now, log = 1_000_000.0, []
    for offset, (source, advance, known) in enumerate(drawn):
        now += advance
        log.append((offset, source, now if known else math.inf))
    return log


def delivery(part):
    rows = [SensorRow(source, 0.0, {"x": 1.0}) for _, source, _ in part]
    return Readings.of(rows, [offset for offset, *_ in part], [record_ts for *_, record_ts in part])


def naive(log, max_sources):
    """Offsets at which a source starts cold, event by event."""
    seen, clock, cold, forgotten = {}, -math.inf, [], []
    for offset, source, record_ts in log:
        if record_ts < math.inf:
            clock = max(clock, record_ts // 10.0 * 10.0)
        for each, (last, at) in list(seen.items()):
            if clock - at > TTL:
                forgotten.append((each, "expired", last, at + TTL))
                del seen[each]
        if source not in seen:
            cold.append(offset)
            if len(seen) == max_sources:
                oldest = min(seen, key=lambda each: seen[each][0])
                forgotten.append((oldest, "evicted", *seen.pop(oldest)))
        seen[source] = (offset, clock)
    return cold, seen, forgotten


def taken(log, cuts, max_sources, restarts):
    recency, cold, known, gone = Recency(max_sources=max_sources, ttl=TTL), [], set(), []
    for begin, end in pairwise([0, *sorted(cuts), len(log)]):
        for forgotten, piece in recency.take(delivery(log[begin:end])):
            gone += forgotten
            known -= {each.source for each in forgotten}
            for offset, source in zip(piece.offsets.tolist(), piece.sources, strict=True):
                if source not in known:
                    cold.append(offset)
                    known.add(source)
        if begin in restarts:
            shed = recency.expire(2)
            gone += shed
            known -= {each.source for each in shed}
            recency = Recency(
                max_sources=max_sources, ttl=TTL, seen={source: recency[source] for source in recency}
            )
    gone += recency.expire(1000)
    return cold, recency, gone


@given(events, st.sets(st.integers(1, 59)), st.integers(1, 6), st.sets(st.integers(0, 59)))
@settings(max_examples=300)
def test_any_deliveries_and_restarts_forget_what_a_run_event_by_event_forgets(
    drawn, cuts, max_sources, restarts
):
    log = log_of(drawn)
    cuts = {cut for cut in cuts if cut < len(log)}
    cold, seen, forgotten = naive(log, max_sources)
    ours, recency, gone = taken(log, cuts, max_sources, restarts)
    assert ours == cold
    assert sorted(gone) == sorted(forgotten)
    assert {source: recency[source] for source in recency} == seen
    assert list(recency) == sorted(seen, key=lambda each: seen[each][0])


def test_a_source_is_kept_for_its_time_to_live_and_a_step_at_most():
    recency = Recency(max_sources=10, ttl=TTL)
    list(recency.take(delivery([(0, "a", 1000.0)])))
    for offset, (later, expired) in enumerate([(TTL, False), (TTL + 9.0, False), (TTL + 20.0, True)], 1):
        list(recency.take(delivery([(offset, "b", 1000.0 + later)])))
        assert recency.expired("a") is expired


def test_a_wrong_clock_in_the_events_of_one_source_makes_no_other_old():
    recency = Recency(max_sources=10, ttl=TTL)
    rows = Readings.of(
        [SensorRow("a", 1000.0, {"x": 1.0}), SensorRow("b", 4e9, {"x": 1.0})], record_ts=[1000.0, 1001.0]
    )
    assert [gone for gone, _ in recency.take(rows)] == [[]]
    assert not recency.expired("a")


@pytest.mark.parametrize(("count", "gone"), [(2, ["a", "b"]), (10, ["a", "b", "c"])])
def test_what_is_expired_goes_in_bounded_batches_the_longest_unseen_first(count, gone):
    recency = Recency(max_sources=10, ttl=TTL)
    list(recency.take(delivery([(i, source, 1000.0) for i, source in enumerate("abc")])))
    list(recency.take(delivery([(3, "d", 5000.0)])))
    assert [each[:2] for each in recency.expire(count)] == [(source, "expired") for source in gone]
    assert "d" in recency


def test_events_of_any_kind_are_split_where_a_source_is_forgotten():
    rows = [PredictionRow(model, 1.0, id=str(i), prediction="x") for i, model in enumerate("abab")]
    pieces = list(Recency(max_sources=1, ttl=TTL).take(Arrivals(rows, [4, 5, 7, 9], [1.0] * 4)))
    assert [[each.source for each in gone] for gone, _ in pieces] == [[], ["a"], ["b"], ["a"]]
    assert [piece.offsets for _, piece in pieces] == [[4], [5], [7], [9]]


def test_a_limit_that_was_lowered_is_met():
    seen = {name: (i, 1000.0) for i, name in enumerate("abcde")}
    recency = Recency(max_sources=2, ttl=TTL, seen=seen)
    assert [each[:2] for each in recency.expire(100)] == [(source, "evicted") for source in "abc"]
    assert list(recency) == ["d", "e"]
