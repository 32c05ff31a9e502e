"""Signals of channel conditions: one each, or one for an absence of most channels together."""

import math
from typing import Any

import numpy.typing as npt

from stream_app.core.kernel import Counter, emit, kernel
from stream_app.core.quality.channels import JOINED, begin_run, end_absence
from stream_app.core.quality.records import (
    BEGINS,
    ENDS,
    GONE,
    MISSING,
    NEW,
    ON_GONE,
    ON_MISSING,
    ON_RANGE,
    ON_STUCK,
    RANGE,
    STUCK,
    WHOLE,
)

__all__ = ["tell_absences", "tell_changes"]

_BLAMED = 3
_LARGEST = 1e308


@kernel
def tell_changes(
    c: Any,
    options: Any,
    low: float,
    high: float,
    ts: float,
    x: float,
    row: int,
    j: int,
    changed: int,
    signals: npt.NDArray[Any],
    count: Counter,
) -> None:
    """Tell what `channel_step` found, but for absences that begin: `tell_absences` tells them.

    Parameters
    ----------
    c : record of QUALITY_CHANNEL
    options : record of QUALITY_OPTIONS
    low, high, ts, x : float
        As in `channel_step`.
    row, j : int
        Of the event and of the channel, for signals.
    changed : int
        The result of `channel_step`; `JOINED` where that is news.
    signals, count
        Take signals.
    """
    ended = changed & (255 - c["on"])
    if changed & JOINED:
        emit(signals, count, row, NEW, j, BEGINS, 1.0, 1.0)
        emit(signals, count, row, NEW, j, ENDS, 1.0, 1.0)
    if changed & ON_RANGE:
        hits = 0.0 if ended & ON_RANGE else float(options["confirm"])
        found = emit(signals, count, row, RANGE, j, hits == 0.0, hits, float(options["confirm"]))
        figures = found["figures"]
        figures[0] = x if math.isfinite(x) else math.nan
        figures[1] = low if math.isfinite(low) else math.nan
        figures[2] = high if math.isfinite(high) else math.nan
    if changed & ON_STUCK:
        length, limit = float(c["length"]), float(c["stuck_limit"])
        found = emit(signals, count, row, STUCK, j, ended & ON_STUCK != 0, length, limit)
        found["figures"][0] = c["anchor"]
        found["figures"][1] = min(float(ts) - float(c["since"]), _LARGEST)
        if ended & ON_STUCK:
            begin_run(c, options, ts, x)
    if ended & ON_MISSING and c["told"] & ON_MISSING:
        _tell_missing(c, options, row, j, ENDS, signals, count)
    if ended & ON_GONE:
        if c["told"] & ON_GONE:
            emit(signals, count, row, GONE, j, ENDS, float(c["absent"]), float(c["gone_limit"]))
        end_absence(c, options)
    c["told"] &= 255 - ended


@kernel
def _tell_missing(
    c: Any,
    options: Any,
    row: int,
    j: int,
    ended: bool,  # noqa: FBT001 a kernel takes no keywords
    signals: npt.NDArray[Any],
    count: Counter,
) -> None:
    hits = float(c["missing_count"])
    found = emit(signals, count, row, MISSING, j, ended, hits, float(c["missing_begin"]))
    found["figures"][0] = options["missing_window"]


@kernel
def tell_absences(
    s: Any, channels: npt.NDArray[Any], options: Any, row: int, signals: npt.NDArray[Any], count: Counter
) -> None:
    """Tell absences that began and were not told yet.

    Where more than half of the channels (and at least two) are half way to an alarm when one begins, the whole source
    is told, once. It ends when none is any more, or fewer than a quarter were for a whole window; what is left then is
    told for its channel.

    Parameters
    ----------
    s : record of QUALITY_SOURCE
    channels : array of QUALITY_CHANNEL, shape (d,)
    options : record of QUALITY_OPTIONS
    row : int
        Of the event, for signals.
    signals, count
        Take signals.
    """
    joined, lacking = 0, 0
    for j in range(len(channels)):
        if channels[j]["rows"] > 0:
            joined += 1
            if _lacks(channels[j]):
                lacking += 1
    before, outage = s["outage"] != 0, lacking >= 2 and 2 * lacking > joined
    if before:
        # Channels come back one after the other, and the last of them are no news.
        s["outage"] = s["outage"] + 1 if 4 * lacking < joined else 1
        outage = lacking > 0 and s["outage"] <= options["missing_window"]
    if outage != before:
        s["outage"] = 1 if outage else 0
        _tell_outage(channels, row, before, lacking, joined, signals, count)
    if not outage:
        _tell_channels(channels, options, row, signals, count)


@kernel
def _tell_channels(
    channels: npt.NDArray[Any], options: Any, row: int, signals: npt.NDArray[Any], count: Counter
) -> None:
    """Tell absences that hold and were not told yet, each for its channel."""
    for j in range(len(channels)):
        c = channels[j]
        untold = c["on"] & (255 - c["told"])
        if untold & ON_MISSING:
            _tell_missing(c, options, row, j, BEGINS, signals, count)
        if untold & ON_GONE:
            emit(signals, count, row, GONE, j, BEGINS, float(c["absent"]), float(c["gone_limit"]))
        c["told"] |= untold & (ON_MISSING | ON_GONE)


@kernel
def _lacks(c: Any) -> bool:
    """Whether a channel is at least half way to an alarm of missing values, or to have disappeared."""
    missing = c["missing_begin"] > 0 and 2 * c["missing_count"] >= c["missing_begin"]
    return bool(missing or (c["absent"] > 0 and 2 * c["absent"] >= c["gone_limit"]))


@kernel
def _tell_outage(
    channels: npt.NDArray[Any],
    row: int,
    ended: bool,  # noqa: FBT001
    lacking: int,
    joined: int,
    signals: npt.NDArray[Any],
    count: Counter,
) -> None:
    found = emit(signals, count, row, MISSING, WHOLE, ended, float(lacking), joined / 2.0)
    found["figures"][0] = joined
    total = 0.0
    for j in range(len(channels)):
        total += float(channels[j]["missing_count"])
    blamed = found["blamed"]
    for place in range(_BLAMED):
        most = -1
        for j in range(len(channels)):
            c = channels[j]
            if j == blamed[0] or j == blamed[1] or not _lacks(c):
                continue
            if most < 0 or c["missing_count"] > channels[most]["missing_count"]:
                most = j
        if most >= 0:
            blamed[place] = most
            found["share"][place] = float(channels[most]["missing_count"]) / max(total, 1.0)
