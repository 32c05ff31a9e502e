"""Aligned windows beside a plain resampler, and what befalls metrics: resets, gaps, repeats, wrong clocks."""

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.platform.windows import COUNTER, GAUGE, OLDER, REPEATED, SUM, Rows, Windows
from stream_app.core.watermark import AHEAD, LATE, ON_TIME

WIDTH = 60.0
START = 1_770_000_000.0 // WIDTH * WIDTH


def opened(lateness):
    windows = Windows(WIDTH, lateness=lateness)
    for node in range(3):
        windows.add_node(node)
    return windows


def run(windows, rows, cuts=()):
    """Take rows in pieces; return the values of each window that closes, by its end."""
    found = {}
    edges = [0, *sorted(cuts), len(rows.ts)]
    codes = []
    for begin, end in pairwise(edges):
        piece = Rows.of(*(column[begin:end] for column in rows[:5]))
        place = 0
        while (stop := windows.take(piece, place)) < end - begin:
            close(windows, found)
            place = stop
        codes += piece.code.tolist()
    return found, codes


def close(windows, found):
    while windows.due:
        if windows.seen().any():
            end = windows.end
            found[end] = windows.close()
        else:
            windows.skip(all_due=windows.empty)


def last(windows, series=0):
    """Close everything by a row far later."""
    found = {}
    late = windows.newest + 10 * WIDTH
    windows.take(Rows.of([-1] * 50, [0] * 50, [late] * 50, [late] * 50, [0.0] * 50))
    close(windows, found)
    return found


def rows_of(samples, node=0):
    series, ts, values = zip(*samples, strict=True)
    return Rows.of(series, [node] * len(ts), ts, ts, values)


def naive(samples, kinds, pairs):
    """Resample in plain Python: samples of a series in the order of their times, windows of all of them."""
    sums, weights, newest = defaultdict(float), defaultdict(float), {}
    for slot, ts, value in samples:
        before = newest.get(slot)
        if before is not None and ts <= before[0]:
            continue
        newest[slot] = ts, value
        key = (ts // WIDTH + 1) * WIDTH, slot
        sums[key] += 0.0
        if kinds[slot] == GAUGE:
            sums[key] += value
            weights[key] += 1
        elif before is not None and ts - before[0] <= 300:
            rise = value - before[1]
            if rise < 0 and value <= before[1] / 2:
                rise = value
            if rise >= 0:
                sums[key] += rise
                weights[key] += ts - before[0]
    out = {}
    for (end, slot), total in sums.items():
        out.setdefault(end, [math.nan] * len(kinds))
        weight = weights[end, slot]
        if kinds[slot] == SUM and weight > 0:
            weight = sums.get((end, pairs[slot]), 0.0)
        if weight > 0:
            out[end][slot] = total / weight
    return out


steps = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from([0.0, 1.0, 7.5, 20.0, 55.0]), st.integers(0, 1000).map(float)
    ),
    min_size=1,
    max_size=80,
)


@given(steps=steps, cuts=st.lists(st.integers(0, 80), max_size=4))
def test_values_are_those_of_a_plain_resampler_wherever_batches_end(steps, cuts):
    kinds, pairs = [GAUGE, COUNTER, SUM, COUNTER], {2: 3}
    ts, samples = START, []
    for slot, step, value in steps:
        ts += step
        samples.append((slot, ts, value))

    def fresh():
        windows = opened(30.0)
        for kind in kinds:
            windows.add(kind)
        windows.pair(2, 3)
        return windows

    one, other = fresh(), fresh()
    whole, codes = run(one, rows_of(samples))
    pieces, others = run(other, rows_of(samples), {cut for cut in cuts if cut < len(samples)})
    assert codes == others
    assert one.state() == other.state()
    whole |= last(one)
    pieces |= last(other)
    expected = naive(samples, kinds, pairs)
    assert whole.keys() == pieces.keys() == expected.keys()
    for end, values in expected.items():
        np.testing.assert_array_equal(whole[end], pieces[end])
        np.testing.assert_allclose(whole[end], values, rtol=1e-12)


@given(steps=steps, cut=st.integers(0, 79))
def test_a_restored_state_goes_on_as_if_nothing_had_been(steps, cut):
    ts, samples = START, []
    for slot, step, value in steps:
        ts += step
        samples.append((slot, ts, value))
    cut = min(cut, len(samples))

    def fresh():
        windows = opened(30.0)
        for kind in (GAUGE, COUNTER, SUM, COUNTER):
            windows.add(kind)
        windows.pair(2, 3)
        return windows

    whole, first, second = fresh(), fresh(), opened(30.0)
    expected, _ = run(whole, rows_of(samples))
    found = {}
    if cut:
        found, _ = run(first, rows_of(samples[:cut]))
    second.restore(first.state())
    if samples[cut:]:
        found |= run(second, rows_of(samples[cut:]))[0]
    assert found.keys() == expected.keys()
    for end in expected:
        np.testing.assert_array_equal(found[end], expected[end])
    assert second.state() == whole.state()


def test_a_counter_that_is_reset_or_jumps_back_has_no_false_rate():
    windows = opened(0.0)
    windows.add(COUNTER)
    values = [1000.0, 1030.0, 15.0, 45.0, 44.0, 74.0]  # reset to 15, then back by 1
    samples = [(0, START + 15.0 * i, value) for i, value in enumerate(values)]
    found, _ = run(windows, rows_of(samples))
    found |= last(windows)
    assert found[START + 60.0][0] == pytest.approx((30 + 15 + 30) / 45)
    assert found[START + 120.0][0] == pytest.approx(30 / 15)  # what jumped back counts nowhere


def test_a_gap_is_no_rate_and_no_window():
    windows = opened(0.0)
    windows.add(COUNTER)
    samples = [(0, START, 0.0), (0, START + 30, 30.0), (0, START + 1000, 1e6), (0, START + 1010, 1e6 + 10)]
    found, _ = run(windows, rows_of(samples))
    found |= last(windows)
    assert sorted(found) == [START + 60.0, START + 1020.0]
    assert [found[end][0] for end in sorted(found)] == [1.0, 1.0]


def test_samples_come_late_and_repeat():
    windows = opened(30.0)
    windows.add()
    windows.add()
    samples = [(0, START + 50, 1.0), (0, START + 80, 1.0), (1, START + 55, 5.0), (1, START + 55, 5.0)]
    samples += [(0, START + 70, 1.0), (0, START + 95, 1.0), (1, START + 59, 5.0)]
    found, codes = run(windows, rows_of(samples))
    assert codes == [ON_TIME, ON_TIME, ON_TIME, REPEATED, OLDER, ON_TIME, LATE]
    np.testing.assert_array_equal(found[START + 60.0], [1.0, 5.0])


def test_a_node_whose_clock_is_ahead_closes_no_window_of_others():
    windows = opened(30.0)
    for _ in range(120):
        windows.add()
    codes = []
    for scrape in range(40):
        ts = START + 15.0 * scrape
        for node in range(3):
            # The third node is ten minutes ahead, and sends 40 samples a scrape.
            at = ts + 600.0 if node == 2 else ts
            slots = np.arange(40 * node, 40 * node + 40)
            rows = Rows.of(slots, [node] * 40, [at] * 40, [ts] * 40, np.ones(40))
            while windows.take(rows) < 40:
                close(windows, {})
            codes.append((node, rows.code.tolist()))
    ahead = [codes for node, codes in codes if node == 2]
    assert all(set(each) == {ON_TIME} for node, each in codes if node != 2)
    assert all(set(each) == {AHEAD} for each in ahead[3:])
    assert windows.newest == START + 15.0 * 39


def test_scrapes_that_are_wider_than_windows_lose_no_sample():
    windows = opened(30.0)
    for _ in range(3):
        windows.add()
    found = {}
    for scrape in range(20):
        ts = START + 300.0 * scrape
        for node in range(3):
            rows = Rows.of([node], [node], [ts + node], [0.0], [1.0])
            while windows.take(rows) < 1:
                close(windows, found)
            assert rows.code.tolist() == [ON_TIME]
    assert all(np.isfinite(values).all() for values in found.values())
    assert len(found) > 15


def test_what_is_of_no_node_is_on_time_after_a_silence_where_the_nodes_agree():
    windows = opened(30.0)
    slots = [windows.add() for _ in range(4)]
    codes = []
    for step in range(60):
        ts = START + 15.0 * step
        for node in range(3):
            run(windows, Rows.of([slots[node]], [node], [ts], [0.0], [1.0]))
        if step < 10 or step > 50:
            codes += run(windows, Rows.of([slots[3]], [-1], [ts + 4.0], [0.0], [1.0]))[1]
    assert set(codes) == {ON_TIME}


def test_a_marker_of_what_is_gone_spoils_no_mean():
    windows = opened(0.0)
    windows.add()
    found, _ = run(windows, rows_of([(0, START, 2.0), (0, START + 10, math.nan), (0, START + 20, 4.0)]))
    assert (found | last(windows))[START + 60.0][0] == 3.0


def test_slots_are_reused_without_a_trace():
    windows = opened(0.0)
    slot = windows.add(COUNTER)
    run(windows, rows_of([(slot, START, 5.0), (slot, START + 10, 6.0)]))
    windows.reset(slot, GAUGE)
    found, _ = run(windows, rows_of([(slot, START + 20, 8.0)]))
    assert (found | last(windows))[START + 60.0][0] == 8.0
