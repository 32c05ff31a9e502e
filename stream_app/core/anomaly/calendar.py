"""The calendar of seasons: periods, the clock of a time zone, and holidays, as arrays for kernels."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.kernel import kernel
from stream_app.errors import SettingsError

__all__ = [
    "PERIOD",
    "PHASE",
    "calendar_options",
    "holiday_days",
    "period_options",
    "phase_of",
    "zone_table",
]

DAY = 86_400.0
WEEK = 7.0 * DAY
SUNDAY = 6
THURSDAY = 3
"""Weekday of 1970-01-01, where Monday is 0."""
LEAST_BINS = 48
"""Bins of a period of up to two days, half an hour each for a day."""
MOST_BINS = 336
"""Bins of a period of a fortnight or more; between, a bin is an hour."""
FIRST_YEAR, LAST_YEAR = 1970, 2100

PERIOD = np.dtype(
    [("seconds", np.float64), ("first", np.int64), ("bins", np.int64), ("weekly", np.bool_)], align=True
)
"""A period as a kernel reads it: its length, its bins among those of all periods, and whether it knows weekdays."""

PHASE = np.dtype(
    [
        ("place", np.int64),  # the bin of the event, among those of all periods
        ("first", np.int64),  # the two bins between whose middles it lies
        ("second", np.int64),
        ("share", np.float64),  # how far it is from the first to the second
        ("most", np.float64),  # visits of a bin over which its profile is averaged
        ("passed", np.float64),  # share of the period that passes from event to event
    ],
    align=True,
)
"""Where an event lies in a period: the same for all channels, so it is worked out once."""


def period_options(periods: Sequence[float]) -> npt.NDArray[Any]:
    """Return periods, given in seconds, as an array of PERIOD, the shortest first.

    Raises
    ------
    SettingsError
        If there is none, one is there twice, or one is not between a minute and a year.

    Examples
    --------
    >>> period_options((604800.0, 86400.0))[["first", "bins"]].tolist()
    [(0, 48), (48, 168)]
    """
    if not periods or len(set(periods)) != len(periods):
        raise SettingsError(f"periods: {list(periods)}; expected at least one, each once")
    options = np.zeros(len(periods), PERIOD)
    first = 0
    for option, seconds in zip(options, sorted(periods), strict=True):
        if not 60.0 <= seconds <= 366.0 * DAY:
            raise SettingsError(f"periods: {seconds:g} s is out of range; expected a minute to a year")
        bins = min(max(LEAST_BINS, round(seconds / 3600.0)), MOST_BINS)
        option["seconds"], option["first"], option["bins"] = seconds, first, bins
        option["weekly"] = seconds % WEEK == 0.0
        first += bins
    return options


@lru_cache(maxsize=16)
def zone_table(name: str) -> FloatArray:
    """Return when the clocks of a time zone change: shape (n, 2), instants in epoch seconds and seconds ahead of UTC from then on.

    Raises
    ------
    SettingsError
        If there is no such time zone.

    Examples
    --------
    >>> zone_table("UTC").tolist()
    [[-inf, 0.0]]
    >>> np.diff(zone_table("Europe/Berlin")[-2:, 1]).tolist()
    [-3600.0]
    """
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(f"timezone: {name!r} is not known; expected a name like Europe/Berlin") from error

    def ahead(second: int) -> float:
        offset = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
        return 0.0 if offset is None else offset.total_seconds()

    week = int(WEEK)
    before, last = 0, int(datetime(LAST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    table = [(-math.inf, ahead(0))]
    for after in range(week, last, week):
        if ahead(after) != ahead(before):
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if ahead(middle) == ahead(after) else (middle, high)
            table.append((float(high), ahead(after)))
        before = after
    return np.array(table)


def holiday_days(dates: Sequence[str]) -> IntArray:
    """Return dates as days since 1970-01-01, ascending.

    Raises
    ------
    SettingsError
        If one is no date.

    Examples
    --------
    >>> holiday_days(("1970-01-03", "1970-01-01")).tolist()
    [0, 2]
    """
    try:
        days = {(date.fromisoformat(one) - date(1970, 1, 1)) // timedelta(days=1) for one in dates}
    except (TypeError, ValueError) as error:
        raise SettingsError(f"holidays: {error}; expected dates like 2026-12-25") from error
    return np.array(sorted(days), dtype=np.int64)


def calendar_options(
    periods: Sequence[float], timezone: str, holidays: Sequence[str]
) -> tuple[npt.NDArray[Any], FloatArray, IntArray, npt.NDArray[Any]]:
    """Return a calendar as kernels take it: see `period_options`, `zone_table`, `holiday_days`, and room for phases, shape (k,).

    Examples
    --------
    >>> periods, zone, holidays, phases = calendar_options((86400.0,), "UTC", ())
    >>> len(periods), len(zone), len(holidays), len(phases)
    (1, 1, 0, 1)
    """
    phases = np.zeros(len(periods), PHASE)
    return period_options(periods), zone_table(timezone), holiday_days(holidays), phases


@kernel
def _last_from(table: Any, x: float) -> int:
    """Return the place of the last of some ascending numbers that is not above `x`; -1 where all are."""
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        if table[middle] <= x:
            low = middle + 1
        else:
            high = middle
    return low - 1


@kernel
def phase_of(ts: float, period: Any, zone: Any, holidays: Any) -> float:
    """Return the seconds of a period that have passed, by the local clock; a holiday has the weekday of a Sunday.

    Parameters
    ----------
    ts : float
        Epoch seconds.
    period : record of PERIOD
    zone : array, shape (n, 2)
        See `zone_table`.
    holidays : array of int, shape (m,)
        See `holiday_days`.

    Examples
    --------
    >>> (day, week), zone, holidays, _ = calendar_options((86400.0, 604800.0), "Europe/Berlin", ("2026-12-25",))
    >>> evening = datetime(2026, 12, 25, 17, tzinfo=UTC).timestamp()  # a Friday, 18:00 in Berlin
    >>> phase_of(evening, day, zone, holidays)
    64800.0
    >>> phase_of(evening, week, zone, holidays) == phase_of(evening + 2 * 86400.0, week, zone, holidays)
    True
    """
    if not abs(ts) < 1e15:
        return 0.0
    local = ts + zone[max(_last_from(zone[:, 0], ts), 0), 1]
    if period["weekly"] and len(holidays) > 0:
        day = math.floor(local / DAY)
        at = _last_from(holidays, day)
        if at >= 0 and holidays[at] == day:
            local += (SUNDAY - (day + THURSDAY) % 7) * DAY
    # Seconds, as their share of a period would put a full hour just below it.
    return float(local % period["seconds"])
