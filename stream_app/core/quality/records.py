"""State of the quality checks per source and per channel."""

from typing import cast

import numpy as np

from stream_app.core.bank import Field
from stream_app.core.kernel import kernel

__all__ = [
    "BEGINS",
    "BURST",
    "DETECTORS",
    "ENDS",
    "GAP_BINS",
    "GAP_FIRST",
    "GONE",
    "MARKS",
    "MISSING",
    "NEVER",
    "NEW",
    "ON_GONE",
    "ON_MISSING",
    "ON_RANGE",
    "ON_STUCK",
    "QUALITY_CHANNEL",
    "QUALITY_SOURCE",
    "RANGE",
    "REFUSED",
    "SILENCE",
    "STUCK",
    "WHOLE",
    "most_signals",
    "quality_layout",
]

# Of numpy's types, because a kernel is compiled for each of Python's constants that it is given.
BEGINS, ENDS = cast(bool, np.bool_(0)), cast(bool, np.bool_(1))
"""Of a signal: whether its condition is over."""

WHOLE = cast(int, np.int64(-1))
"""The channel of a signal that speaks of the source."""

RANGE, MISSING, STUCK, GONE, NEW, SILENCE, BURST, REFUSED = cast(
    tuple[int, ...], tuple(map(np.int64, range(8)))
)
DETECTORS = ("range", "missing", "stuck", "gone", "new", "silence", "burst", "refused")
"""Names of the checks, by the number in a kernel's signal."""

ON_RANGE, ON_MISSING, ON_STUCK, ON_GONE = 1, 2, 4, 8

NEVER = 2**30
"""A count that is never reached: the check is not judged."""

GAP_BINS, GAP_FIRST = 32, -12
"""Gaps between events are counted by powers of two from 2**-13 s (0.1 ms) to 2**19 s (6 days), ends included."""

MARKS = 10
"""The time of every tenth part of a burst's window is kept."""

QUALITY_SOURCE = np.dtype(
    [
        ("events", np.int64),
        ("first", np.float64),  # time of the first event
        ("newest", np.float64),  # largest time so far
        ("period", np.float64),  # median seconds between events; NaN until 32 were seen
        ("silence", np.float64),  # seconds without an event that are too many; 0 until learned
        ("burst", np.float64),  # seconds for a burst's window of events that are too few; 0 until learned
        ("counted", np.int64),  # events in the order of time: those that bursts are made of
        ("times", np.float64, (MARKS,)),
        ("gap_sums", np.float32, (GAP_BINS,)),
        ("gap_counts", np.uint16, (GAP_BINS,)),
        ("gaps", np.float32, (2,)),  # the two longest
        ("rates", np.float32, (2,)),  # the two highest over a burst's window
        ("peak", np.float32),  # highest rate of the current burst
        ("silent", np.uint8),
        ("bursting", np.uint8),
        ("silence_alarms", np.uint8),
        ("burst_alarms", np.uint8),
        ("outage", np.uint8),  # most channels are missing together: 1, and 1 more an event while few are
    ],
    align=True,
)
"""Arrivals of one source."""

QUALITY_CHANNEL = np.dtype(
    [
        ("anchor", np.float64),  # first value of the current run of equal values
        ("since", np.float64),  # its time
        ("missing_recent", np.int64),  # flags of the newest 60 events, the newest lowest
        ("missing_older", np.int64),  # flags of the 60 events before
        ("rows", np.uint32),  # events since the channel joined; 0: not yet
        ("missing", np.uint32),
        ("out_of_range", np.uint32),
        ("tolerance", np.float32),  # difference that is none
        ("range_flags", np.int32),
        ("length", np.int32),  # values of the current run
        ("longest", np.int32),  # run that is over
        ("absent", np.int32),  # events since the last value
        ("stuck_limit", np.int32),  # 0: not judged
        ("gone_limit", np.int32),  # 0: not learned
        ("block_rows", np.int32),
        ("block_missing", np.int32),
        ("trials", np.int32),  # pairs of neighbouring values
        ("repeats", np.int32),  # those that are equal
        ("step_logs", np.float32),  # sum of log |step| while learning
        ("runs", np.int32, (2,)),  # the two longest
        ("absences", np.int32, (2,)),
        ("blocks", np.int16, (2,)),  # missing values of the two worst blocks
        ("block_peak", np.int16),  # of the worst block of the current alarm
        ("missing_count", np.int16),
        ("missing_begin", np.int16),  # 0: not learned
        ("missing_end", np.int16),
        (
            "declared",
            np.uint8,
        ),  # whether it is there from the first event; else it joins with its first value
        ("stuck_alarms", np.uint8),
        ("missing_alarms", np.uint8),
        ("gone_alarms", np.uint8),
        ("on", np.uint8),  # conditions that hold
        ("told", np.uint8),  # those of them that were told for this channel, not for the whole source
    ],
    align=True,
)
"""Habits and conditions of one channel."""


def quality_layout(d: int, declared: int = 0) -> dict[str, Field]:
    """Return the arrays of a bank of sources with `d` channels: 1.5 KiB a source of 8.

    Parameters
    ----------
    d : int
        Number of channels.
    declared : int
        How many of them, the first ones, are there from the first event; the others join with their first value.

    Examples
    --------
    >>> {name: field.shape for name, field in quality_layout(8).items()}
    {'quality.source': (), 'quality.channel': (8,)}
    """
    fresh = np.zeros((), QUALITY_SOURCE)
    fresh["period"] = np.nan
    channels = np.zeros(d, QUALITY_CHANNEL)
    channels["declared"][:declared] = 1
    return {
        "quality.source": Field(QUALITY_SOURCE, (), fresh[()]),
        "quality.channel": Field(QUALITY_CHANNEL, (d,), channels),
    }


@kernel
def most_signals(d: int) -> int:
    """Return how many signals one event of `d` channels can give at most."""
    most: int = 8 * d + 9
    return most
