"""Quality of one channel's values: limits, missing and stuck values, absences.

A step takes no arrays: what has changed is its result, and told by `telling`, because to hand the signals' buffer to a
function for every value costs more than all checks.
"""

import math
from typing import Any

from stream_app.core.kernel import kernel
from stream_app.core.quality.habits import (
    count_alarm,
    improbable_repeats,
    learn_channel,
    refresh_absences,
    refresh_stuck,
    remember,
)
from stream_app.core.quality.records import NEVER, ON_GONE, ON_MISSING, ON_RANGE, ON_STUCK

__all__ = ["JOINED", "begin_run", "channel_step", "end_absence"]

JOINED = 16
"""Beside the conditions that have changed, in the result of a step: this is the channel's first event."""

_WORD = 60
_WORD_MASK = 2**_WORD - 1
_MOST_COUNTED = 2**32 - 1
_LARGEST = 1e308


@kernel
def channel_step(c: Any, options: Any, low: float, high: float, ts: float, x: float) -> int:
    """Take the value of one event.

    Parameters
    ----------
    c : record of QUALITY_CHANNEL
    options : record of QUALITY_OPTIONS
    low, high : float
        Declared limits, in the channel's unit.
    ts, x : float
        Event time, and value.

    Returns
    -------
    int
        The conditions that have changed, by their bits in ``c["on"]``, and `JOINED`. The run of a channel that is no
        longer stuck, and an absence of one that was gone, are left to be told and ended.
    """
    seen = math.isfinite(x)
    changed = 0
    if c["rows"] == 0:
        if not (seen or c["declared"]):
            return 0
        changed = JOINED
    if c["rows"] < _MOST_COUNTED:
        c["rows"] += 1
    learned = c["missing_begin"] > 0
    if seen:
        if c["absent"] > 0:
            if c["on"] & ON_GONE:
                c["on"] &= 255 - ON_GONE
                changed |= ON_GONE
            else:
                end_absence(c, options)
        changed |= _run(c, options, ts, x)
    else:
        changed |= _absence(c, options)
    outside = seen and (x < low or x > high)
    if outside or c["range_flags"]:
        changed |= _range(c, options, outside)
    if not seen or c["missing_count"] > 0:
        changed |= _missing(c, options, not seen)
    c["block_rows"] += 1
    # The first block has as many values, the later ones as many rows.
    if c["block_rows"] - (0 if learned else c["block_missing"]) >= options["learn"]:
        learn_channel(c, options)
    return changed


@kernel
def _run(c: Any, options: Any, ts: float, x: float) -> int:
    """Follow the run of equal values; missing ones neither prolong nor end it."""
    step = abs(float(x) - float(c["anchor"]))
    if c["length"] == 0:
        begin_run(c, options, ts, x)
        return 0
    if step <= float(c["tolerance"]):
        c["length"] = min(c["length"] + 1, NEVER)
        if c["on"] & ON_STUCK:
            return 0
        c["trials"] += 1
        c["repeats"] += 1
        limit = c["stuck_limit"]
        if 0 < limit <= c["length"] and float(ts) - float(c["since"]) >= options["stuck_seconds"]:
            c["on"] |= ON_STUCK
            c["stuck_alarms"] = count_alarm(c["stuck_alarms"])
            return ON_STUCK
        return 0
    c["trials"] += 1
    if c["missing_begin"] == 0:
        c["step_logs"] = float(c["step_logs"]) + math.log(min(step, _LARGEST))
    if c["on"] & ON_STUCK:
        c["on"] &= 255 - ON_STUCK
        return ON_STUCK
    begin_run(c, options, ts, x)
    return 0


@kernel
def begin_run(c: Any, options: Any, ts: float, x: float) -> None:
    """End the current run of equal values, and begin another with this value."""
    c["longest"] = max(c["longest"], c["length"])
    known = c["missing_begin"] > 0
    if remember(c["runs"], c["length"]) and known:
        if c["trials"] - c["repeats"] == 1:
            # Constant until now: that was its habit, not one long run.
            c["runs"][1] = c["length"]
        refresh_stuck(c, options)
    c["anchor"] = x
    c["since"] = ts
    c["length"] = 1


@kernel
def _absence(c: Any, options: Any) -> int:
    """Take an event without a value; after too many the channel has disappeared."""
    if c["missing_begin"] == 0 and c["absent"] == 0:
        _expect_return(c, options)
    c["absent"] = min(c["absent"] + 1, NEVER)
    c["block_missing"] += 1
    if c["missing"] < _MOST_COUNTED:
        c["missing"] += 1
    if c["on"] & ON_GONE or c["absent"] < c["gone_limit"]:
        return 0
    c["on"] |= ON_GONE
    c["gone_alarms"] = count_alarm(c["gone_alarms"])
    return ON_GONE


@kernel
def _expect_return(c: Any, options: Any) -> None:
    """Set how long an absence may be that begins before habits are learned."""
    limit = options["gone_least"]
    # A channel that was declared and has never been there is gone; one that came is judged by how often it does.
    if c["length"] > 0:
        chance = options["chance"]
        limit = max(limit, 2 * improbable_repeats(int(c["block_missing"]), int(c["block_rows"]), chance))
    c["gone_limit"] = min(limit, NEVER)


@kernel
def end_absence(c: Any, options: Any) -> None:
    """Take an absence that is over into the habits."""
    if remember(c["absences"], c["absent"]) and c["missing_begin"] > 0:
        refresh_absences(c, options)
    c["absent"] = 0


@kernel
def _range(
    c: Any,
    options: Any,
    outside: bool,  # noqa: FBT001 a kernel takes no keywords
) -> int:
    """Count the values out of range of the last events."""
    flags = (int(c["range_flags"]) << 1) & ((1 << options["within"]) - 1)
    if outside:
        flags |= 1
        if c["out_of_range"] < _MOST_COUNTED:
            c["out_of_range"] += 1
    c["range_flags"] = flags
    if c["on"] & ON_RANGE:
        if flags:
            return 0
        c["on"] &= 255 - ON_RANGE
        return ON_RANGE
    hits = 0
    while flags:
        flags &= flags - 1
        hits += 1
    if hits < options["confirm"]:
        return 0
    c["on"] |= ON_RANGE
    return ON_RANGE


@kernel
def _missing(
    c: Any,
    options: Any,
    missing: bool,  # noqa: FBT001
) -> int:
    """Count the missing values of the last events."""
    recent, older, last = int(c["missing_recent"]), int(c["missing_older"]), options["missing_window"] - 1
    if last < _WORD:
        c["missing_count"] -= (recent >> last) & 1
    else:
        c["missing_count"] -= (older >> (last - _WORD)) & 1
    c["missing_older"] = ((older << 1) & _WORD_MASK) | ((recent >> (_WORD - 1)) & 1)
    recent = (recent << 1) & _WORD_MASK
    if missing:
        recent |= 1
        c["missing_count"] += 1
    c["missing_recent"] = recent
    if c["on"] & ON_MISSING:
        if c["missing_count"] > c["missing_end"]:
            return 0
        c["on"] &= 255 - ON_MISSING
        peak = max(int(c["block_peak"]), min(int(c["block_missing"]), options["learn"]))
        c["block_peak"] = 0
        if remember(c["blocks"], peak):
            refresh_absences(c, options)
        return ON_MISSING
    if c["missing_begin"] == 0 or c["missing_count"] < c["missing_begin"]:
        return 0
    c["on"] |= ON_MISSING
    c["missing_alarms"] = count_alarm(c["missing_alarms"])
    return ON_MISSING
