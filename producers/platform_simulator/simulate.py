"""A platform's metrics and queries, window by window: matrices of all series with exact ground truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.changes import SimulatedChange
from producers.platform_simulator.incidents import Incident
from producers.platform_simulator.metrics import Column, columns_of, levels, metrics_of
from producers.platform_simulator.model import Model, State
from producers.platform_simulator.noise import Noise, counts, generator
from producers.platform_simulator.platform import SimulatedPlatform
from producers.platform_simulator.workload import DAY
from stream_app.errors import DataError

__all__ = ["Block", "QueryWindow", "blocks", "simulate"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

BLOCK_VALUES = 500_000
"""Values of a block: of more, random numbers leave the caches and a large platform takes gigabytes."""

LAG = 1200.0
"""Seconds until the noise of a metric has forgotten two thirds."""


@dataclass(frozen=True, slots=True)
class QueryWindow:
    """Queries that ended in some windows, by class; NaN where there were none.

    Parameters
    ----------
    number, failed : ndarray (t, c)
        Whole numbers.
    log_wall, log_cpu : ndarray (t, c)
        Means of the logarithms of wall and processor seconds.
    queued, planning : ndarray (t, c), ndarray (t,)
        Mean seconds.
    """

    number: FloatArray
    failed: FloatArray
    log_wall: FloatArray
    log_cpu: FloatArray
    queued: FloatArray
    planning: FloatArray


@dataclass(frozen=True, slots=True)
class Block:
    """Some windows of the simulation.

    Parameters
    ----------
    ends : ndarray (t,)
        Their ends, epoch seconds.
    values : ndarray (t, n)
        Gauges as their mean, counters as their rate a second, means of the window; NaN where a node shows nothing.
    series : tuple of Column
        What the columns are of.
    incident : ndarray of int (t,)
        Which of `incidents` is present (the one that began last), -1 for none.
    incidents : tuple of Incident
    changes : tuple of SimulatedChange
    lost : ndarray of bool (t, w)
        Where a worker is away.
    queries : QueryWindow
        What is said of the queries, as in `values`, and more.
    """

    ends: FloatArray
    values: FloatArray
    series: tuple[Column, ...]
    incident: IntArray
    incidents: tuple[Incident, ...]
    changes: tuple[SimulatedChange, ...]
    lost: BoolArray
    queries: QueryWindow

    def __len__(self) -> int:
        return len(self.ends)


def blocks(
    platform: SimulatedPlatform,
    seed: int,
    incidents: Sequence[Incident] = (),
    changes: Sequence[SimulatedChange] = (),
    *,
    windows: int | None = None,
    block: int | None = None,
) -> Iterator[Block]:
    """Simulate block by block in constant memory, without end unless `windows` is given.

    Parameters
    ----------
    platform : SimulatedPlatform
    seed : int
        Same seed, same numbers, bit for bit.
    incidents : sequence of Incident
        What is not touched by an incident is the same as without it.
    changes : sequence of SimulatedChange
    windows : int or None
        Number of windows in all.
    block : int or None
        Windows of a block, on which the numbers do not depend; None chooses. The last one may be shorter.

    Yields
    ------
    Block

    Raises
    ------
    DataError
        When an incident is of a worker that the platform has not, or the number of windows makes no sense.
    """
    if (windows is not None and windows < 0) or (block is not None and block < 1):
        raise DataError("a simulation needs at least 0 windows, and blocks of at least 1")
    for one in incidents:
        if one.worker > platform.workers:
            raise DataError(
                f"incident {one.name}: there is no worker-{one.worker}, the platform has {platform.workers} of them"
            )
    changes = tuple(sorted(changes, key=lambda change: change.start))
    model = Model(platform, seed, incidents, changes)
    measured = _Measured(platform, seed)
    most = block or max(BLOCK_VALUES // len(measured.series), 1)
    done = 0
    while windows is None or done < windows:
        n = most if windows is None else min(most, windows - done)
        state = model.step(done, n)
        queries, values = measured.rows(state)
        begin = np.arange(done, done + n, dtype=np.float64) * platform.step
        yield Block(
            ends=platform.start + begin + platform.step,
            values=values,
            series=measured.series,
            incident=_present(begin, platform.step, incidents),
            incidents=tuple(incidents),
            changes=changes,
            lost=state.lost > 0.0,
            queries=queries,
        )
        done += n


def simulate(
    platform: SimulatedPlatform,
    days: float,
    seed: int,
    incidents: Sequence[Incident] = (),
    changes: Sequence[SimulatedChange] = (),
) -> Block:
    """Simulate at once; parameters as in `blocks`.

    Parameters
    ----------
    platform : SimulatedPlatform
    days : float
        Length of the simulation.
    seed : int
    incidents : sequence of Incident
    changes : sequence of SimulatedChange

    Returns
    -------
    Block
        All windows.

    Examples
    --------
    >>> block = simulate(SimulatedPlatform(), 0.5, seed=7, incidents=[Incident("slow_s3", start=3600, duration=600)])
    >>> block.values.shape, np.flatnonzero(block.incident >= 0).tolist()
    ((720, 281), [60, 61, 62, 63, 64, 65, 66, 67, 68, 69])
    """
    parts = list(blocks(platform, seed, incidents, changes, windows=round(days * DAY / platform.step)))
    if not parts:
        raise DataError("a simulation needs at least one window")
    first = parts[0]
    return replace(
        first,
        ends=np.concatenate([part.ends for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        incident=np.concatenate([part.incident for part in parts]),
        lost=np.concatenate([part.lost for part in parts]),
        queries=_joined([part.queries for part in parts]),
    )


def _joined(parts: Sequence[QueryWindow]) -> QueryWindow:
    """Put queries one after the other."""
    names = [one.name for one in fields(QueryWindow)]
    return QueryWindow(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _present(begin: FloatArray, step: float, incidents: Sequence[Incident]) -> IntArray:
    """Return which incident is present in each window, -1 for none."""
    present = np.full(len(begin), -1, dtype=np.int64)
    for number in sorted(range(len(incidents)), key=lambda i: incidents[i].start):
        one = incidents[number]
        present[(begin + step > one.start) & (begin < one.end)] = number
    return present


class _Measured:
    """What is measured of the platform's state, with noise, block by block."""

    def __init__(self, platform: SimulatedPlatform, seed: int) -> None:
        self.series = columns_of(platform)
        self._platform = platform
        metrics = [metric for node in platform.nodes for metric in metrics_of(node)]
        self._size = np.array([metric.noise for metric in metrics])
        self._events = np.array([metric.kind == "events" for metric in metrics])
        rng = generator(seed, 5)
        c = platform.classes
        self._noise = Noise(rng.spawn(1)[0], len(metrics), platform.step, LAG)
        self._of_queries = Noise(rng.spawn(1)[0], 3 * c, platform.step, LAG)
        self._means, self._failures, self._rare = rng.spawn(3)
        # Machines of one kind differ a little; what is counted exactly does not.
        self._fixed = np.exp(np.where(self._size > 0.0, 0.04, 0.0) * rng.uniform(-1.0, 1.0, len(metrics)))

    def rows(self, state: State) -> tuple[QueryWindow, FloatArray]:
        """Return the queries and the matrix of the next windows."""
        queries = self._queries(state)
        values = levels(self._platform, state, queries.failed.sum(axis=1))
        values *= self._fixed * np.exp(self._size * self._noise.rows(len(values)))
        step = self._platform.step
        uniform = self._rare.random((len(values), int(self._events.sum())))
        values[:, self._events] = counts(uniform, values[:, self._events] * step) / step
        away = np.repeat(state.lost > 0.0, len(metrics_of(self._platform.nodes[0])), axis=1)
        values[:, : away.shape[1]][away] = np.nan
        share = np.divide(
            queries.failed, queries.number, out=np.full_like(queries.failed, np.nan), where=queries.number > 0
        )
        of_classes = np.stack(
            [queries.number, queries.log_wall, queries.log_cpu, queries.queued, share], axis=2
        )
        return queries, np.concatenate([values, of_classes.reshape(len(values), -1)], axis=1)

    def _queries(self, state: State) -> QueryWindow:
        """Draw the means over each window's queries: those of so many normal values."""
        number = state.arrivals
        shape = number.shape
        wander = self._of_queries.rows(len(number)).reshape(len(number), 3, -1)
        draws = self._means.standard_normal((len(number), 2, shape[1]))
        spread = self._platform.of_classes("spread") / np.sqrt(np.maximum(number, 1.0))
        # What makes a query long makes it compute longer, mostly.
        both = 0.8 * draws[:, 0] + 0.6 * draws[:, 1]
        some = number > 0.0
        failed = np.minimum(counts(self._failures.random(shape), number * state.failing), number)
        return QueryWindow(
            number=number,
            failed=failed,
            log_wall=np.where(some, np.log(state.wall) + 0.05 * wander[:, 0] + spread * draws[:, 0], np.nan),
            log_cpu=np.where(some, np.log(state.cpu_of_query) + 0.04 * wander[:, 1] + spread * both, np.nan),
            queued=np.where(some, state.queued[:, np.newaxis] * np.exp(0.15 * wander[:, 2]), np.nan),
            planning=state.planning,
        )
