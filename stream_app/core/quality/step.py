"""All quality checks of one event."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from stream_app.core.kernel import Counter, kernel
from stream_app.core.quality.arrivals import (
    arrivals_step,
    ends_silence,
    tell_burst,
    tell_silence,
)
from stream_app.core.quality.channels import JOINED, channel_step
from stream_app.core.quality.records import ON_GONE, ON_MISSING
from stream_app.core.quality.telling import tell_absences, tell_changes

__all__ = ["quality_step"]

_FIRST = cast(int, np.int64(0))


@kernel
def quality_step(
    source: Any,
    channels: npt.NDArray[Any],
    options: Any,
    limits: npt.NDArray[np.float64],
    ts: float,
    values: npt.NDArray[np.float64],
    row: int,
    signals: npt.NDArray[Any],
    count: Counter,
) -> None:
    """Judge one event.

    Parameters
    ----------
    source : record of QUALITY_SOURCE
    channels : array of QUALITY_CHANNEL, shape (d,)
    options : record of QUALITY_OPTIONS
    limits : array, shape (d, 2)
        Declared limits, inclusive; infinite where there is none.
    ts : float
        Event time, epoch seconds, finite.
    values : array, shape (d,)
        What is not finite is missing.
    row : int
        Of the event, for signals.
    signals, count
        Take at most ``most_signals(d)`` signals.
    """
    known = source["events"] >= options["learn"]
    if ends_silence(source, ts):
        tell_silence(source, ts, row, signals, count)
    if arrivals_step(source, options, ts):
        tell_burst(source, options, row, signals, count)
    absences = source["outage"] != 0
    j = _FIRST
    while True:
        j, changed = _first_change(channels, options, limits, ts, values, j)
        if j == len(values):
            break
        c = channels[j]
        if changed & JOINED and (c["declared"] or not known):
            changed -= JOINED
        tell_changes(c, options, limits[j, 0], limits[j, 1], ts, values[j], row, j, changed, signals, count)
        absences = absences or changed & c["on"] & (ON_MISSING | ON_GONE) != 0
        j += 1
    if absences:
        tell_absences(source, channels, options, row, signals, count)


@kernel
def _first_change(
    channels: npt.NDArray[Any],
    options: Any,
    limits: npt.NDArray[np.float64],
    ts: float,
    values: npt.NDArray[np.float64],
    j: int,
) -> tuple[int, int]:
    """Take the channels from `j` on until one has something to tell; return it and what has changed."""
    # Apart from what tells: where the signals' buffer is in reach, every value costs four times as much.
    while j < len(values):
        changed = channel_step(channels[j], options, limits[j, 0], limits[j, 1], ts, values[j])
        if changed:
            return j, changed
        j += 1
    return j, 0
