"""The same simulation as events: scrapes, completed queries and changes, in order of their times.

What they come to in a window is what the matrix says of it: gauges have its value as their mean, counters rise by its rate,
queries are as many, with the same means.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.changes import SimulatedChange, restarts
from producers.platform_simulator.incidents import Incident
from producers.platform_simulator.metrics import metrics_of
from producers.platform_simulator.noise import generator
from producers.platform_simulator.platform import SimulatedPlatform
from producers.platform_simulator.records import ChangeRecord, Completion, Record, Scrape
from producers.platform_simulator.simulate import Block, blocks
from producers.platform_simulator.sql import filled, text_of

__all__ = ["windows_of_records"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]


def windows_of_records(
    platform: SimulatedPlatform,
    seed: int,
    incidents: Sequence[Incident] = (),
    changes: Sequence[SimulatedChange] = (),
    *,
    windows: int | None = None,
) -> Iterator[list[Record]]:
    """Simulate, window by window; parameters as in `blocks`.

    Parameters
    ----------
    platform : SimulatedPlatform
    seed : int
    incidents : sequence of Incident
    changes : sequence of SimulatedChange
    windows : int or None
        Number of windows, None without end.

    Yields
    ------
    list of Record
        Of one window, in order of their times.

    Examples
    --------
    >>> first = next(windows_of_records(SimulatedPlatform(), seed=1))
    >>> sum(isinstance(record, Scrape) for record in first)
    36
    """
    exporters = _Exporters(platform, seed, incidents, changes)
    queries = _Queries(platform, seed)
    workers = platform.nodes[: platform.workers]
    done = 0
    for block in blocks(platform, seed, incidents, changes, windows=windows):
        for row in range(len(block)):
            records: list[Record] = [*exporters.scrapes(block, row), *queries.completions(block, row)]
            begin = done * platform.step
            records.extend(
                ChangeRecord(platform.start + one.start, one, workers if one.kind == "deployment" else ())
                for one in block.changes
                if begin <= one.start < begin + platform.step
            )
            records.sort(key=lambda record: record.ts)
            yield records
            done += 1


class _Exporters:
    """The nodes' exporters: counters that add up, and begin anew when a worker restarts."""

    def __init__(
        self,
        platform: SimulatedPlatform,
        seed: int,
        incidents: Sequence[Incident],
        changes: Sequence[SimulatedChange],
    ) -> None:
        self._platform = platform
        self._rng = rng = generator(seed, 6)
        self._metrics = [metrics_of(node) for node in platform.nodes]
        every = [metric for metrics in self._metrics for metric in metrics]
        ends = np.cumsum([len(metrics) for metrics in self._metrics])
        self._columns = [
            slice(end - len(metrics), end) for end, metrics in zip(ends, self._metrics, strict=True)
        ]
        self._gauge = np.array([metric.kind == "gauge" for metric in every])
        self._whole = np.array([metric.kind == "events" for metric in every])
        self._mean = np.flatnonzero([metric.kind == "mean" for metric in every])
        self._of_process = np.array([not metric.name.startswith("node_") for metric in every])
        self._phase = platform.step / platform.scrapes * rng.random(len(platform.nodes))
        self._total = np.zeros(len(every))
        self._away = np.zeros(platform.workers, dtype=np.bool_)
        leaks = [(one.end, one.worker - 1) for one in incidents if one.name == "slow_leak"]
        self._restarts = sorted([*leaks, *restarts(changes, platform.workers)], reverse=True)

    def scrapes(self, block: Block, row: int) -> Iterator[Record]:
        """Make the scrapes of a window."""
        p = self._platform
        begin = float(block.ends[row]) - p.step
        values, rises = self._within(block.values[row, : len(self._total)])
        for i in np.flatnonzero(self._away & ~block.lost[row]).tolist():
            self._total[self._columns[i]] = 0.0  # another machine came in its place
        self._away = block.lost[row]
        for j in range(p.scrapes):
            at = begin + j * p.step / p.scrapes + self._phase
            self._restart(at)
            self._total += rises[j]
            shown = np.where(self._gauge, values[j], self._total)
            for i, node in enumerate(p.nodes):
                if i >= p.workers or not self._away[i]:
                    yield Scrape(float(at[i]), node, self._metrics[i], shown[self._columns[i]].tolist())

    def _within(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what gauges show in each scrape of a window, and what counters rise by before it."""
        n = self._platform.scrapes
        around = np.maximum(1.0 + 0.02 * self._rng.standard_normal((n, len(values))), 0.5)
        around /= around.mean(axis=0)
        rises = np.nan_to_num(values) * self._platform.step * around / n
        parts = np.round(np.cumsum(rises[:, self._whole], axis=0))
        rises[:, self._whole] = np.diff(parts, axis=0, prepend=0.0)
        rises[:, self._mean] = np.nan_to_num(values[self._mean]) * rises[:, self._mean + 1]
        rises[:, self._gauge] = 0.0
        return values * around, rises

    def _restart(self, at: FloatArray) -> None:
        """Begin the counters of processes anew that have restarted by now."""
        while self._restarts:
            elapsed, i = self._restarts[-1]
            if self._platform.start + elapsed > at[i]:
                return
            self._restarts.pop()
            columns = self._columns[i]
            self._total[columns] *= ~self._of_process[columns]


class _Queries:
    """The queries of a window, with the means that the matrix has."""

    def __init__(self, platform: SimulatedPlatform, seed: int) -> None:
        self._platform = platform
        self._rng = generator(seed, 7)
        self._number = 0

    def completions(self, block: Block, row: int) -> Iterator[Record]:
        """Make the completions of a window."""
        begin = float(block.ends[row]) - self._platform.step
        told = block.queries
        present = int(block.incident[row])
        incident = block.incidents[present].name if present >= 0 else ""
        for k, one in enumerate(self._platform.query_classes):
            n, failed = int(told.number[row, k]), int(told.failed[row, k])
            if not n:
                continue
            z = self._rng.standard_normal((3, n))
            draws = self._rng.random((n, 5))
            z -= z.mean(axis=1, keepdims=True)
            wall = np.exp(told.log_wall[row, k] + one.spread * z[0]).tolist()
            cpu = np.exp(told.log_cpu[row, k] + one.spread * (0.8 * z[0] + 0.6 * z[1])).tolist()
            waits = np.exp(0.5 * z[2])
            queued = (told.queued[row, k] * waits / waits.mean()).tolist()
            planning = float(told.planning[row])
            asked = text_of(one.name)
            fails = self._rng.permutation(n) < failed
            for q in range(n):
                at = begin + self._platform.step * float(draws[q, 4])
                yield Completion(
                    ts=at,
                    number=self._number,
                    query_class=one,
                    asked=asked,
                    text=filled(asked.template, at, draws[q].tolist()),
                    wall=wall[q],
                    queued=min(queued[q], 0.6 * wall[q]),
                    planning=min(planning, 0.4 * wall[q]),
                    cpu=cpu[q],
                    failed=bool(fails[q]),
                    incident=incident,
                )
                self._number += 1
