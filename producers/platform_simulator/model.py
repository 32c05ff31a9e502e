"""The queueing model: arrivals load workers and the object store, and their utilisation stretches the queries.

A query's wall time is what it takes on an idle platform, its parts stretched: computing by the utilisation of the
processors (the slowest worker counts half, since a stage ends with its last task), reading by the latency of the object
store, exchanges by slow workers; then planning and queueing come on top. Queries that run are the product of throughput
and wall time (Little's law). Noise of what is measured is no part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.changes import SimulatedChange, factor
from producers.platform_simulator.incidents import Incident, size
from producers.platform_simulator.noise import Noise, generator, recur
from producers.platform_simulator.platform import SimulatedPlatform
from producers.platform_simulator.workload import DAY, NIGHTLY

__all__ = ["S3_SECONDS", "SKEWED", "Model", "State"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

S3_SECONDS = 0.03
"""Latency of an idle object store."""
REQUEST_BYTES = 8e6
METASTORE_SECONDS = 0.02
METASTORE_CALLS = 6.0
"""Calls of the metastore to plan a query."""
BACKOFF_SECONDS = 0.35
"""Pause before a refused request is sent again."""
SKEWED = "report_join"
"""The class whose join gets skewed."""


@dataclass(frozen=True, slots=True)
class State:
    """What the platform does in some windows; t windows, w workers, c classes.

    Rates are a second; sizes of incidents as their severities have it.

    Parameters
    ----------
    arrivals : ndarray (t, c)
        Queries that come in each window, whole numbers.
    wall, queued : ndarray (t, c), ndarray (t,)
        Median seconds.
    planning, metastore, metastore_calls : ndarray (t,)
        Seconds, seconds of one call, and calls a second.
    failing, cpu_of_query : ndarray (t, c)
        Share that fails, and seconds of processors of one query.
    running, waiting, flow : ndarray (t,)
        Queries that run and wait, and queries a second.
    share, lost : ndarray (t, w)
        Share of the work, and of the window that the worker is away.
    busy, wanted, steal : ndarray (t, w)
        Processors in use, asked for, and taken by another guest.
    heap, taken, gc : ndarray (t, w)
        Bytes of the heap, bytes taken by something else, share of the time that is spent in collections.
    pressure : ndarray (t, w)
        Size of memory pressure.
    requests, s3, refused, read : ndarray (t,)
        Requests a second, their latency, share that is refused, bytes a second.
    shuffled : ndarray (t, w)
        Bytes a second that a worker receives from others.
    """

    arrivals: FloatArray
    wall: FloatArray
    queued: FloatArray
    planning: FloatArray
    metastore: FloatArray
    metastore_calls: FloatArray
    failing: FloatArray
    cpu_of_query: FloatArray
    running: FloatArray
    waiting: FloatArray
    flow: FloatArray
    share: FloatArray
    lost: FloatArray
    busy: FloatArray
    wanted: FloatArray
    steal: FloatArray
    heap: FloatArray
    taken: FloatArray
    gc: FloatArray
    pressure: FloatArray
    requests: FloatArray
    s3: FloatArray
    refused: FloatArray
    read: FloatArray
    shuffled: FloatArray


@dataclass(slots=True)
class Model:
    """The running platform, block by block.

    Parameters
    ----------
    platform : SimulatedPlatform
    seed : int
        Of the simulation.
    incidents : sequence of Incident
    changes : sequence of SimulatedChange
        In order of time.
    """

    platform: SimulatedPlatform
    seed: int
    incidents: Sequence[Incident] = ()
    changes: Sequence[SimulatedChange] = ()
    _arrivals: np.random.Generator = field(init=False)
    _load: Noise = field(init=False)
    _sharing: Noise = field(init=False)
    _offsets: FloatArray = field(init=False)
    _carry: dict[str, FloatArray] = field(init=False, default_factory=dict)
    _peaks: dict[str, float] = field(init=False)
    _lost_before: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        p, rng = self.platform, generator(self.seed, 4)
        self._arrivals = generator(self.seed, 3)
        self._load = Noise(rng.spawn(1)[0], 1 + p.classes, p.step, 7200.0)
        self._sharing = Noise(rng.spawn(1)[0], p.workers, p.step, 1800.0)
        self._offsets = 1.0 + 0.04 * rng.uniform(-1.0, 1.0, p.workers)
        self._lost_before = np.zeros(p.workers)
        wall = p.of_classes("wall")
        self._peaks = {
            "cpu": p.peak(p.of_classes("cpu")),
            "read": p.peak(p.of_classes("read")),
            "running": p.peak(wall * self._mean_of_median),
        }

    @property
    def _mean_of_median(self) -> FloatArray:
        """Mean of each class's wall times over their median."""
        return np.asarray(np.exp(0.5 * np.square(self.platform.of_classes("spread"))), dtype=np.float64)

    def step(self, first: int, n: int) -> State:
        """Advance by `n` windows, the first of which has the number `first`, the one after the last step's."""
        p = self.platform
        begin = np.arange(first, first + n, dtype=np.float64) * p.step
        wander = np.clip(self._load.rows(n), -3.0, 3.0)
        # Timers start the same work each day, more or less of it; people do not.
        vary = np.array([0.08 if one.when == "people" else 0.03 for one in p.query_classes])
        timers = [one.when in ("nightly", "weekly") for one in p.query_classes]
        rates = p.rates(begin + 0.5 * p.step)
        rates[:, timers] = p.rates(self._by_timer(begin + 0.5 * p.step))[:, timers]
        rates *= np.exp(vary * (0.7 * wander[:, :1] + wander[:, 1:]))
        arrivals = self._arrivals.poisson(rates * p.step).astype(np.float64)
        spread = self._spread(arrivals) / p.step
        share, lost, skew = self._share(begin)

        wanted, cpu_of_query, shuffled = self._work(spread, share, skew, begin)
        steal = np.minimum(0.5 * self._size("noisy_neighbour", begin), 0.85)
        pressure = self._size("memory_pressure", begin)
        demand = wanted / (p.cores * (1.0 - steal))
        heap, gc = self._memory(spread, share, pressure, demand, begin)
        free = (1.0 - steal) * (1.0 - gc)
        rho = np.minimum(wanted / (p.cores * free), 0.92)
        slow = (1.0 + 0.6 * rho**3 / (1.0 - rho)) * (1.0 + 0.4 * pressure) / free
        slow = np.where(lost < 1.0, slow, 1.0)
        computing = 0.5 * (slow * share).sum(axis=1) + 0.5 * slow.max(axis=1)

        requests, s3, refused, read = self._store(spread, begin)
        reading = 0.3 + 0.7 * (s3 + refused / (1.0 - refused) * BACKOFF_SECONDS) / S3_SECONDS
        metastore, planning = self._planning(begin)
        wall, queued, running = self._wall(
            spread, np.asarray(computing, dtype=np.float64), reading, planning, skew, begin
        )
        flow = spread.sum(axis=1)
        return State(
            arrivals=arrivals,
            wall=wall,
            queued=queued,
            planning=planning,
            metastore=metastore,
            metastore_calls=METASTORE_CALLS * arrivals.sum(axis=1) / p.step + 0.2,
            failing=self._failing(lost, pressure, heap, refused),
            cpu_of_query=cpu_of_query,
            running=running,
            waiting=queued * flow,
            flow=flow,
            share=share,
            lost=lost,
            busy=np.minimum(wanted, p.cores * (1.0 - steal)),
            wanted=wanted,
            steal=steal * p.cores,
            heap=heap,
            taken=0.30 * p.memory * pressure,
            gc=gc,
            pressure=pressure,
            requests=requests,
            s3=s3,
            refused=refused,
            read=read,
            shuffled=shuffled,
        )

    def _by_timer(self, elapsed: FloatArray) -> FloatArray:
        """Return the times with what begins at night stretched: some days have more to load than others."""
        ts = self.platform.start + elapsed
        days, of_day = np.unique(np.floor(ts / DAY), return_inverse=True)
        length = np.exp([0.1 * generator(self.seed, 100 + int(day)).standard_normal() for day in days])[
            of_day
        ]
        since = np.maximum(ts % DAY - NIGHTLY, 0.0)
        later = np.minimum(NIGHTLY + since / length, DAY - 1.0)
        return np.asarray(elapsed + np.where(since > 0.0, later - ts % DAY, 0.0), dtype=np.float64)

    def _size(self, name: str, begin: FloatArray) -> FloatArray:
        """Size of all incidents of a name at each worker, shape (t, w)."""
        out = np.zeros((len(begin), self.platform.workers))
        for one in self.incidents:
            if one.name == name and one.start < begin[-1] + self.platform.step and one.end > begin[0]:
                out[:, (one.worker - 1) % self.platform.workers] += size(one, begin, self.platform.step)
        return out

    def _everywhere(self, name: str, begin: FloatArray) -> FloatArray:
        return np.asarray(self._size(name, begin).sum(axis=1), dtype=np.float64)

    def _spread(self, arrivals: FloatArray) -> FloatArray:
        """Spread the work of queries over the windows that they run in, shape (t, c)."""
        p = self.platform
        phi = np.exp(-p.step / p.of_classes("wall"))
        begin = p.rates(np.zeros(1))[0] * p.step
        return recur(arrivals, phi, 1.0 - phi, self._carry.setdefault("spread", begin))

    def _share(self, begin: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return each worker's share of the work, how long it is away, and how much of a skewed join it has."""
        # A worker is away for whole windows: what a part of one would show depends on when it is looked at.
        lost = np.where(self._size("worker_lost", begin) > 0.0, 1.0, 0.0)
        weight = self._offsets * np.exp(0.04 * self._sharing.rows(len(begin))) * np.maximum(1.0 - lost, 1e-9)
        skew = self._size("skewed_join", begin)
        return weight / weight.sum(axis=1, keepdims=True), lost, skew

    def _work(
        self, spread: FloatArray, share: FloatArray, skew: FloatArray, begin: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return processors asked for, seconds of processors of a query, and bytes exchanged."""
        p = self.platform
        scale = p.utilisation * p.workers * p.cores / self._peaks["cpu"]
        cpu = p.of_classes("cpu") * scale * factor(self.changes, "cpu", begin)[:, np.newaxis]
        used = spread * cpu
        moved = spread * p.of_classes("memory") * (0.1 + p.of_classes("shuffling"))
        wanted = used.sum(axis=1, keepdims=True) * share
        shuffled = moved.sum(axis=1, keepdims=True) * share
        join = next(i for i, one in enumerate(p.query_classes) if one.name == SKEWED)
        total = skew.sum(axis=1, keepdims=True)
        part = np.minimum(0.5 * total, 0.8)
        there = np.divide(skew, total, out=np.zeros_like(skew), where=total > 0.0)
        # The key with most rows is worked on by one thread after the other: more work, and at one place.
        wanted += used[:, join, np.newaxis] * part * (1.5 * there - share) + 1.2 * np.minimum(skew, 2.0)
        shuffled += moved[:, join, np.newaxis] * part * (2.0 * there - share) + 60e6 * np.minimum(skew, 2.0)
        cpu[:, join] *= 1.0 + 0.3 * total[:, 0]
        return np.maximum(wanted, 0.0), cpu, np.maximum(shuffled, 0.0)

    def _memory(
        self,
        spread: FloatArray,
        share: FloatArray,
        pressure: FloatArray,
        demand: FloatArray,
        begin: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the bytes of the heap and the share of the time that is spent in collections."""
        p = self.platform
        limit = 0.75 * p.memory
        used = (spread * p.of_classes("wall") * p.of_classes("memory")).sum(axis=1, keepdims=True)
        base = 0.32 * limit * factor(self.changes, "heap", begin)[:, np.newaxis]
        leak = 0.38 * limit * self._size("slow_leak", begin)
        heap = base + 0.7 * used * share + leak + 0.28 * limit * pressure
        heap = np.minimum(heap, 0.975 * limit)
        young = 0.006 * (0.3 + demand) * factor(self.changes, "gc", begin)[:, np.newaxis]
        return heap, np.minimum(young / (1.0 - heap / limit) ** 1.5, 0.6)

    def _store(
        self, spread: FloatArray, begin: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return requests a second, their latency, the share refused, and bytes a second."""
        p = self.platform
        read = np.asarray((spread * p.of_classes("read")).sum(axis=1))
        asked = read / REQUEST_BYTES * factor(self.changes, "requests", begin) + 0.5 * p.workers
        rho = np.minimum(0.4 * read / self._peaks["read"], 0.95)
        latency = S3_SECONDS * (1.0 + 0.4 * np.square(rho) / (1.0 - rho))
        latency *= 1.0 + 3.0 * self._everywhere("slow_s3", begin)
        refused = np.minimum(0.16 * self._everywhere("throttling", begin), 0.6)
        return asked / (1.0 - refused), latency, refused, read

    def _planning(self, begin: FloatArray) -> tuple[FloatArray, FloatArray]:
        latency = METASTORE_SECONDS * (1.0 + 8.0 * self._everywhere("metadata_stall", begin))
        return latency, 0.05 + METASTORE_CALLS * latency

    def _wall(
        self,
        spread: FloatArray,
        computing: FloatArray,
        reading: FloatArray,
        planning: FloatArray,
        skew: FloatArray,
        begin: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return wall times, queueing times and the number of running queries."""
        p = self.platform
        scanning, shuffling = p.of_classes("scanning"), p.of_classes("shuffling")
        base = np.repeat(p.of_classes("wall")[np.newaxis], len(begin), axis=0)
        for i, one in enumerate(p.query_classes):
            base[:, i] *= factor(self.changes, f"wall:{one.name}", begin)
            if one.name == SKEWED:
                base[:, i] *= 1.0 + 2.0 * skew.sum(axis=1)
        exchanging = 0.5 * (1.0 + computing)
        stretch = (
            np.outer(computing, 1.0 - scanning - shuffling)
            + np.outer(reading, scanning)
            + np.outer(exchanging, shuffling)
        )
        wall = base * stretch + planning[:, np.newaxis]
        running = (spread * wall * self._mean_of_median).sum(axis=1)
        flow = np.maximum(spread.sum(axis=1), 1e-9)
        # Sakasegawa's approximation of the wait in front of K servers.
        servers = max(4.0 * self._peaks["running"], 4.0)
        rho = np.minimum(running / servers, 0.95)
        queued = 0.02 + running / flow * rho ** (np.sqrt(2.0 * (servers + 1.0)) - 1.0) / (
            servers * (1.0 - rho)
        )
        wall += queued[:, np.newaxis]
        return wall, queued, running + queued * flow * float(self._mean_of_median.mean())

    def _failing(
        self, lost: FloatArray, pressure: FloatArray, heap: FloatArray, refused: FloatArray
    ) -> FloatArray:
        """Return the share of the queries of each class that fails."""
        p = self.platform
        # Whatever had a task on a worker fails as the worker goes.
        gone = np.maximum(np.diff(lost, axis=0, prepend=self._lost_before[np.newaxis]), 0.0).sum(axis=1)
        self._lost_before = lost[-1].copy()
        full = np.maximum(heap.max(axis=1) / (0.75 * p.memory) - 0.93, 0.0)
        hungry = p.of_classes("memory") / 14e9
        failing = p.of_classes("failing") + 0.5 * np.minimum(gone, 1.0)[:, np.newaxis]
        failing = failing + np.outer(0.06 * pressure.max(axis=1) + 0.5 * full, hungry)
        failing += np.outer(0.3 * refused, p.of_classes("scanning"))
        return np.asarray(np.minimum(failing, 1.0), dtype=np.float64)
