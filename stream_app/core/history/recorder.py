"""Gathering readings into buckets, each level fed by the one below it.

A bucket is *open* while readings of its time come, and *closed* by the first reading behind it. Only open buckets are kept here;
closed ones leave through a buffer and are stored elsewhere. A level keeps the last `LENGTHS` buckets that have readings, so that
a source that is read once an hour fills them as one that is read ten times a second does.

Readings that reach back, within the allowed lateness, count in the bucket that is open when they come: what is closed stays as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.bank import Bank
from stream_app.core.history.buckets import BUCKET, MOST_CHANNELS, WIDTHS, ClosedBuckets
from stream_app.core.kernel import Counter, kernel

__all__ = ["HistoryRecorder"]

_LEVELS = len(WIDTHS)
_RATIOS = tuple(wide // narrow for narrow, wide in zip((1, *WIDTHS), WIDTHS, strict=False))


class HistoryRecorder:
    """Gathers the readings of a bank's sources into buckets.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.
    room : int
        Buckets that the buffer of a kernel holds; at least one of each level.

    Examples
    --------
    >>> from stream_app.core.history.buckets import history_layout
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

    def __init__(self, channels: tuple[str, ...], *, room: int = 64) -> None:
        self.channels = channels[:MOST_CHANNELS]
        self._heads = np.zeros(room, BUCKET)
        self._figures = np.zeros((room, len(self.channels), 3), np.float32)
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
