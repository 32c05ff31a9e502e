"""What a channel is expected to be: the mean of its past, a follower of its latest values, and the profile of a day.

A flow of white noise is held against the mean of its past, so that a slow departure shows. A room temperature wanders: it is held
against its latest 200 values or the mean, whichever is nearer, as a return to where it mostly was is no departure. What has a day is
first compared with the same time of other days.
"""

import math
from typing import Any

from stream_app.core.anomaly.records import PHASES
from stream_app.core.anomaly.tails import clipped
from stream_app.core.kernel import kernel

__all__ = [
    "has_season",
    "learn_forecasts",
    "nearer",
    "phase_of",
    "seasonal",
    "start_channel",
    "turn_season",
    "wanders",
]

DAY = 86_400.0
MEMORY = 5_000
FOLLOW = 201
BETTER = 0.75
"""Share of the mean's error that the follower's must stay below: it adapts to anything, so it has to be worth it."""
SEASONAL = 0.9
"""The same of a season. A profile of noise is worse than none, and errors of a thousand values are known to 2.5 %."""
FIRST = 30
"""Values after which steps are clipped."""
HUGE = 1e30


@kernel
def phase_of(ts: float) -> float:
    """Return how much of the (UTC) day has passed."""
    return (ts / DAY) % 1.0 if abs(ts) < 1e15 else 0.0


@kernel
def start_channel(c: Any, x: float) -> None:
    """Take the first value of a channel."""
    c["mean"] = c["follower"] = c["trailer"] = c["base"] = c["slow"] = c["fast"] = c["last"] = x
    c["low"] = c["high"] = c["lowest"] = c["highest"] = c["segment"] = x
    c["kurtosis"][:] = 3.0


@kernel
def seasonal(c: Any, phase: float) -> float:
    """Return the profile at a phase, between the middles of two bins; of one, where events never fall into the other."""
    place = phase * PHASES - 0.5
    before = math.floor(place)
    share = place - before
    first, second = before % PHASES, (before + 1) % PHASES
    if c["visits"][first] == 0:
        share = 1.0
    elif c["visits"][second] == 0:
        share = 0.0
    return float((1.0 - share) * c["profile"][first] + share * c["profile"][second])


@kernel
def has_season(c: Any) -> bool:
    """Whether the profile of a day, which needs two, is nearer to a channel than any level."""
    error = c["error"]
    # Once the season is taken off, the error of the follower is one without it.
    level = error[0] if c["in_season"] else min(error[0], error[1])
    return bool(c["days"] >= 2.0 and error[2] < SEASONAL * level)


@kernel
def mean_season(c: Any, phase: float, memory: float) -> float:
    """Return the exponential mean of the season over so many seconds of the past."""
    now = min(int(phase * PHASES), PHASES - 1)
    total = weights = 0.0
    for back in range(PHASES):
        k = (now - back) % PHASES
        if c["visits"][k] > 0:
            weight = math.exp(-back * (DAY / PHASES) / memory)
            total += weight * c["profile"][k]
            weights += weight
    return float(total / weights) if weights > 0.0 else 0.0


@kernel
def turn_season(c: Any, phase: float, gap: float) -> None:
    """Take the season off the means of the latest values, or put it back: else a change of forecasts would look like a step."""
    c["in_season"] = not c["in_season"]
    sign = -1.0 if c["in_season"] else 1.0
    event = max(gap, 1e-3)
    change = sign * mean_season(c, phase, FOLLOW * event)
    c["follower"] += change
    c["trailer"] += change
    c["base"] += change
    c["known"] += change
    c["segment"] += change
    c["slow"] += sign * mean_season(c, phase, 8.5 * event)
    change = sign * mean_season(c, phase, 4.5 * event)
    c["fast"] += change
    c["anchor"] += change


@kernel
def wanders(c: Any) -> bool:
    """Whether a channel is nearer to its latest values than to the mean of its past."""
    return bool(c["error"][1] < BETTER * c["error"][0])


@kernel
def nearer(away: float, apart: float) -> float:
    """Return the smaller of a distance and the same from another known level, which is so far `apart`.

    >>> nearer(-3.0, 2.5), nearer(1.0, 2.5)
    (-0.5, 1.0)
    """
    other = away + apart
    return other if abs(other) < abs(away) else away


@kernel
def learn_forecasts(
    c: Any, x: float, y: float, season: float, residual: float, phase: float, gap: float
) -> None:
    """Move the forecasts by a value `x`, which is `y` without its season, and learn how far off they were.

    Every step is clipped, so that no value counts for more than a few usual ones, and nothing is left out: who leaves out what
    he finds odd never learns that it is usual.
    """
    count = c["count"]
    young = count <= FIRST
    size = c["size"]
    free = young or size <= 0.0
    long_gain = 1.0 / min(count, MEMORY)
    gain = 1.0 / min(count, 1000)
    follow_gain = 1.0 / min(count, FOLLOW)
    off = x - c["mean"]
    from_mean = y - c["mean"]
    c["mean"] += (from_mean if free else clipped(from_mean, 5.0 * size)) * long_gain
    from_follower = y - c["follower"]
    reach = 12.5 * size
    c["follower"] += (from_follower if free else clipped(from_follower, reach)) * follow_gain
    c["trailer"] += (c["follower"] - c["trailer"]) * follow_gain
    if c["member"]:
        c["since"] += 1
    else:
        c["since"] = 0
        from_base = y - c["base"]
        c["base"] += (from_base if free else clipped(from_base, reach)) * follow_gain
        wandered = (c["follower"] - c["trailer"]) ** 2
        if count > 4 * FOLLOW:
            wandered = min(wandered, 9.0 * c["wander"] + 1e-300)
        c["wander"] += (wandered - c["wander"]) * long_gain
    error = c["error"]
    for k in range(3):
        missed = abs(off) if k == 0 else (abs(y - c["follower"]) if k == 1 else abs(off - season))
        if not young:
            missed = min(missed, 5.0 * error[k] + 1e-300)
        error[k] += (missed - error[k]) * gain
    c["size"] += (abs(residual) if free else min(abs(residual), 5.0 * size)) * long_gain - size * long_gain
    k = min(int(phase * PHASES), PHASES - 1)
    visits = c["visits"][k]
    c["visits"][k] = min(visits + 1, 255)
    a_week = 7.0 * max(1.0, DAY / PHASES / max(gap, 1e-3))
    above = clipped(off if free else clipped(off, 6.0 * size), HUGE)
    c["profile"][k] += (above - c["profile"][k]) / min(visits + 1.0, a_week)
    c["days"] += gap / DAY
