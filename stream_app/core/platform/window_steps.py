"""The steps of windows: the time of a platform, and where a sample counts; see `stream_app.core.platform.windows`."""

from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.kernel import kernel
from stream_app.core.watermark import AHEAD, LATE, ON_TIME, RETURNED, WATERMARK, watermark_step

__all__ = [
    "CELL",
    "CLOCK",
    "COUNTER",
    "FUTURE",
    "GAUGE",
    "NODE",
    "NO_SERIES",
    "OLDER",
    "REPEATED",
    "SERIES",
    "SUM",
    "take_rows",
]

GAUGE, COUNTER, SUM = range(3)
"""What the samples of a series are; a sum is a counter whose output is its rise divided by that of its count."""

NO_SERIES = -1
"""Series of a row that is no sample and counts for the time alone, such as the completion of a query."""

FUTURE, REPEATED, OLDER = RETURNED + 1, RETURNED + 2, RETURNED + 3
"""What becomes of a row, beside the watermark's: too far ahead of its record's time, at the time of the series' newest sample, before it."""

_ONE_SCRAPE = 1.0
"""Seconds within which the samples of a node are of one scrape, which is judged once where its time is odd."""

_RESET = 0.5
"""A counter that falls to this share of its value, or below, was reset."""

_HEARD_ROUNDS = 2
"""A node that all others were heard so often without, on average, has no say in the platform's time."""

CLOCK = np.dtype(
    [
        ("newest", np.float64),  # the time that the platform has reached; -inf before the first row
        ("scrapes", np.int64),  # of all nodes
        ("unheeded", np.int64),  # since the time was looked at
        ("first", np.int64),  # number of the first window that is open; -1 before the first row
    ],
    align=True,
)
NODE = np.dtype(
    [
        ("watermark", WATERMARK),
        ("ts", np.float64),  # of the row before, and what became of it
        ("code", np.int64),
        ("heard", np.int64),  # which of the platform's scrapes was the last of this node
        ("gap", np.float64),  # seconds between its last two scrapes; 0 before there were two
        ("usual", np.float64),  # the shorter one of the last two of these: a single wrong time makes none
    ],
    align=True,
)
SERIES = np.dtype(
    [
        ("newest", np.float64),  # time of the newest sample; -inf before the first
        ("value", np.float64),
        ("kind", np.int64),
        ("count", np.int64),  # of a sum, the series of its count; -1 where there is none
        ("since", np.float64),  # when it came up
    ],
    align=True,
)
CELL = np.dtype([("sum", np.float64), ("weight", np.float64), ("seen", np.int64)], align=True)
"""Of a series in an open window: sum of values or rises, number of values or seconds, samples."""


@kernel
def take_rows(
    clocks: Any,
    nodes: Any,
    series: Any,
    cells: Any,
    width: float,
    lateness: float,
    absence: float,
    stale: float,
    slots: IntArray,
    numbers: IntArray,
    ts: FloatArray,
    record_ts: FloatArray,
    values: FloatArray,
    codes: IntArray,
    windows: IntArray,
    newest: FloatArray,
    begin: int,
) -> int:
    """Take rows; see `Windows.take` and `Rows`."""
    clock = clocks[0]
    for i in range(begin, len(ts)):
        newest[i] = clock["newest"]
        if codes[i] != ON_TIME:
            continue
        before, scrapes = clock["newest"], clock["scrapes"]
        code = _judge(clock, nodes, lateness, numbers[i] + 1, ts[i], record_ts[i])
        # Another sample of a scrape that was judged tells nothing of the time.
        time = _time(clock, nodes) if clock["scrapes"] != scrapes else before
        if time - before > absence and before > -np.inf:
            codes[i] = RETURNED
            return i
        first = max(0, int(np.floor((time - lateness) / width)))
        if clock["first"] < 0:
            clock["first"] = first
        if time < before - lateness - width:
            # The clocks were wrong, and are set back: so is all that they dated.
            clock["newest"] = time
            _begin_again(clock, series, cells, time, first)
            return i
        clock["newest"] = max(time, before)
        if clock["newest"] - lateness >= (clock["first"] + 1) * width:
            return i
        index = int(np.floor(ts[i] / width))
        if code != AHEAD or ts[i] <= time + lateness:
            # What is ahead of its own clock alone is on time where the platform's agrees: after a silent hour, a query.
            ahead = ts[i] - time - lateness - 2.0 * max(width, nodes[numbers[i] + 1]["usual"])
            code = _place(index, clock["first"], cells.shape[0], ahead)
        if code == ON_TIME and slots[i] >= 0:
            code = _add(series[slots[i]], cells[index % cells.shape[0], slots[i]], stale, ts[i], values[i])
        if code == ON_TIME:
            windows[i] = index
        codes[i] = code
    return len(ts)


@kernel
def _place(index: int, first: int, opened: int, ahead: float) -> int:
    """Say whether a window is open, closed or too far ahead; `ahead` are seconds beyond what may be."""
    if index < first:
        return LATE
    return AHEAD if ahead > 0.0 or index >= first + opened else ON_TIME


@kernel
def _judge(clock: Any, nodes: Any, lateness: float, number: int, ts: float, record_ts: float) -> int:
    """Take the time of a row of a node; samples of one scrape count once."""
    node = nodes[number]
    odd = node["code"] != ON_TIME
    if ts == node["ts"] or (odd and abs(ts - node["ts"]) < _ONE_SCRAPE):
        return int(node["code"])
    gap = ts - node["ts"]
    if gap > _ONE_SCRAPE:  # not of the first, whose time before is NaN
        node["usual"] = min(gap, node["gap"]) if node["gap"] > 0.0 else gap
        node["gap"] = gap
    node["ts"] = ts
    node["code"] = watermark_step(node["watermark"], lateness, np.inf, ts, record_ts)
    clock["scrapes"] += 1
    clock["unheeded"] += 1
    node["heard"] = clock["scrapes"]
    return int(node["code"])


@kernel
def _time(clock: Any, nodes: Any) -> float:
    """Return the upper median of the times of the nodes that were heard lately; it is looked at after a part of them was."""
    known = _heard(nodes, -1)
    if clock["unheeded"] == 0 or _HEARD_ROUNDS * clock["unheeded"] < known:
        return float(clock["newest"])
    clock["unheeded"] = 0
    oldest = clock["scrapes"] - _HEARD_ROUNDS * (known + 1)
    rank = _heard(nodes, oldest) // 2
    for j in range(1, len(nodes)):
        if nodes[j]["heard"] > oldest and nodes[j]["heard"] >= 0:
            mine = nodes[j]["watermark"]["newest"]
            before, equal = _order(nodes, oldest, mine)
            if before <= rank < before + equal:
                return float(mine)
    return float(nodes[0]["watermark"]["newest"])


@kernel
def _heard(nodes: Any, oldest: int) -> int:
    """Count the nodes that were heard after a scrape."""
    count = 0
    for j in range(1, len(nodes)):
        count += nodes[j]["heard"] > oldest and nodes[j]["heard"] >= 0
    return count


@kernel
def _order(nodes: Any, oldest: int, time: float) -> tuple[int, int]:
    """Count the nodes whose time is before another, and those that are at it."""
    before, equal = 0, 0
    for j in range(1, len(nodes)):
        if nodes[j]["heard"] > oldest and nodes[j]["heard"] >= 0:
            before += nodes[j]["watermark"]["newest"] < time
            equal += nodes[j]["watermark"]["newest"] == time
    return before, equal


@kernel
def _begin_again(clock: Any, series: Any, cells: Any, ts: float, first: int) -> None:
    """Forget the times of all samples, and what is open."""
    clock["first"] = max(0, first)
    for j in range(len(series)):
        series[j]["newest"] = -np.inf
        series[j]["since"] = ts
        for k in range(cells.shape[0]):
            cells[k, j]["sum"] = 0.0
            cells[k, j]["weight"] = 0.0
            cells[k, j]["seen"] = 0


@kernel
def _add(one: Any, cell: Any, stale: float, ts: float, value: float) -> int:
    """Add a sample to its window, or say why it does not count."""
    if ts == one["newest"]:
        return REPEATED
    if ts < one["newest"]:
        return OLDER
    if np.isnan(value):
        # What is gone is marked so: a counter begins anew after it.
        one["newest"] = ts
        one["value"] = value
        return ON_TIME
    cell["seen"] += 1
    if one["kind"] == GAUGE:
        cell["sum"] += value
        cell["weight"] += 1.0
    elif ts - one["newest"] <= stale:
        rise = value - one["value"]
        if rise < 0.0 and value >= 0.0 and value <= _RESET * one["value"]:
            rise = value
        if rise >= 0.0:
            cell["sum"] += rise
            cell["weight"] += ts - one["newest"]
    one["newest"] = ts
    one["value"] = value
    return ON_TIME
