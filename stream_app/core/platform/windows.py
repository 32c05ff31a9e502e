"""Aligned windows in event time: samples of metrics become one value per series and window.

A window is ``[k * width, (k + 1) * width)`` seconds since the epoch. It closes when the time that the platform has reached, less
the allowed lateness, passes its end. Each node has a time of its own, robust against single wrong ones
(`stream_app.core.watermark`); a scrape counts once there, however many samples it has. The platform's is the median of those
of the nodes that were heard lately, the upper one of two, so that nodes whose clocks are wrong neither close the windows of
the others nor hold them up, and neither do nodes that are gone where others have taken their place. What is of no node, such as
queries, has a say where there are no nodes.

A gauge gives the mean of its samples. A counter gives a rate: what it rose by between two samples counts in the window of the
later one, and so does the time between them. A fall to half or less is a reset, and what is there since then counts; a smaller
fall is a counter that jumped back, and the two samples give nothing. So do samples further apart than `stale` seconds. A
histogram's or summary's sum, with its count, gives the mean of what was observed in the window.

Samples of a series are taken in the order of their times: one that is not later than the newest is refused.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.platform.stored import expect, finite, stored_count, stored_records
from stream_app.core.platform.window_steps import (
    CELL,
    CLOCK,
    COUNTER,
    FUTURE,
    GAUGE,
    NO_SERIES,
    NODE,
    OLDER,
    REPEATED,
    SERIES,
    SUM,
    take_rows,
)
from stream_app.core.versions import expect_version
from stream_app.core.watermark import ON_TIME, fresh_watermark

__all__ = [
    "COUNTER",
    "FUTURE",
    "GAUGE",
    "NO_SERIES",
    "OLDER",
    "REPEATED",
    "SUM",
    "Rows",
    "Windows",
]

_VERSION = 1

_WHAT = "windows"
_LATEST = 1e11
"""No time of an event is as late."""
_STALE_SECONDS = 300.0
"""As Prometheus has it: a series without samples for longer begins anew."""

_FRESH_NODE = np.zeros((), NODE)
_FRESH_NODE["watermark"] = fresh_watermark()
_FRESH_NODE["ts"] = math.nan
_FRESH_NODE["heard"] = -1
_FRESH = np.array((-math.inf, 0.0, GAUGE, -1, 0.0), SERIES)


class Rows(NamedTuple):
    """Rows of one platform in the order of their offsets, as columns of shape (n,).

    Parameters
    ----------
    series : array of int
        Slot of the series of a sample; `NO_SERIES` where it is none.
    node : array of int
        Number of the node, from 0; -1 for what is of none, such as queries.
    ts, record_ts : array
        Times of the rows and of their records, in epoch seconds.
    value : array
        Values of the samples.
    code : array of int
        What becomes of each. Rows that are not `ON_TIME` when they are given are left out.
    window : array of int
        Gets the number of the window of each row that counts.
    newest : array
        Gets the time that the platform had reached before each row.
    """

    series: IntArray
    node: IntArray
    ts: FloatArray
    record_ts: FloatArray
    value: FloatArray
    code: IntArray
    window: IntArray
    newest: FloatArray

    @classmethod
    def of(
        cls, series: Any, node: Any, ts: Any, record_ts: Any, value: Any, code: Any | None = None
    ) -> "Rows":
        """Make rows of sequences; all are on time unless codes say otherwise."""
        n = len(ts)
        return cls(
            np.asarray(series, dtype=np.int64),
            np.asarray(node, dtype=np.int64),
            np.asarray(ts, dtype=np.float64),
            np.asarray(record_ts, dtype=np.float64),
            np.asarray(value, dtype=np.float64),
            np.full(n, ON_TIME, dtype=np.int64) if code is None else np.asarray(code, dtype=np.int64),
            np.full(n, -1, dtype=np.int64),
            np.zeros(n),
        )


class Windows:
    """The open windows of one platform.

    Parameters
    ----------
    width : float
        Seconds of a window.
    lateness : float
        Seconds that a row may be older than the newest.
    absence : float
        Seconds without rows after which the platform counts as returned.

    Notes
    -----
    About 0.05 µs a sample, and 16 bytes a series and open window.

    Examples
    --------
    A counter that rises by 2 a second and is reset in between, in windows of a minute.

    >>> windows = Windows(60.0, lateness=0.0)
    >>> windows.add_node(0)
    >>> requests = windows.add(COUNTER)
    >>> ts = [0.0, 20.0, 40.0, 60.0, 80.0]
    >>> rows = Rows.of([requests] * 5, [0] * 5, ts, ts, [100.0, 140.0, 10.0, 50.0, 90.0])
    >>> windows.take(rows)
    3
    >>> windows.due, windows.close()
    (True, array([1.25]))
    """

    def __init__(self, width: float, lateness: float = 30.0, absence: float = math.inf) -> None:
        self.width = width
        self._lateness = lateness
        self._absence = absence
        # One node may be ahead of the others by a scrape.
        self._open = math.ceil((lateness + _stale(width)) / width) + 2
        self._clocks = np.zeros(1, CLOCK)
        self._clock["newest"] = -math.inf
        self._clock["first"] = -1
        self._nodes = np.full(8, _FRESH_NODE)
        self._series = np.full(16, _FRESH)
        self._cells = np.zeros((self._open, 16), CELL)
        self._count = 0

    @property
    def _clock(self) -> Any:
        return self._clocks[0]

    def __len__(self) -> int:
        """Return how many series there are."""
        return self._count

    @property
    def newest(self) -> float:
        """The time that the platform has reached, in epoch seconds; -inf before the first row."""
        return float(self._clock["newest"])

    @property
    def first(self) -> int:
        """Number of the first window that is open."""
        return int(self._clock["first"])

    @property
    def end(self) -> float:
        """End of the first window that is open, in epoch seconds."""
        return (self.first + 1) * self.width

    @property
    def open_at_once(self) -> int:
        """Most windows that are open at a time."""
        return self._open

    @property
    def due(self) -> bool:
        """Whether the first open window is to be closed."""
        return self.first >= 0 and self.newest - self._lateness >= self.end

    @property
    def last_seen(self) -> FloatArray:
        """Time of the newest sample of each series, or when it came up."""
        series = self._series[: self._count]
        newest: FloatArray = np.maximum(series["newest"], series["since"])
        return newest

    def add(self, kind: int = GAUGE) -> int:
        """Add a series, and return its slot."""
        slot = self._count
        if slot == len(self._series):
            room = 2 * slot
            self._series = np.concatenate([self._series, np.full(slot, _FRESH)])
            cells = np.zeros((self._open, room), CELL)
            cells[:, :slot] = self._cells
            self._cells = cells
        self._count += 1
        self.reset(slot, kind)
        return slot

    def reset(self, slot: int, kind: int = GAUGE) -> None:
        """Let another series have a slot."""
        if self._series["newest"][slot] > -math.inf:
            self._series["count"][self._series["count"] == slot] = -1
        self._series[slot] = _FRESH
        self._series["kind"][slot] = kind
        self._series["since"][slot] = max(self.newest, 0.0)
        self._cells[:, slot] = np.zeros((), CELL)

    def add_node(self, node: int) -> None:
        """Let a node have a number."""
        if node + 1 >= len(self._nodes):
            self._nodes = np.concatenate([self._nodes, np.full(len(self._nodes) + node, _FRESH_NODE)])
        self._nodes[node + 1] = _FRESH_NODE

    def pair(self, total: int, count: int) -> None:
        """Say which series counts what another one is the sum of."""
        self._series["count"][total] = count

    def take(self, rows: Rows, begin: int = 0) -> int:
        """Take rows from one on, up to one before which a window is to be closed, the clock was set back or the platform was away.

        Returns
        -------
        int
            Where it stopped; as many as there are rows at the end. If its code is `RETURNED`, the platform was away; else
            go on with it, when windows that are due are closed.
        """
        return int(
            take_rows(
                self._clocks, self._nodes, self._series, self._cells, self.width, self._lateness, self._absence,
                _stale(self.width), *rows, begin,
            )
        )  # fmt: skip

    def seen(self) -> IntArray:
        """Return how many samples each series has in the first open window, shape (series,)."""
        cells = self._cells[self.first % self._open]
        seen: IntArray = cells["seen"][: self._count].copy()
        return seen

    def close(self) -> FloatArray:
        """Close the first open window, and return the value of each series in it; NaN where it has none."""
        cells = self._cells[self.first % self._open]
        sums, series = cells["sum"][: self._count], self._series[: self._count]
        weights = cells["weight"][: self._count].copy()
        (pairs,) = np.nonzero(series["kind"] == SUM)
        counts = series["count"][pairs]
        weights[pairs] = np.where((counts >= 0) & (weights[pairs] > 0.0), sums[counts], 0.0)
        values = np.full(self._count, np.nan)
        with np.errstate(all="ignore"):
            np.divide(sums, weights, out=values, where=weights > 0.0)
        values[~np.isfinite(values)] = np.nan
        cells[:] = np.zeros((), CELL)
        self._clock["first"] += 1
        return values

    @property
    def empty(self) -> bool:
        """Whether no open window has a sample."""
        return not self._cells["seen"].any()

    def skip(self, *, all_due: bool) -> None:
        """Pass over the first open window, which is due and empty, or over all that are due."""
        last = int((self.newest - self._lateness) // self.width)
        self._clock["first"] = last if all_due else self.first + 1

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        cells = self._cells[:, : self._count]
        filled = np.flatnonzero(cells["seen"].any(axis=1))
        return {
            "version": _VERSION,
            "width": self.width,
            "clock": _bytes(self._clocks),
            "nodes": _bytes(self._nodes),
            "series": _bytes(self._series[: self._count]),
            "open": self._open,
            "filled": filled.tolist(),
            "cells": _bytes(cells[filled]),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`, all but what is open where the windows have another width or lateness.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the windows")
        series = stored_records(state["series"], SERIES, _WHAT)
        clock = stored_records(state["clock"], CLOCK, _WHAT)
        nodes = stored_records(state["nodes"], NODE, _WHAT)
        n = len(series)
        counts, kinds = series["count"], series["kind"]
        expect(len(clock) == 1 and len(nodes) > 0, _WHAT)
        expect(((counts >= -1) & (counts < n) & (kinds >= GAUGE) & (kinds <= SUM)).all(), _WHAT)
        expect(_dated(clock["newest"], series["newest"], nodes["watermark"]["newest"]), _WHAT)
        expect(finite(series["since"]), _WHAT)
        self._series = np.concatenate([series, np.full(max(16, n), _FRESH)])
        self._cells = np.zeros((self._open, len(self._series)), CELL)
        self._count = n
        self._clocks, self._nodes = clock, nodes
        due = max(0, int((self.newest - self._lateness) // self.width)) if self.newest >= 0.0 else -1
        cells = stored_records(state["cells"], CELL, _WHAT)
        filled = [stored_count(place, _WHAT) for place in state["filled"]]
        expect(len(cells) == len(filled) * n, _WHAT)
        if float(state["width"]) == self.width and state["open"] == self._open:
            expect(all(place < self._open for place in filled), _WHAT)
            expect(-1 <= self.first <= due + self._open and (self.first >= 0 or due < 0), _WHAT)
            self._cells[filled, :n] = cells.reshape(len(filled), n)
        elif self.first >= 0:
            self._clock["first"] = due

    @property
    def most_nodes(self) -> int:
        """Numbers of nodes for which there is room."""
        return len(self._nodes) - 1


def _dated(*times: FloatArray) -> bool:
    """Whether all are times, or -inf where there was none."""
    return all(bool(((each == -math.inf) | ((each >= 0.0) & (each < _LATEST))).all()) for each in times)


def _bytes(array: npt.NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _stale(width: float) -> float:
    return max(_STALE_SECONDS, 3.0 * width)
