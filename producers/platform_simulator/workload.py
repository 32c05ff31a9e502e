"""What the platform is asked to do: classes of queries, and how many of each come when."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

__all__ = ["CLASSES", "DAY", "LOADS", "NIGHTLY", "Load", "QueryClass", "expected_rates"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

Load: TypeAlias = Literal["office", "global", "flat", "batch"]
"""Office hours of one place; two continents; nearly the same all day; most work at night."""
LOADS: tuple[Load, ...] = get_args(Load)

DAY = 86_400.0
NIGHTLY = 2.0 * 3600.0
"""When the nightly load begins, seconds after midnight."""
_MONDAY = 4.0 * DAY
"""The first Monday of the epoch."""

_HUMPS: dict[Load, tuple[tuple[float, float, float], ...]] = {
    # Hour of the peak, its width in hours, its height.
    "office": ((10.5, 1.8, 0.9), (15.0, 2.2, 1.0)),
    "global": ((9.0, 3.0, 0.8), (18.5, 3.5, 1.0)),
    "flat": ((13.0, 5.0, 0.25),),
    "batch": ((1.5, 2.5, 1.0), (14.0, 3.0, 0.35)),
}
_QUIET: dict[Load, float] = {"office": 0.12, "global": 0.35, "flat": 0.75, "batch": 0.15}
_WEEKEND: dict[Load, float] = {"office": 0.35, "global": 0.6, "flat": 0.95, "batch": 0.8}


@dataclass(frozen=True, slots=True)
class QueryClass:
    """Queries of one shape.

    Parameters
    ----------
    name : str
    rate : float
        Queries a minute at the peak, of a platform with eight workers.
    wall, cpu : float
        Seconds of a typical one on an idle platform: from its start to its end, and of all processors together.
    scanning, shuffling : float
        Shares of the wall time that are spent with the object store and with exchanges; the rest is computing.
    memory, read : float
        Peak bytes of memory, and bytes read from the object store.
    splits : float
    spread : float
        Standard deviation of the logarithm of the wall time among queries of the class.
    failing : float
        Share that fails on a healthy platform.
    when : {'people', 'always', 'nightly', 'weekly'}
        With people's working hours, all day, in the nightly load (2:00, an hour or more), or on Sundays at 4:00.
    """

    name: str
    rate: float
    wall: float
    cpu: float
    scanning: float
    shuffling: float
    memory: float
    read: float
    splits: float
    spread: float = 0.5
    failing: float = 0.004
    when: Literal["people", "always", "nightly", "weekly"] = "people"


CLASSES: tuple[QueryClass, ...] = (
    QueryClass("dashboard", 30.0, 1.6, 6.0, 0.50, 0.15, 0.3e9, 0.25e9, 40, 0.45, 0.002),
    QueryClass("ad_hoc", 6.0, 11.0, 55.0, 0.55, 0.10, 1.5e9, 4.0e9, 300, 0.8, 0.03),
    QueryClass("report_join", 4.0, 20.0, 110.0, 0.20, 0.45, 9.0e9, 3.0e9, 420, 0.5, 0.006),
    QueryClass("point_lookup", 20.0, 0.45, 0.4, 0.30, 0.05, 0.05e9, 0.01e9, 4, 0.4, 0.001),
    QueryClass("ingest", 6.0, 8.0, 18.0, 0.60, 0.10, 0.8e9, 0.6e9, 60, 0.35, 0.004, "always"),
    QueryClass("nightly_load", 20.0, 45.0, 140.0, 0.50, 0.25, 12.0e9, 8.4e9, 900, 0.5, 0.005, "nightly"),
    QueryClass("rollup", 3.0, 26.0, 130.0, 0.45, 0.20, 4.0e9, 7.0e9, 600, 0.4, 0.004, "always"),
    QueryClass("sessions", 2.0, 36.0, 170.0, 0.25, 0.35, 11.0e9, 4.0e9, 500, 0.5, 0.008),
    QueryClass("metadata", 8.0, 0.3, 0.15, 0.05, 0.0, 0.02e9, 0.001e9, 1, 0.35, 0.001, "always"),
    QueryClass("features", 2.0, 48.0, 220.0, 0.40, 0.20, 6.0e9, 9.0e9, 800, 0.5, 0.01, "always"),
    QueryClass("training_scan", 1.0, 60.0, 240.0, 0.70, 0.05, 2.0e9, 20.0e9, 1600, 0.4, 0.01),
    QueryClass("compaction", 3.0, 90.0, 260.0, 0.65, 0.10, 3.0e9, 15.0e9, 500, 0.4, 0.004, "weekly"),
)
"""All classes there are; a platform has the first few of them."""


def expected_rates(classes: tuple[QueryClass, ...], load: Load, ts: FloatArray) -> FloatArray:
    """Return how many queries of each class a second are to be expected, of a platform with eight workers.

    Parameters
    ----------
    classes : tuple of QueryClass
    load : {'office', 'global', 'flat', 'batch'}
    ts : ndarray (t,)
        Epoch seconds; days are those of UTC.

    Returns
    -------
    ndarray (t, c)

    Examples
    --------
    >>> night, noon = 1767571200.0 + 3600.0 * np.array([4.0, 15.0])
    >>> rates = expected_rates(CLASSES[:1], "office", np.array([night, noon]))
    >>> bool(rates[1, 0] > 5 * rates[0, 0])
    True
    """
    hour = ts % DAY / 3600.0
    weekday = np.floor((ts - _MONDAY) % (7.0 * DAY) / DAY)
    weekend = np.where(weekday >= 5.0, _WEEKEND[load], 1.0)
    people = np.zeros_like(ts)
    for peak, width, height in _HUMPS[load]:
        away = (hour - peak + 12.0) % 24.0 - 12.0
        people = np.maximum(people, height * np.exp(-0.5 * np.square(away / width)))
    people = (_QUIET[load] + (1.0 - _QUIET[load]) * people) * weekend
    always = 0.7 + 0.3 * people
    # A timer starts them, so that their beginning is steep; they end as their work ends.
    nightly = _between(hour, NIGHTLY / 3600.0, 3.2, 0.03, 0.25)
    weekly = np.where(weekday == 6.0, _between(hour, 4.0, 6.0, 0.03, 0.3), 0.0)
    shapes = {"people": people, "always": always, "nightly": nightly, "weekly": weekly}
    return np.stack([one.rate / 60.0 * shapes[one.when] for one in classes], axis=1)


def _between(hour: FloatArray, begin: float, end: float, rise: float, fall: float) -> FloatArray:
    up, down = (hour - begin) / rise, (end - hour) / fall
    return np.asarray(np.clip(np.minimum(up, down), 0.0, 1.0), dtype=np.float64)
