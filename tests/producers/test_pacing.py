"""Speed, rate and loop, by a clock that the test moves."""

import asyncio
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.batch import Readings
from producers.pacing import Pace, Schedule, TokenBucket, WallClock, paced, parse_speed
from producers.passes import after, limited, looped
from stream_app.errors import SettingsError, SourceError


class HandClock:
    def __init__(self):
        self.time = 1000.0

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.time += seconds


class Given:
    """A source that is a list of batches."""

    identity = "given"
    total = None

    def __init__(self, *times):
        self.times = times

    def batches(self):
        for ts in self.times:
            yield batch(ts)


def batch(ts):
    return Readings.of("p", ts, ["a"], np.arange(len(ts)))


async def leave(times, pace, *, slow=0.0):
    """When each event left, in seconds after the start; `slow` seconds pass at every hand-over."""
    clock, out = HandClock(), []
    async for part in paced([batch(ts) for ts in times], pace, clock, asyncio.Event()):
        out += [clock.time - 1000.0] * len(part)
        clock.time += slow
    return out


async def test_ten_times_is_ten_times_faster():
    out = await leave([[100.0, 110.0, 120.0], [150.0]], Pace(speed=10.0))
    np.testing.assert_allclose(out, [0.0, 1.0, 2.0, 5.0], atol=0.006)


async def test_real_time_is_event_time():
    out = await leave([np.arange(20.0)], Pace(speed=1.0))
    np.testing.assert_allclose(out, np.arange(20.0), atol=0.006)


async def test_max_waits_for_nothing_and_keeps_batches_whole():
    clock = HandClock()
    parts = [p async for p in paced([batch(np.arange(1e4))] * 2, Pace(), clock, asyncio.Event())]
    assert [len(p) for p in parts] == [10_000, 10_000]
    assert clock.time == 1000.0


async def test_a_slow_taker_does_not_slow_the_replay_for_good():
    out = await leave([np.arange(100.0)], Pace(speed=10.0), slow=0.35)
    assert out[-1] == pytest.approx(9.9, abs=0.5)


@pytest.mark.parametrize("rate", [0.5, 7.0, 1000.0, 123_456.0])
async def test_a_rate_is_kept_over_any_stretch(rate):
    n = int(max(rate * 3, 10))
    out = np.array(await leave([np.zeros(n)], Pace(rate=rate)))
    # At most the rate plus one burst of a quarter of a second in any window, and the whole in due time.
    assert out[-1] == pytest.approx((n - 1) / rate, rel=0.05, abs=0.02)
    for width in (0.5, 1.0):
        inside = np.searchsorted(out, out + width, side="right") - np.arange(n)
        assert inside.max() <= rate * width + max(0.25 * rate, 1.0) + 1.0


async def test_speed_and_rate_hold_together():
    out = await leave([np.arange(0.0, 100.0, 10.0)], Pace(speed=10.0, rate=2.0))
    np.testing.assert_allclose(out, np.arange(10.0), atol=0.3)
    out = await leave([np.arange(0.0, 1.0, 0.1)], Pace(speed=10.0, rate=2.0))
    assert out[-1] == pytest.approx(4.5, abs=0.1)


async def test_after_a_stop_nothing_leaves():
    stop, got = asyncio.Event(), []
    async for part in paced([batch([0.0, 1.0, 2.0, 3.0])], Pace(speed=1.0), HandClock(), stop):
        got += part.ts.tolist()
        if len(got) == 2:
            stop.set()
    assert got == [0.0, 1.0]


async def test_a_stop_ends_a_long_sleep_at_once():
    stop = asyncio.Event()
    sleeping = asyncio.create_task(WallClock(stop).sleep(3600.0))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(sleeping, 5.0)


def test_the_next_file_follows_without_a_pause_and_disorder_costs_none():
    schedule = Schedule()
    assert schedule.due(np.array([1000.0, 1001.0, 1000.5, 1002.0])).tolist() == [0, 1, 1, 2]
    assert schedule.due(np.array([50.0, 51.0])).tolist() == [2, 3]
    far = 152 + 1e6 - 5
    assert schedule.due(np.array([200.0, 5.0, 1e6, 7.0, 8.0])).tolist() == [152, 152, far, far, far + 1]


@given(ts=st.lists(st.floats(0, 1e6), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_what_is_due_does_not_depend_on_batches_and_never_falls(ts, cut):
    whole, parts = Schedule(), Schedule()
    ts = np.array(ts)
    expected = whole.due(ts)
    assert (np.diff(expected) >= 0).all()
    got = np.concatenate([parts.due(ts[:cut]), parts.due(ts[cut:])])
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-6)


def test_long_gaps_can_be_cut():
    assert Schedule(max_gap=5.0).due(np.array([0.0, 100.0, 101.0])).tolist() == [0, 5, 6]


@pytest.mark.parametrize(
    ("text", "speed"), [("real", 1.0), ("1x", 1.0), ("60x", 60.0), ("x60", 60.0), ("\u00d72.5", 2.5), ("3", 3.0), ("MAX", None)]
)  # fmt: skip
def test_forms_of_speed(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0x", "-1", "1xx", "nan"])
def test_other_speeds_are_refused(text):
    with pytest.raises(SettingsError, match="--speed"):
        parse_speed(text)


@pytest.mark.parametrize("bad", [{"rate": 0.0}, {"rate": -1.0}, {"max_gap": float("nan")}])
def test_a_pace_must_move(bad):
    with pytest.raises(SettingsError, match="above 0"):
        Pace(**bad)


def test_the_bucket_does_not_save_up_for_ever():
    bucket = TokenBucket(100.0)
    assert bucket.available(0.0) == 1
    assert bucket.available(3600.0) == 25


def test_each_pass_of_a_loop_is_later_than_the_one_before():
    batches = list(islice(looped(Given([10.0, 12.0], [14.0, 16.0])), 6))
    assert np.concatenate([b.ts for b in batches]).tolist() == [
        10,
        12,
        14,
        16,
        18,
        20,
        22,
        24,
        26,
        28,
        30,
        32,
    ]
    assert batches[4].values.tolist() == [[0.0], [1.0]]


def test_a_loop_ends_before_times_that_the_worker_would_refuse():
    with pytest.raises(SourceError, match="2100"):
        list(looped(Given([0.0, 1e9])))


def test_an_empty_source_does_not_loop_for_ever():
    with pytest.raises(SourceError, match="no events"):
        list(looped(Given()))


@given(sizes=st.lists(st.integers(0, 5), max_size=6), count=st.integers(0, 20))
def test_what_comes_after_some_events_is_all_that_the_first_ones_leave(sizes, count):
    times = np.split(np.arange(float(sum(sizes))), np.cumsum(sizes)[:-1]) if sizes else []
    out = [ts for some in after(count, (batch(each) for each in times)) for ts in some.ts.tolist()]
    assert out == list(range(count, sum(sizes)))


@given(sizes=st.lists(st.integers(0, 5), max_size=6), limit=st.one_of(st.none(), st.integers(0, 20)))
def test_a_limit_is_exact(sizes, limit):
    given_events = sum(sizes)
    out = list(limited((batch(np.arange(float(n))) for n in sizes), limit))
    assert sum(map(len, out)) == (given_events if limit is None else min(given_events, limit))
