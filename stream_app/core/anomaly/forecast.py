"""What a channel is expected to be: the mean of its past, a follower of its latest values, and the profile of a day.

Each channel is held against whichever has been nearest of late. A flow of white noise is held against all of its past, so that a
slow departure shows; a room temperature against its latest 200 values; what has a day against the same time of other days.
"""

import math
from typing import Any

from stream_app.core.anomaly.records import PHASES
from stream_app.core.anomaly.tails import clipped
from stream_app.core.kernel import kernel

__all__ = ["expected", "learn_forecasts", "phase_of", "seasonal", "start_channel"]

DAY = 86_400.0
MEMORY = 5_000
FOLLOW = 201
BETTER = 0.75
"""Share of the error of a simpler forecast that a less simple one must stay below."""
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
    """Return the profile at a phase, between the middles of two bins."""
    place = phase * PHASES - 0.5
    before = math.floor(place)
    share = place - before
    return float((1.0 - share) * c["profile"][before % PHASES] + share * c["profile"][(before + 1) % PHASES])


@kernel
def expected(c: Any) -> tuple[float, bool]:
    """Return the level a channel is held against, without its season, and whether the season is to be taken off.

    The profile needs two days, the follower a channel that wanders.
    """
    error = c["error"]
    follows = error[1] < BETTER * error[0]
    in_season = c["days"] >= 2.0 and error[2] < BETTER * min(error[0], error[1])
    return (c["follower"] if follows else c["mean"]), in_season


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
