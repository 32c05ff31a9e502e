"""Settings of one simulated platform: how large it is, and what it is asked to do."""

from dataclasses import dataclass
from typing import TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.workload import CLASSES, DAY, LOADS, Load, QueryClass, expected_rates
from stream_app.errors import DataError

__all__ = ["COORDINATOR", "SimulatedPlatform"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

COORDINATOR = "coordinator"
"""Name of the node that plans the queries."""


@dataclass(frozen=True, slots=True)
class SimulatedPlatform:
    """A coordinator, workers and an object store.

    Parameters
    ----------
    name : str
    workers, cores : int
        Workers, and processors of each.
    memory : float
        Bytes of each worker; three quarters are Java's heap.
    classes : int
        Classes of queries, the first ones of `CLASSES`; from 6 to 12.
    load : {'office', 'global', 'flat', 'batch'}
        When most work comes.
    utilisation : float
        Share of the processors that the week's busiest hour needs, without noise.
    step : float
        Seconds of a window.
    scrapes : int
        Scrapes of each node in a window.
    start : float
        Epoch seconds of the beginning, by default a Monday at midnight, UTC.

    Raises
    ------
    DataError
        When a number is out of its range.

    Examples
    --------
    >>> SimulatedPlatform(workers=2).nodes
    ('worker-1', 'worker-2', 'coordinator')
    """

    name: str = "platform"
    workers: int = 8
    cores: int = 16
    memory: float = 128e9
    classes: int = 9
    load: Load = "office"
    utilisation: float = 0.5
    step: float = 60.0
    scrapes: int = 4
    start: float = 1_767_571_200.0

    def __post_init__(self) -> None:
        if self.load not in get_args(Load):
            raise DataError(f"platform: no load {self.load!r}; there are {', '.join(LOADS)}")
        if not 6 <= self.classes <= len(CLASSES):
            raise DataError(f"platform: classes must be from 6 to {len(CLASSES)}")
        if min(self.workers, self.cores, self.scrapes) < 1:
            raise DataError("platform: workers, cores and scrapes must be at least 1")
        if not 0.0 < self.utilisation <= 0.8:
            raise DataError("platform: utilisation must be above 0 and at most 0.8")
        if not (0.0 < self.step < np.inf and 0.0 < self.memory < np.inf and 0.0 <= self.start < np.inf):
            raise DataError("platform: step, memory and start must be finite numbers above 0")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the workers, and of the coordinator."""
        return (*(f"worker-{i + 1}" for i in range(self.workers)), COORDINATOR)

    @property
    def query_classes(self) -> tuple[QueryClass, ...]:
        """Its classes of queries."""
        return CLASSES[: self.classes]

    def rates(self, elapsed: FloatArray) -> FloatArray:
        """Return the expected queries a second of each class, shape (t, c).

        Parameters
        ----------
        elapsed : ndarray (t,)
            Seconds from the beginning.
        """
        return expected_rates(self.query_classes, self.load, self.start + elapsed) * (self.workers / 8.0)

    def of_classes(self, field: str) -> FloatArray:
        """Return a number of each class, shape (c,).

        Parameters
        ----------
        field : str
            Name of the field of `QueryClass`.
        """
        return np.array([getattr(one, field) for one in self.query_classes], dtype=np.float64)

    def peak(self, demand: FloatArray) -> float:
        """Return the most that the classes' demands come to in a week, a second.

        Parameters
        ----------
        demand : ndarray (c,)
            Of one query of each class, such as its seconds of processors.
        """
        week = np.arange(0.0, 7.0 * DAY, 300.0)
        return float((self.rates(week) @ demand).max())
