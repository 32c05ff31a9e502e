"""The watermark of a source: the event time it has reached, robust against single events with a wrong time.

An event that is more than the allowed lateness older than the watermark is late. If the watermark followed each event,
one with a wrong time would make every honest one after it late, so a step of the clock is believed when

- the time of the records moved as much as the time of the events: the source was silent; or
- `AGREEING` events in a row agree about it.

A step is what exceeds both the lateness and `_SPACINGS` times the usual spacing of the events: a source that sends once
a day does not step. A clock that was never agreed on by as many events, and one that stepped ahead while the records'
time did not, can step back the same way: to the difference between the two that was usual before. Otherwise time does
not go back.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.kernel import kernel

__all__ = [
    "AGREEING",
    "AHEAD",
    "LATE",
    "ON_TIME",
    "RETURNED",
    "WATERMARK",
    "fresh_watermark",
    "watermark_step",
]

AGREEING = 8
"""Events in a row that make a step of the clock believed: more than a device sends by mistake, few to lose."""

_SPACINGS = 16.0
_MEMORY = 8.0
"""Events over which the spacing is averaged."""

ON_TIME, AHEAD, LATE, RETURNED = range(4)
"""What an event is: on time, ahead of the clock alone, late, or the first after an absence."""

WATERMARK = np.dtype(
    [
        ("newest", np.float64),  # the watermark; -inf before the first event
        ("record_ts", np.float64),  # time of the record by which it got there
        ("spacing", np.float64),  # usual seconds between events
        (
            "offset",
            np.float64,
        ),  # of event time to record time before the last step that they disagreed on; NaN if none
        ("other", np.float64),  # where events that do not fit the clock say that it is
        ("supporting", np.int64),  # events that fitted the clock since it was set, up to `AGREEING`
        ("dissenting", np.int64),  # events in a row that agree about another one
    ],
    align=True,
)
"""The clock of a source."""


def fresh_watermark() -> npt.NDArray[Any]:
    """Return the record of a source without events, shape ()."""
    fresh = np.zeros((), WATERMARK)
    fresh["newest"] = fresh["other"] = -np.inf
    fresh["offset"] = np.nan
    return fresh


@kernel
def watermark_step(clock: Any, lateness: float, absence: float, ts: float, record_ts: float) -> int:
    """Take the time of an event.

    Parameters
    ----------
    clock : record of WATERMARK
        Of its source.
    lateness : float
        Seconds that an event may be older than the watermark.
    absence : float
        Seconds without events after which a source counts as returned.
    ts, record_ts : float
        Times of the event and of its record, in epoch seconds; infinite where the record has none.

    Returns
    -------
    int
        `ON_TIME`, `AHEAD`, `LATE`, or `RETURNED`, which leaves the watermark where it was.
    """
    if clock["newest"] == -np.inf:
        _set(clock, ts, record_ts)
        return ON_TIME
    step = ts - clock["newest"]
    tolerance = max(lateness, _SPACINGS * clock["spacing"])
    if step < -lateness:
        return ON_TIME if _steps_back(clock, lateness, tolerance, ts, record_ts) else LATE
    silent = record_ts < np.inf and step <= record_ts - clock["record_ts"] + lateness
    ahead = step > tolerance and not silent
    if ahead and clock["supporting"] >= AGREEING and not _agreed(clock, ts, tolerance):
        return AHEAD
    if step > absence:
        return RETURNED
    if ahead:
        _step_ahead(clock, ts, record_ts)
    else:
        _go_on(clock, max(step, 0.0), ts, record_ts)
    return ON_TIME


@kernel
def _set(clock: Any, ts: float, record_ts: float) -> None:
    """Set the clock by an event."""
    clock["newest"] = ts
    clock["record_ts"] = record_ts
    clock["supporting"] = 1
    clock["dissenting"] = 0


@kernel
def _step_ahead(clock: Any, ts: float, record_ts: float) -> None:
    """Set the clock by an event that it was not at, and that the records' time does not explain."""
    established, offset = clock["supporting"] >= AGREEING, clock["newest"] - clock["record_ts"]
    _set(clock, ts, record_ts)
    if established:
        clock["supporting"] = AGREEING
        clock["offset"] = offset


@kernel
def _steps_back(clock: Any, lateness: float, tolerance: float, ts: float, record_ts: float) -> bool:
    """Take an event that is too old for the clock; return whether that is what was wrong, and it is set by the event now."""
    usual = abs(ts - record_ts - clock["offset"]) <= lateness
    if clock["supporting"] >= AGREEING and not usual:
        return False
    if not _agreed(clock, ts, tolerance):
        return False
    _set(clock, ts, record_ts)
    clock["supporting"] = AGREEING
    clock["offset"] = np.nan
    return True


@kernel
def _go_on(clock: Any, gap: float, ts: float, record_ts: float) -> None:
    """Take an event that fits the clock, so many seconds after the newest before."""
    if ts >= clock["newest"]:
        clock["newest"] = ts
        clock["record_ts"] = record_ts
    if clock["spacing"] > 0.0:
        # One long silence does not make the next step usual.
        usual = min(gap, _SPACINGS * clock["spacing"])
        clock["spacing"] += (usual - clock["spacing"]) / _MEMORY
    else:
        clock["spacing"] = gap
    clock["supporting"] = min(clock["supporting"] + 1, AGREEING)
    clock["dissenting"] = 0


@kernel
def _agreed(clock: Any, ts: float, tolerance: float) -> bool:
    """Take an event that does not fit the clock; return whether enough in a row agree about another one."""
    if clock["dissenting"] > 0 and abs(ts - clock["other"]) <= tolerance:
        clock["dissenting"] += 1
    else:
        clock["dissenting"] = 1
    clock["other"] = ts
    return bool(clock["dissenting"] >= AGREEING)
