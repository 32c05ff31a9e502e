"""Deployments and changes of configuration: levels move, nodes restart, and nothing is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.noise import generator
from producers.platform_simulator.workload import DAY
from stream_app.errors import DataError

__all__ = ["SimulatedChange", "draw_changes", "factor", "restarts"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

ROLLING_SECONDS = 120.0
"""From the restart of one worker to that of the next, while a deployment rolls."""

_MOVED_BY_IMAGE = {"cpu": 0.08, "heap": 0.10, "gc": 0.20, "requests": 0.15}
_SETTINGS = {
    "join_distribution_type": ("wall:report_join", 0.15),
    "task_concurrency": ("cpu", 0.06),
    "s3_max_connections": ("requests", 0.10),
    "spill_enabled": ("heap", 0.08),
}


@dataclass(frozen=True, slots=True)
class SimulatedChange:
    """One change that is no incident.

    Parameters
    ----------
    start : float
        Seconds from the beginning of the simulation.
    kind : {'deployment', 'configuration'}
        A deployment restarts the workers one after the other; a configuration is read without.
    what, version : str
        What was changed, and into what.
    factors : tuple of (str, float)
        What quantities are from then on, times what they are on a platform without changes: ``cpu`` of a query,
        ``heap``, ``gc``, ``requests`` to the object store, ``wall:CLASS``.

    Examples
    --------
    >>> SimulatedChange(3600.0, "deployment", "worker image", "476", (("cpu", 1.05),)).kind
    'deployment'
    """

    start: float
    kind: str
    what: str
    version: str
    factors: tuple[tuple[str, float], ...] = ()


def factor(changes: Sequence[SimulatedChange], quantity: str, elapsed: FloatArray) -> FloatArray:
    """Return what a quantity is times its first value, by the last change of it.

    Parameters
    ----------
    changes : sequence of SimulatedChange
        In order of time.
    quantity : str
    elapsed : ndarray (t,)
        Seconds from the beginning.

    Returns
    -------
    ndarray (t,)

    Examples
    --------
    >>> change = SimulatedChange(60.0, "deployment", "worker image", "476", (("cpu", 1.05),))
    >>> factor([change], "cpu", np.array([0.0, 60.0])).tolist()
    [1.0, 1.05]
    """
    moves = [(one.start, size) for one in changes for name, size in one.factors if name == quantity]
    levels = np.array([1.0, *(size for _, size in moves)])
    return levels[np.searchsorted([start for start, _ in moves], elapsed, side="right")]


def restarts(changes: Sequence[SimulatedChange], workers: int) -> list[tuple[float, int]]:
    """Return when which worker restarts because of deployments.

    Returns
    -------
    list of (float, int)
        Seconds from the beginning, and the number of the worker from 0.

    Examples
    --------
    >>> restarts([SimulatedChange(60.0, "deployment", "worker image", "476")], 2)
    [(180.0, 0), (300.0, 1)]
    """
    return [
        (one.start + (i + 1) * ROLLING_SECONDS, i)
        for one in changes
        if one.kind == "deployment"
        for i in range(workers)
    ]


def draw_changes(
    span: float, seed: int, *, every: float = 7.0, start: float = 0.0
) -> tuple[SimulatedChange, ...]:
    """Draw deployments and changes of configuration, in office hours.

    Parameters
    ----------
    span : float
        Length of the simulation in seconds.
    seed : int
        Same seed, same changes.
    every : float
        Days between two of them, on average.
    start : float
        Epoch seconds of the beginning of the simulation, for the hour of the day.

    Returns
    -------
    tuple of SimulatedChange
        In order of time.

    Raises
    ------
    DataError
        When there is no span, or no time between changes.

    Examples
    --------
    >>> len(draw_changes(70 * 86_400.0, seed=3))
    10
    """
    if not 0.0 <= span < np.inf or not 0.0 < every < np.inf:
        raise DataError("changes need a span of at least 0 seconds, and days between them above 0")
    rng = generator(seed, 2)
    changes, release = [], 470
    for number in range(int(span / (every * DAY))):
        day = np.floor((start + (number + rng.uniform(0.1, 0.9)) * every * DAY) / DAY)
        at = float(day * DAY + np.round(rng.uniform(9.0, 16.0) * 60.0) * 60.0 - start)
        if rng.random() < 0.6:
            release += 1
            sizes = rng.uniform(-1.0, 1.0, len(_MOVED_BY_IMAGE))
            factors = tuple(
                (name, float(1.0 + most * size))
                for (name, most), size in zip(_MOVED_BY_IMAGE.items(), sizes, strict=True)
            )
            changes.append(SimulatedChange(at, "deployment", "worker image", str(release), factors))
        else:
            name = list(_SETTINGS)[int(rng.integers(len(_SETTINGS)))]
            quantity, most = _SETTINGS[name]
            level = float(1.0 + most * rng.uniform(-1.0, 1.0))
            changes.append(
                SimulatedChange(at, "configuration", name, f"revision {number + 1}", ((quantity, level),))
            )
    return tuple(one for one in changes if 0.0 <= one.start < span)
