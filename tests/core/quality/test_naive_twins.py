"""Each check against a few lines of Python that look back over all events."""

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.bank import Bank
from stream_app.core.kernel import signal_buffer
from stream_app.core.quality import (
    DETECTORS,
    QualityOptions,
    most_signals,
    quality_layout,
    quality_options,
    quality_step,
)

VALUES = st.lists(st.sampled_from([0.0, 1.0, 1.0, 1.0, 9.0, math.nan]), max_size=60)


def judged(values, *, high=math.inf, options=None, **learned):
    """Run one channel whose limits are given, not learned; return (row, check, ended) of each signal."""
    bank = Bank(quality_layout(1, 1))
    slot = bank.add("a")
    sources, channels = bank["quality.source"], bank["quality.channel"]
    for name, value in ({"missing_begin": 10_000, "gone_limit": 10_000} | learned).items():
        channels[slot][0][name] = value
    row_options = quality_options(options or QualityOptions())
    limits = np.array([[-math.inf, high]])
    signals, count = signal_buffer(len(values) * most_signals(1) + 1)
    for row, value in enumerate(values):
        quality_step(
            sources[slot],
            channels[slot],
            row_options[0],
            limits,
            float(row),
            np.array([value]),
            row,
            signals,
            count,
        )
    return [(int(s["row"]), DETECTORS[s["detector"]], bool(s["ended"])) for s in signals[: count[0]]]


def transitions(check, flags):
    """Turn a condition at each row into its begins and ends."""
    on = [False, *flags]
    return [
        (row, check, not now) for row, (before, now) in enumerate(itertools.pairwise(on)) if now != before
    ]


def held(begins, ends):
    """Return whether a condition holds at each row, by where it may begin and end."""
    state, flags = False, []
    for begin, end in zip(begins, ends, strict=True):
        state = not end if state else begin
        flags.append(state)
    return flags


@given(VALUES, st.integers(1, 30), st.integers(1, 5))
def test_values_out_of_range_are_counted_over_the_last_events(values, within, confirm):
    confirm = min(confirm, within)
    counts = [sum(v > 5.0 for v in values[max(0, i + 1 - within) : i + 1]) for i in range(len(values))]
    expected = transitions("range", held([n >= confirm for n in counts], [n == 0 for n in counts]))
    assert judged(values, high=5.0, options=QualityOptions(within=within, confirm=confirm)) == expected


@given(
    st.lists(st.sampled_from([0.0, math.nan, math.nan]), max_size=150),
    st.sampled_from([1, 7, 59, 60, 61, 100, 119, 120]),
    st.integers(1, 8),
)
def test_missing_values_are_counted_over_the_last_events(values, window, begin):
    counts = [sum(map(math.isnan, values[max(0, i + 1 - window) : i + 1])) for i in range(len(values))]
    expected = transitions("missing", held([n >= begin for n in counts], [n < begin for n in counts]))
    options = QualityOptions(missing_window=window, missing_least=1)
    worst = np.full(2, 1000)  # nothing is a new habit
    learned = {"missing_begin": begin, "missing_end": begin - 1, "absences": worst, "blocks": worst}
    assert judged(values, options=options, **learned) == expected


@given(VALUES, st.integers(2, 6), st.sampled_from([0.0, 4.0]))
def test_a_run_of_equal_values_is_stuck_until_the_value_changes(values, limit, seconds):
    last, length, since, active, expected = math.nan, 0, 0, False, []
    for row, value in enumerate(values):
        if math.isnan(value):
            continue
        if value == last:
            length += 1
        else:
            if active:
                expected.append((row, "stuck", True))
                break  # from here on the habit is another
            last, length, since = value, 1, row
        if not active and length >= limit and row - since >= seconds:
            active = True
            expected.append((row, "stuck", False))
    options = QualityOptions(stuck_seconds=seconds, stuck_least=2)
    runs = np.full(2, 1000)  # no run is a new habit
    got = judged(values, options=options, stuck_limit=limit, runs=runs)
    assert got[: len(expected)] == expected


@given(st.lists(st.sampled_from([0.0, math.nan, math.nan, math.nan]), max_size=80), st.integers(1, 6))
def test_a_channel_is_gone_from_some_missing_rows_on_until_its_next_value(values, limit):
    absent, lengths = 0, []
    for value in values:
        absent = absent + 1 if math.isnan(value) else 0
        lengths.append(absent)
    expected = transitions("gone", held([n >= limit for n in lengths], [n == 0 for n in lengths]))
    absences = np.full(2, 1000)
    assert judged(values, gone_limit=limit, absences=absences) == expected
