"""Seasons of a channel: a profile per period, of the residuals from shorter periods.

So a week is learned as what its days differ by, and an hour, a day and a week add up. A period is taken off where that lowers
the error of the forecast, made before the value was learned from, by a tenth; with it all shorter ones are. A profile is read between the
middles of its bins, but not across a jump: a shift begins at a full hour.

References
----------
K. Bandara, R. J. Hyndman and C. Bergmeir (2021), MSTL: a seasonal-trend decomposition algorithm for time series with multiple
seasonal patterns: seasons one after the other, the shortest first. Here they are exponential means, by phase.
"""

import math
from typing import Any

from stream_app.core.anomaly.calendar import phase_of
from stream_app.core.anomaly.tails import clipped
from stream_app.core.kernel import kernel

__all__ = ["mean_season", "season_depth", "seasons_step", "set_phases"]

SEASONAL = 0.9
"""Share of the error without a season that the one with it stays below. A profile of noise is worse than none, and errors of a
thousand values are known to 2.5 %."""
JUMP = 2.0
"""Two bins differ by a jump where they differ by more than so many times the size of a residual and the step to the next bin on either side."""
SEEN = 2.0
"""Periods that a profile needs."""
REMEMBERED = 7.0
"""Periods over which a profile forgets."""
HUGE = 1e30


@kernel
def set_phases(ts: float, gap: float, calendar: Any) -> None:
    """Set where an event lies in each period.

    Parameters
    ----------
    ts : float
        Epoch seconds.
    gap : float
        Usual seconds between events.
    calendar : tuple of arrays
        See `calendar_options`; its last array is set.
    """
    periods, zone, holidays, phases = calendar
    for k in range(len(periods)):
        period, phase = periods[k], phases[k]
        bins, origin = period["bins"], period["first"]
        width = period["seconds"] / bins
        place = phase_of(ts, period, zone, holidays) / width
        phase["place"] = origin + min(max(int(place), 0), bins - 1)
        before = math.floor(place - 0.5)
        phase["share"] = place - 0.5 - before
        before = min(before, bins - 1) if before >= 0 else bins - 1
        phase["first"] = origin + before
        phase["second"] = origin + (before + 1 if before + 1 < bins else 0)
        phase["most"] = REMEMBERED * max(1.0, width / max(gap, 1e-3))
        phase["passed"] = gap / period["seconds"]


@kernel
def _profile_at(profiles: Any, visits: Any, j: int, period: Any, phase: Any, size: float) -> float:
    """Return a profile at a phase, between the middles of two bins; of one, at a jump or where events never fall into the other."""
    first, second = profiles[j, phase["first"]], profiles[j, phase["second"]]
    share = phase["share"]
    if visits[j, phase["first"]] == 0:
        share = 1.0
    elif visits[j, phase["second"]] == 0:
        share = 0.0
    elif abs(second - first) > JUMP * size:
        bins, origin = period["bins"], period["first"]
        rise = abs(first - profiles[j, origin + (phase["first"] - origin - 1) % bins])
        fall = abs(profiles[j, origin + (phase["second"] - origin + 1) % bins] - second)
        if abs(second - first) > JUMP * (size + max(rise, fall)):
            share = 0.0 if share < 0.5 else 1.0
    return float((1.0 - share) * first + share * second)


@kernel
def season_depth(seasons: Any, j: int, level: float) -> int:
    """Return how many profiles, from that of the shortest period on, make the best forecast.

    Parameters
    ----------
    seasons : array of SEASON, shape (d, k)
    j : int
        The channel.
    level : float
        Error without any season.
    """
    depth = 0
    least = level
    for k in range(seasons.shape[1]):
        error = seasons[j, k]["error"]
        if seasons[j, k]["seen"] >= SEEN and error < SEASONAL * least:
            depth, least = k + 1, error
    return depth


@kernel
def mean_season(season: Any, j: int, phases: Any, periods: Any, depth: int, memory: float) -> float:
    """Return the exponential mean of the first `depth` seasons over so many seconds of the past."""
    _, profiles, visits = season
    mean = 0.0
    for k in range(min(depth, len(periods))):
        bins, origin = periods[k]["bins"], periods[k]["first"]
        now = phases[k]["place"] - origin
        total = weights = 0.0
        for back in range(bins):
            place = origin + (now - back) % bins
            if visits[j, place] > 0:
                weight = math.exp(-back * (periods[k]["seconds"] / bins) / memory)
                total += weight * profiles[j, place]
                weights += weight
        mean += total / weights if weights > 0.0 else 0.0
    return mean


@kernel
def seasons_step(
    season: Any,
    j: int,
    phases: Any,
    periods: Any,
    off: float,
    size: float,
    before: int,
    depth: int,
    count: int,
    young: int,
) -> float:
    """Return what a channel's seasons are forecast to be, and learn them from the value and how far off their forecasts were.

    Parameters
    ----------
    season : tuple of arrays
        Of a source: records of SEASON, shape (d, k); profiles and visits, shape (d, bins of all periods).
    j : int
        Number of the channel.
    phases : array of PHASE, shape (k,)
        See `set_phases`.
    periods : array of PERIOD, shape (k,)
    off : float
        The value less the mean of the past.
    size : float
        Mean size of a residual; steps are clipped at six of it.
    before, depth : int
        How many seasons were taken off until now, and are from now on.
    count, young : int
        Values of the channel, and those after which steps are clipped.
    """
    seasons, profiles, visits = season
    gain = 1.0 / min(count, 1000)
    left = off
    total = 0.0
    for k in range(len(periods)):
        one, phase = seasons[j, k], phases[k]
        # Jumps are known only in seasons that are taken off.
        forecast = _profile_at(profiles, visits, j, periods[k], phase, size if k < before else HUGE)
        if k < depth:
            total += forecast
        missed = abs(left - forecast)
        if count > young:
            missed = min(missed, 5.0 * one["error"] + 1e-300)
        one["error"] += (missed - one["error"]) * gain
        place = phase["place"]
        seen = visits[j, place]
        visits[j, place] = min(seen + 1, 255)
        above = clipped(left if count <= young or size <= 0.0 else clipped(left, 6.0 * size), HUGE)
        profiles[j, place] += (above - profiles[j, place]) / min(seen + 1.0, phase["most"])
        one["seen"] += phase["passed"]
        left -= forecast
    return total
