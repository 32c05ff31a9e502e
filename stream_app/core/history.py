"""History of sources for charts: readings gathered into buckets of five widths, each level fed by the one below it.

A bucket is *open* while readings of its time come, and *closed* by the first reading behind it. Only open buckets are kept here;
closed ones leave through a buffer and are stored elsewhere. A level keeps the last `LENGTHS` buckets that have readings, so that
a source that is read once an hour fills them as one that is read ten times a second does.

Readings that reach back, within the allowed lateness, count in the bucket that is open when they come: what is closed stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.bank import Bank, Field, Layout
from stream_app.core.kernel import Counter, kernel

__all__ = ["LENGTHS", "MOST_CHANNELS", "WIDTHS", "ClosedBuckets", "HistoryRecorder", "history_layout"]

WIDTHS = (5, 60, 600, 3_600, 43_200)
"""Width of the buckets of each level, in seconds; each is a multiple of the one before.

Eight channels shall take 24 KiB of Redis, which is 336 buckets of 72 bytes. Five levels share them about evenly: five minutes, an
hour, twelve hours, three days and five weeks, each drawn by 60 points at least as long as readings come that often. Seconds for fifteen
minutes, minutes for two days and hours for two months would be 5,220 buckets, or 4.7 bytes for each with its 25 numbers.
"""

LENGTHS = (60, 60, 72, 72, 72)
"""Buckets that are kept of each level."""

MOST_CHANNELS = 64
"""Channels of a source that have a history, the first ones: one of thousands would take megabytes."""

_LEVELS = len(WIDTHS)
_ROOM = 1024
_RATIOS = tuple(wide // narrow for narrow, wide in zip((1, *WIDTHS), WIDTHS, strict=False))

LEVEL = np.dtype(
    [
        ("index", np.int64),  # time of the open bucket, in widths since the epoch
        ("count", np.int64),  # readings in it
        ("closed", np.int64),  # buckets that were closed before it
        ("score", np.float64),  # largest score in it
    ],
    align=True,
)
CHANNEL = np.dtype(
    [("mean", np.float64), ("low", np.float32), ("high", np.float32), ("count", np.int64)], align=True
)
"""Of one channel in an open bucket."""

BUCKET = np.dtype(
    [
        ("event", np.int64),  # that closed it, by its place
        ("level", np.int64),
        ("sequence", np.int64),  # of the level's buckets, from 0
        ("index", np.int64),
        ("count", np.int64),
        ("score", np.float64),
    ],
    align=True,
)
"""A bucket on its way to the store; its channels are in an array beside it."""


@dataclass(frozen=True, slots=True)
class ClosedBuckets:
    """Buckets of sources of one bank, in the order in which they were closed.

    Parameters
    ----------
    channels : tuple of str
        Names of the d channels.
    sources : list of str
        Source of each.
    heads : array of BUCKET, shape (n,)
        What they have beside their channels.
    figures : array of float32, shape (n, d, 3)
        Mean, minimum and maximum of each channel; NaN where there was no reading.
    """

    channels: tuple[str, ...]
    sources: list[str]
    heads: npt.NDArray[Any]
    figures: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sources)


def history_layout(channels: int) -> Layout:
    """Return the arrays of a bank for open buckets."""
    kept = min(channels, MOST_CHANNELS)
    return {
        "history.level": Field(LEVEL, (_LEVELS,)),
        "history.channel": Field(CHANNEL, (_LEVELS, kept)),
    }


class HistoryRecorder:
    """Gathers the readings of a bank's sources into buckets.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.

    Examples
    --------
    >>> bank = Bank(history_layout(1))
    >>> slots = np.array([bank.add("pump")] * 4)
    >>> recorder = HistoryRecorder(("flow",))
    >>> ts, values = np.array([0.0, 1.0, 4.0, 5.0]), np.array([[1.0], [3.0], [2.0], [9.0]])
    >>> closed = recorder.record(bank, ["pump"] * 4, slots, ts, values, np.zeros(4))
    >>> closed[0].heads["count"].tolist(), closed[0].figures.tolist()
    ([3], [[[2.0, 1.0, 3.0]]])
    >>> recorder.open(bank, ["pump"]).figures.tolist()
    [[[9.0, 9.0, 9.0]]]
    """

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.channels = channels[:MOST_CHANNELS]
        self._heads = np.zeros(_ROOM, BUCKET)
        self._figures = np.zeros((_ROOM, len(self.channels), 3), np.float32)
        self._count = np.zeros(1, np.int64)

    def record(
        self,
        bank: Bank,
        sources: Sequence[str],
        slots: IntArray,
        ts: FloatArray,
        values: FloatArray,
        scores: FloatArray,
    ) -> list[ClosedBuckets]:
        """Take readings, and return the buckets that they closed.

        Parameters
        ----------
        bank : Bank
            With the arrays of `history_layout`.
        sources : sequence of str
            Source of each reading.
        slots : array of int, shape (m,)
            Its slot.
        ts : array, shape (m,)
            Event times, epoch seconds.
        values : array, shape (m, d)
            The readings; NaN is missing.
        scores : array, shape (m,)
            Anomaly scores.
        """
        closed: list[ClosedBuckets] = []
        begin = 0
        while begin < len(slots):
            begin = record_readings(
                bank["history.level"], bank["history.channel"], slots, ts, values, scores, begin,
                self._heads, self._figures, self._count,
            )  # fmt: skip
            found = int(self._count[0])
            if found:
                heads = self._heads[:found].copy()
                names = [sources[i] for i in heads["event"].tolist()]
                closed.append(ClosedBuckets(self.channels, names, heads, self._figures[:found].copy()))
                self._count[0] = 0
        return closed

    def open(self, bank: Bank, sources: Sequence[str]) -> ClosedBuckets:
        """Return the open bucket of the lowest level of each source, as it is now."""
        slots = np.array([bank.slot(source) for source in sources], dtype=np.int64)
        levels, channels = bank["history.level"][slots, 0], bank["history.channel"][slots, 0]
        heads = np.zeros(len(slots), BUCKET)
        heads["event"] = np.arange(len(slots))
        heads["sequence"] = levels["closed"]
        for name in ("index", "count", "score"):
            heads[name] = levels[name]
        figures = np.stack([channels["mean"], channels["low"], channels["high"]], axis=-1).astype(np.float32)
        figures[channels["count"] == 0] = np.nan
        return ClosedBuckets(self.channels, list(sources), heads, figures)


@kernel
def record_readings(
    levels: npt.NDArray[Any],
    channels: npt.NDArray[Any],
    slots: IntArray,
    ts: FloatArray,
    values: FloatArray,
    scores: FloatArray,
    begin: int,
    heads: npt.NDArray[Any],
    figures: npt.NDArray[np.float32],
    count: Counter,
) -> int:
    """Take readings from `begin` on; return where it stopped: at the end, or where there is no room for what one may close."""
    for i in range(begin, len(slots)):
        if count[0] + _LEVELS > len(heads):
            return i
        level, channel = levels[slots[i]], channels[slots[i]]
        index = int(ts[i] // WIDTHS[0])
        if level[0]["count"] > 0 and index > level[0]["index"]:
            close_buckets(level, channel, i, heads, figures, count)
        first = level[0]
        if first["count"] == 0:
            first["index"] = index
            first["score"] = scores[i]
        first["count"] += 1
        first["score"] = max(first["score"], scores[i])
        for j in range(channel.shape[1]):
            add_to_channel(channel[0, j], values[i, j], values[i, j], values[i, j], 1)
    return len(slots)


@kernel
def close_buckets(
    level: npt.NDArray[Any],
    channel: npt.NDArray[Any],
    event: int,
    heads: npt.NDArray[Any],
    figures: npt.NDArray[np.float32],
    count: Counter,
) -> None:
    """Close the open bucket of the lowest level, and each that one closes above it; the buffer has room."""
    top = 0
    while top + 1 < _LEVELS:
        above = level[top + 1]
        if above["count"] == 0 or above["index"] >= level[top]["index"] // _RATIOS[top + 1]:
            break
        top += 1
    for k in range(top, -1, -1):
        place = count[0]
        count[0] = place + 1
        head, this = heads[place], level[k]
        head["event"] = event
        head["level"] = k
        head["sequence"] = this["closed"]
        head["index"] = this["index"]
        head["count"] = this["count"]
        head["score"] = this["score"]
        if k + 1 < _LEVELS:
            above = level[k + 1]
            if above["count"] == 0:
                above["index"] = this["index"] // _RATIOS[k + 1]
                above["score"] = this["score"]
            above["count"] += this["count"]
            above["score"] = max(above["score"], this["score"])
        for j in range(channel.shape[1]):
            one = channel[k, j]
            some = one["count"] > 0
            figures[place, j, 0] = one["mean"] if some else np.nan
            figures[place, j, 1] = one["low"] if some else np.nan
            figures[place, j, 2] = one["high"] if some else np.nan
            if k + 1 < _LEVELS and some:
                add_to_channel(channel[k + 1, j], one["mean"], one["low"], one["high"], one["count"])
            one["count"] = 0
        this["count"] = 0
        this["closed"] += 1


@kernel
def add_to_channel(record: Any, mean: float, low: float, high: float, count: int) -> None:
    """Add readings with their mean, minimum and maximum to an open bucket; NaN is none."""
    if np.isnan(mean):
        return
    before = record["count"]
    if before == 0:
        record["mean"] = mean
        record["low"] = low
        record["high"] = high
    else:
        record["mean"] += (mean - record["mean"]) * (count / (before + count))
        record["low"] = min(record["low"], low)
        record["high"] = max(record["high"], high)
    record["count"] = before + count
