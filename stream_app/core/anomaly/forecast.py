"""Forecast of a channel: mean of its past, average of its latest values, its seasons.

A flow of white noise is held against the mean of its past, so that a slow departure shows. A room temperature wanders: it is held
against its latest 200 values or the mean, whichever is nearer, as a return to where it mostly was is no departure. What has
seasons is first compared with the same time of other days, or of whatever its periods are.
"""

from typing import Any

from stream_app.core.anomaly.seasons import mean_season, season_depth, seasons_step
from stream_app.core.anomaly.tails import clipped
from stream_app.core.kernel import kernel

__all__ = [
    "BOUND",
    "MEMORY",
    "forecast_seasons",
    "learn_forecasts",
    "nearer",
    "start_channel",
    "wanders",
]

BOUND = 1e100
MEMORY = 5_000
"""Values over which the mean and the statistics of a channel forget."""
FOLLOW = 201
BETTER = 0.75
"""Share of the mean's error that the follower's must stay below: it adapts to anything, so it has to be worth it."""
FIRST = 30
"""Values after which steps are clipped."""


@kernel
def start_channel(c: Any, x: float) -> None:
    """Take the first value of a channel."""
    c["mean"] = c["follower"] = c["trailer"] = c["base"] = c["slow"] = c["fast"] = c["last"] = x
    c["low"] = c["high"] = c["lowest"] = c["highest"] = c["segment"] = x
    c["kurtosis"][:] = 3.0


@kernel
def best_depth(c: Any, seasons: Any, j: int) -> int:
    """Return how many seasons are nearer to a channel than any level."""
    error = c["error"]
    # Once seasons are taken off, the error of the follower is one without them.
    return season_depth(seasons, j, error[0] if c["depth"] > 0 else min(error[0], error[1]))


@kernel
def turn_seasons(c: Any, season: Any, j: int, phases: Any, periods: Any, depth: int, gap: float) -> None:
    """Take seasons off the means of the latest values, or put them back: else a change of forecasts would look like a step."""
    before = c["depth"]
    c["depth"] = depth
    event = max(gap, 1e-3)
    changes = (FOLLOW * event, 8.5 * event, 4.5 * event)
    follower = mean_season(season, j, phases, periods, before, changes[0])
    follower -= mean_season(season, j, phases, periods, depth, changes[0])
    c["follower"] += follower
    c["trailer"] += follower
    c["base"] += follower
    c["known"] += follower
    c["segment"] += follower
    slow = mean_season(season, j, phases, periods, before, changes[1])
    c["slow"] += slow - mean_season(season, j, phases, periods, depth, changes[1])
    fast = mean_season(season, j, phases, periods, before, changes[2])
    fast -= mean_season(season, j, phases, periods, depth, changes[2])
    c["fast"] += fast
    c["anchor"] += fast


@kernel
def forecast_seasons(channels: Any, season: Any, values: Any, phases: Any, periods: Any, gap: float) -> None:
    """Set what the seasons of each channel are forecast to be, and learn them from the event's values.

    All channels in one pass: arrays that are handed to a function for each channel would cost more than what it does.

    Parameters
    ----------
    channels : array of CHANNEL, shape (d,)
    season, phases, periods
        See `seasons_step`.
    values : array of float, shape (d,)
        NaN where a channel is missing.
    gap : float
        Usual seconds between events.
    """
    for j in range(len(channels)):
        c, value = channels[j], values[j]
        if value != value or c["count"] == 0:  # noqa: PLR0124 the test for NaN that kernels have
            continue
        before = c["depth"]
        depth = best_depth(c, season[0], j)
        if depth != before:
            turn_seasons(c, season, j, phases, periods, depth, gap)
        off = clipped(value, BOUND) - c["mean"]
        c["season"] = seasons_step(
            season, j, phases, periods, off, c["size"], before, depth, c["count"] + 1, FIRST
        )


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
def learn_forecasts(c: Any, x: float, y: float, residual: float) -> None:
    """Move the forecasts by a value `x`, which is `y` without its seasons, and learn how far off they were.

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
    for k in range(2):
        missed = abs(off) if k == 0 else abs(y - c["follower"])
        if not young:
            missed = min(missed, 5.0 * error[k] + 1e-300)
        error[k] += (missed - error[k]) * gain
    c["size"] += (abs(residual) if free else min(abs(residual), 5.0 * size)) * long_gain - size * long_gain
