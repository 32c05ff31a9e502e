"""Arrival rate of a source: silence and bursts, in event time."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.kernel import Counter, emit, kernel
from stream_app.core.quality.habits import count_alarm, distance, habit, remember
from stream_app.core.quality.records import BEGINS, BURST, ENDS, GAP_BINS, GAP_FIRST, MARKS, SILENCE, WHOLE

__all__ = ["advance", "arrivals_step", "ends_silence", "refresh_arrivals", "tell_burst", "tell_silence"]

_SILENCE_MEDIANS = 20.0
_SILENCE_LONGEST = 3.0
_LONGEST_GAP = 1e15
_SHORTEST_SPAN = 1e-6
_LOWEST_RATE = 1e-15
_MOST_GAPS = 2048
_LOOK = 32


@kernel
def arrivals_step(s: Any, options: Any, ts: float) -> bool:
    """Take the time of one event; return whether a burst begins or ends with it.

    Gaps are taken between successive maxima of event time, so a row out of order neither makes nor ends one.

    Parameters
    ----------
    s : record of QUALITY_SOURCE
    options : record of QUALITY_OPTIONS
    ts : float
        Epoch seconds, finite.
    """
    changed = False
    if s["events"] == 0:
        s["first"] = ts
        s["newest"] = ts
        s["times"][0] = ts
        if options["silence"] > 0.0:
            s["silence"] = options["silence"]
    elif ts >= s["newest"]:
        gap = min(float(ts) - float(s["newest"]), _LONGEST_GAP)
        s["newest"] = ts
        if gap > 0.0:
            _take_gap(s, options, gap)
        s["counted"] += 1
        stride = options["burst_window"] // MARKS
        if s["counted"] % stride == 0:
            changed = _take_mark(s, options, s["counted"] // stride)
    s["events"] += 1
    if s["events"] % _LOOK == 0 or s["events"] == options["learn"]:
        if s["events"] == options["learn"]:
            s["gaps"][1] = s["gaps"][0]
            s["rates"][1] = s["rates"][0]
        s["period"] = _median_gap(s["gap_counts"], s["gap_sums"])
        refresh_arrivals(s, options)
    return changed


@kernel
def _take_gap(s: Any, options: Any, gap: float) -> None:
    part = min(max(math.frexp(gap)[1] - GAP_FIRST, 0), GAP_BINS - 1)
    s["gap_counts"][part] += 1
    s["gap_sums"][part] = float(s["gap_sums"][part]) + gap
    if s["gap_counts"][part] >= _MOST_GAPS:
        # Halved, so that the newest few thousand gaps have the say.
        for k in range(GAP_BINS):
            gaps = int(s["gap_counts"][k])
            if gaps > 0:
                s["gap_sums"][k] = float(s["gap_sums"][k]) * (gaps // 2) / gaps
            s["gap_counts"][k] = gaps // 2
    if remember(s["gaps"], gap):
        refresh_arrivals(s, options)


@kernel
def _take_mark(s: Any, options: Any, mark: int) -> bool:
    """Judge the time that a window of events took, at every tenth part of one."""
    place = mark % MARKS
    begun, newest = float(s["times"][place]), float(s["newest"])
    s["times"][place] = newest
    if mark < MARKS:
        return False
    span = min(newest - begun, _LONGEST_GAP)
    rate = options["burst_window"] / max(span, _SHORTEST_SPAN)
    if s["bursting"]:
        s["peak"] = max(float(s["peak"]), rate)
        if span > 2.0 * s["burst"]:
            s["bursting"] = 0
            return True
    elif span < s["burst"]:
        s["bursting"] = 1
        s["burst_alarms"] = count_alarm(s["burst_alarms"])
        s["peak"] = rate
        return True
    elif remember(s["rates"], rate):
        refresh_arrivals(s, options)
    return False


@kernel
def _median_gap(counts: npt.NDArray[np.uint16], sums: npt.NDArray[np.float32]) -> float:
    """Return the mean of the bin that holds the median: exact where events come evenly."""
    total = 0
    for k in range(GAP_BINS):
        total += int(counts[k])
    below = 0
    for k in range(GAP_BINS):
        below += int(counts[k])
        if counts[k] > 0 and 2 * below >= total:
            return float(sums[k]) / int(counts[k])
    return math.nan


@kernel
def refresh_arrivals(s: Any, options: Any) -> None:
    """Set what is too long without an event, and too fast."""
    if s["events"] < options["learn"] or not s["period"] > 0.0:
        return
    period = float(s["period"])
    if not options["silence"] > 0.0:
        longest = distance(s["silence_alarms"]) * habit(s["gaps"])
        s["silence"] = max(_SILENCE_MEDIANS * period, _SILENCE_LONGEST * longest)
    window = options["burst_window"]
    fastest = max(distance(s["burst_alarms"]) * habit(s["rates"]), _LOWEST_RATE)
    s["burst"] = min(window * period / options["burst_factor"], window / fastest / 2.0)


@kernel
def ends_silence(s: Any, ts: float) -> bool:
    """Whether the event at `ts` ends a silence, that was told before or is shown by it."""
    gap = float(ts) - float(s["newest"])
    return s["events"] > 0 and gap > 0.0 and (s["silent"] != 0 or 0.0 < s["silence"] < gap)


@kernel
def tell_silence(s: Any, ts: float, row: int, signals: npt.NDArray[Any], count: Counter) -> None:
    """Tell a silence that the event at `ts` ends, before that is taken."""
    gap = min(float(ts) - float(s["newest"]), _LONGEST_GAP)
    if not s["silent"]:
        _tell_silence(s, row, BEGINS, gap, signals, count)
    s["silent"] = 0
    _tell_silence(s, row, ENDS, gap, signals, count)


@kernel
def _tell_silence(
    s: Any,
    row: int,
    ended: bool,  # noqa: FBT001 a kernel takes no keywords
    gap: float,
    signals: npt.NDArray[Any],
    count: Counter,
) -> None:
    found = emit(signals, count, row, SILENCE, WHOLE, ended, gap, float(s["silence"]))
    found["figures"][0] = s["period"]
    if not ended:
        s["silence_alarms"] = count_alarm(s["silence_alarms"])
        found["figures"][1] = float(s["newest"]) + float(s["silence"])


@kernel
def tell_burst(s: Any, options: Any, row: int, signals: npt.NDArray[Any], count: Counter) -> None:
    """Tell that a burst has begun or ended: its highest rate, in events a second."""
    window, peak, ended = options["burst_window"], float(s["peak"]), not s["bursting"]
    found = emit(
        signals, count, row, BURST, WHOLE, ended, peak, window / max(float(s["burst"]), _SHORTEST_SPAN)
    )
    found["figures"][0] = 1.0 / float(s["period"])
    if ended:
        remember(s["rates"], peak)
        refresh_arrivals(s, options)


def advance(s: Any, ts: float, signals: npt.NDArray[Any], count: Counter) -> None:
    """Say that event time has come to `ts` without an event of this source: a silence may begin.

    Its signal has row -1. The next event ends it.

    Parameters
    ----------
    s : record of QUALITY_SOURCE
    ts : float
        The watermark, epoch seconds.
    signals, count
        Take the signal.
    """
    gap = min(float(ts) - float(s["newest"]), _LONGEST_GAP)
    if s["events"] and not s["silent"] and 0.0 < s["silence"] < gap:
        _tell_silence(s, -1, BEGINS, gap, signals, count)
        s["silent"] = 1
