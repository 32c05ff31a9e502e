"""Incidents of the platform: what gets worse, when, where, how much and how fast; and drawing a schedule of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.noise import generator
from stream_app.errors import DataError

__all__ = ["INCIDENT_NAMES", "ON_A_WORKER", "Incident", "IncidentName", "draw_incidents", "size"]

IncidentName: TypeAlias = Literal[
    "slow_s3",
    "throttling",
    "worker_lost",
    "memory_pressure",
    "skewed_join",
    "noisy_neighbour",
    "metadata_stall",
    "slow_leak",
]
FloatArray: TypeAlias = npt.NDArray[np.float64]

INCIDENT_NAMES: tuple[IncidentName, ...] = get_args(IncidentName)
ON_A_WORKER: frozenset[IncidentName] = frozenset(
    ("worker_lost", "memory_pressure", "skewed_join", "noisy_neighbour", "slow_leak")
)
"""Incidents that begin at one worker."""

_MINUTES = (20.0, 90.0)
_LEAK_MINUTES = (180.0, 480.0)


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident with its exact beginning and end.

    Parameters
    ----------
    name : str
        What gets worse: `slow_s3` (the object store answers late), `throttling` (it refuses requests with 503),
        `worker_lost` (a worker is gone), `memory_pressure` (something else takes a worker's memory),
        `skewed_join` (one key of a join has most rows, so that one worker has most work), `noisy_neighbour`
        (another guest takes a worker's processors), `metadata_stall` (the metastore answers late), `slow_leak`
        (a worker's heap fills up; it ends with a restart).
    start, duration : float
        Seconds; ``start`` counts from the beginning of the simulation.
    severity : float
        1 is an incident that an operator would call plain: the store four times as slow, a sixth of the requests
        refused, 28 % more of the heap, half of the processors taken, the metastore nine times as slow.
        0 is no incident.
    ramp : float
        Seconds until full size, linearly; 0 is at once. A leak always grows up to its end.
    worker : int
        Number of the worker that it begins at, from 1; other incidents do not use it.

    Raises
    ------
    DataError
        When a parameter is out of its range or the name is unknown.

    Examples
    --------
    >>> Incident("slow_s3", start=3600, duration=1800).end
    5400.0
    """

    name: IncidentName
    start: float
    duration: float
    severity: float = 1.0
    ramp: float = 0.0
    worker: int = 1

    def __post_init__(self) -> None:
        if self.name not in INCIDENT_NAMES:
            raise DataError(f"unknown incident {self.name!r}: expected one of {', '.join(INCIDENT_NAMES)}")
        for field in ("start", "severity", "ramp"):
            if not 0.0 <= getattr(self, field) < np.inf:
                raise DataError(f"incident {self.name}: {field} must be finite and at least 0")
        if not 0.0 < self.duration < np.inf:
            raise DataError(f"incident {self.name}: duration must be a finite number above 0")
        if self.worker < 1:
            raise DataError(f"incident {self.name}: workers are numbered from 1")

    @property
    def end(self) -> float:
        """The first moment without the incident, in seconds from the beginning."""
        return float(self.start + self.duration)


def size(incident: Incident, begin: FloatArray, step: float) -> FloatArray:
    """Size of an incident in given windows: its mean there, from 0 (absent) to its severity.

    Parameters
    ----------
    incident : Incident
    begin : ndarray (t,)
        Beginnings of the windows, in seconds from the beginning of the simulation.
    step : float
        Their length in seconds.

    Returns
    -------
    ndarray (t,)

    Examples
    --------
    >>> size(Incident("slow_s3", start=60, duration=90, severity=2.0), np.array([0.0, 60.0, 120.0]), 60.0).tolist()
    [0.0, 2.0, 1.0]
    """
    first, last = np.maximum(begin, incident.start), np.minimum(begin + step, incident.end)
    share = np.maximum(last - first, 0.0) / step
    ramp = incident.duration if incident.name == "slow_leak" else incident.ramp
    if ramp == 0.0 or incident.name == "worker_lost":
        grown = np.ones_like(share)
    else:
        grown = np.clip((0.5 * (first + last) - incident.start) / ramp, 0.0, 1.0)
    return np.asarray(incident.severity * share * grown, dtype=np.float64)


def draw_incidents(
    count: int,
    span: float,
    seed: int,
    *,
    names: Sequence[IncidentName] = INCIDENT_NAMES,
    workers: int = 8,
    clear: float = 0.1,
    step: float = 60.0,
) -> tuple[Incident, ...]:
    """Draw a schedule of incidents that do not overlap, each in its own stretch of the simulation.

    They last 20 to 90 minutes, a leak three to eight hours, and never longer than 60 % of their stretch; half of
    them are there at once, the others after up to a quarter of their time. Severities are 0.7 to 1.5.

    Parameters
    ----------
    count : int
        How many; names are taken in a shuffled order, each once before any comes twice.
    span : float
        Length of the simulation in seconds.
    seed : int
        Same seed, same schedule.
    names : sequence of str
        Which may be drawn.
    workers : int
        Workers of the platform.
    clear : float
        Share of the simulation at its beginning that stays free of incidents.
    step : float
        Beginnings and ends are multiples of it, in seconds.

    Returns
    -------
    tuple of Incident
        In order of their start.

    Raises
    ------
    DataError
        When the numbers leave no room for the incidents.

    Examples
    --------
    >>> drawn = draw_incidents(8, 5 * 86_400.0, seed=1)
    >>> sorted(one.name for one in drawn) == sorted(INCIDENT_NAMES)
    True
    """
    if count < 0 or span <= 0.0 or not names or not 0.0 <= clear < 1.0 or workers < 1:
        raise DataError(
            "a schedule of incidents needs count >= 0, span > 0, 0 <= clear < 1, a worker, and an incident to draw from"
        )
    stretch = span * (1.0 - clear) / max(count, 1)
    if stretch < 10.0 * step:
        raise DataError(
            f"{count} incidents do not fit into {span:g} seconds: each needs {10.0 * step:g} of them"
        )
    rng = generator(seed, 1)
    order: list[IncidentName] = []
    while len(order) < count:
        order.extend(names[i] for i in rng.permutation(len(names)))
    drawn = []
    for i, name in enumerate(order[:count]):
        low, high = _LEAK_MINUTES if name == "slow_leak" else _MINUTES
        duration = min(60.0 * rng.uniform(low, high), 0.6 * stretch)
        start = span * clear + stretch * i + rng.uniform(0.05, 0.95) * (0.9 * stretch - duration)
        severity, at_once, share = rng.uniform(0.7, 1.5), rng.random() < 0.5, rng.uniform(0.05, 0.25)
        drawn.append(
            Incident(
                name,
                start=float(np.ceil(start / step) * step),
                duration=float(max(np.floor(duration / step), 1.0) * step),
                severity=float(severity),
                ramp=0.0 if at_once else float(share * duration),
                worker=int(rng.integers(workers)) + 1,
            )
        )
    return tuple(drawn)
