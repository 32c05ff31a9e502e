"""The metrics that nodes of the platform show, by the names that exporters give them, and what the model says of each."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform_simulator.model import S3_SECONDS, State
from producers.platform_simulator.platform import COORDINATOR, SimulatedPlatform

__all__ = ["CLASS_METRICS", "Column", "Metric", "columns_of", "levels", "metrics_of"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
Group: TypeAlias = Literal[
    "cpu", "memory", "disk", "network", "jvm", "object store", "queries", "latency", "errors"
]


class Metric(NamedTuple):
    """One metric of a node.

    Parameters
    ----------
    name : str
    kind : {'gauge', 'counter', 'events', 'mean'}
        A level; what adds up; rare events that are counted; or the mean of a pair ``_sum`` and ``_count``, whose count
        is the metric after it.
    group : str
        What it is about.
    noise : float
        Size of its noise, relative; events have that of their number.
    labels : tuple of (str, str)
        Beside ``instance`` and ``job``.
    higher_is_worse : bool or None
        Whether only a rise (True), only a fall (False), or both (None) are bad.
    """

    name: str
    kind: Literal["gauge", "counter", "events", "mean"]
    group: Group
    noise: float = 0.0
    labels: tuple[tuple[str, str], ...] = ()
    higher_is_worse: bool | None = True

    @property
    def series(self) -> str:
        """Its name with its labels.

        Examples
        --------
        >>> Metric("node_load1", "gauge", "cpu").series
        'node_load1'
        >>> Metric("up", "gauge", "cpu", labels=(("zone", "a"),)).series
        'up{zone="a"}'
        """
        inside = ",".join(f'{key}="{value}"' for key, value in self.labels)
        return f"{self.name}{{{inside}}}" if inside else self.name


class Column(NamedTuple):
    """What a column of the matrix is of, field by field as a series of the monitor.

    Parameters
    ----------
    node : str
        Node or query class.
    metric : str
        Name with labels.
    group : str
    of : {'node', 'query class'}
    higher_is_worse : bool or None
    """

    node: str
    metric: str
    group: Group
    of: Literal["node", "query class"] = "node"
    higher_is_worse: bool | None = True


def _cpu(mode: str, noise: float, *, worse: bool | None = None) -> Metric:
    labels = (("mode", mode),)
    return Metric("node_cpu_seconds_total", "counter", "cpu", noise, labels, higher_is_worse=worse)


_DISK = (("device", "nvme0n1"),)
_NET = (("device", "eth0"),)
_GC = (("gc", "G1 Young Generation"),)

_MACHINE: tuple[Metric, ...] = (
    _cpu("user", 0.04),
    _cpu("system", 0.06),
    _cpu("iowait", 0.15, worse=True),
    _cpu("steal", 0.5, worse=True),
    Metric("node_load1", "gauge", "cpu", 0.08),
    Metric("node_memory_MemAvailable_bytes", "gauge", "memory", 0.015, higher_is_worse=False),
    Metric("node_memory_Cached_bytes", "gauge", "memory", 0.02, higher_is_worse=None),
    Metric("node_vmstat_pgmajfault", "events", "memory"),
    Metric("node_disk_io_time_seconds_total", "counter", "disk", 0.12, _DISK),
    Metric("node_disk_written_bytes_total", "counter", "disk", 0.2, _DISK, higher_is_worse=None),
    Metric("node_disk_read_bytes_total", "counter", "disk", 0.2, _DISK, higher_is_worse=None),
    Metric(
        "node_filesystem_avail_bytes",
        "gauge",
        "disk",
        0.004,
        (("mountpoint", "/data"),),
        higher_is_worse=False,
    ),
    Metric("node_network_receive_bytes_total", "counter", "network", 0.06, _NET, higher_is_worse=None),
    Metric("node_network_transmit_bytes_total", "counter", "network", 0.06, _NET, higher_is_worse=None),
    Metric("node_netstat_Tcp_RetransSegs", "events", "network"),
    Metric("jvm_memory_used_bytes", "gauge", "jvm", 0.06, (("area", "heap"),)),
    Metric("jvm_gc_collection_seconds", "mean", "jvm", 0.12, _GC),
    Metric("jvm_gc_collection_seconds_count", "counter", "jvm", 0.06, _GC, higher_is_worse=None),
    Metric("jvm_threads_current", "gauge", "jvm", 0.02, higher_is_worse=None),
)
_WORKER: tuple[Metric, ...] = (
    *_MACHINE,
    Metric("trino_s3_request_duration_seconds", "mean", "object store", 0.06),
    Metric("trino_s3_request_duration_seconds_count", "counter", "object store", 0.05, higher_is_worse=None),
    Metric("trino_s3_errors_total", "events", "object store", 0.0, (("code", "4xx"),)),
    Metric("trino_s3_errors_total", "events", "object store", 0.0, (("code", "5xx"),)),
    Metric("trino_s3_throttled_requests_total", "events", "object store"),
    Metric("trino_s3_read_bytes_total", "counter", "object store", 0.05, higher_is_worse=None),
    Metric("trino_task_running_tasks", "gauge", "queries", 0.06),
)
_COORDINATOR: tuple[Metric, ...] = (
    *_MACHINE,
    Metric("trino_query_running_queries", "gauge", "queries", 0.05),
    Metric("trino_query_queued_queries", "gauge", "queries", 0.15),
    Metric("trino_query_submitted_queries_total", "counter", "queries", 0.0, higher_is_worse=None),
    Metric("trino_query_failed_queries_total", "counter", "queries"),
    Metric("trino_query_planning_seconds", "mean", "latency", 0.06),
    Metric("trino_query_planning_seconds_count", "counter", "latency", 0.0, higher_is_worse=None),
    Metric("trino_metastore_request_seconds", "mean", "latency", 0.08),
    Metric("trino_metastore_request_seconds_count", "counter", "latency", 0.03, higher_is_worse=None),
    Metric("trino_node_active_workers", "gauge", "queries", 0.0, higher_is_worse=False),
)

CLASS_METRICS: tuple[tuple[str, bool | None], ...] = (
    ("count", None),
    ("log_wall", True),
    ("log_cpu", True),
    ("queued", True),
    ("failures", True),
)
"""What a window says of each class of queries, and whether only a rise is bad: queries, means of the logarithms of wall
and processor seconds, mean seconds in the queue, share that failed."""


def metrics_of(node: str) -> tuple[Metric, ...]:
    """Return the metrics of a node, in their order."""
    return _COORDINATOR if node == COORDINATOR else _WORKER


def columns_of(platform: SimulatedPlatform) -> tuple[Column, ...]:
    """Return what the columns of the matrix are of: the nodes' metrics one node after the other, then the classes'.

    Examples
    --------
    >>> len(columns_of(SimulatedPlatform()))
    281
    """
    nodes = (
        Column(node, metric.series, metric.group, "node", metric.higher_is_worse)
        for node in platform.nodes
        for metric in metrics_of(node)
    )
    classes = (
        Column(one.name, metric, "queries", "query class", worse)
        for one in platform.query_classes
        for metric, worse in CLASS_METRICS
    )
    return (*nodes, *classes)


def levels(platform: SimulatedPlatform, state: State, failed: FloatArray) -> FloatArray:
    """Return the nodes' metrics without noise; of rare events, how many a second are to be expected.

    Parameters
    ----------
    platform : SimulatedPlatform
    state : State
    failed : ndarray (t,)
        Queries that failed in each window.

    Returns
    -------
    ndarray (t, m)
        In the order of the nodes and of their metrics.
    """
    t, w = state.share.shape
    workers = _worker_levels(platform, state)
    made = np.stack([np.broadcast_to(workers[one.series], (t, w)) for one in _WORKER], axis=2)
    coordinator = _coordinator_levels(platform, state, failed)
    last = np.stack([np.broadcast_to(coordinator[one.series], (t,)) for one in _COORDINATOR], axis=1)
    return np.concatenate([made.reshape(t, w * len(_WORKER)), last], axis=1)


def _named(
    metrics: tuple[Metric, ...], values: tuple[FloatArray | float, ...]
) -> dict[str, FloatArray | float]:
    return {metric.series: value for metric, value in zip(metrics, values, strict=True)}


def _worker_levels(p: SimulatedPlatform, s: State) -> Mapping[str, FloatArray | float]:
    busy, rho = s.busy, s.busy / p.cores
    read = s.read[:, np.newaxis] * s.share
    requests = s.requests[:, np.newaxis] * s.share
    late = s.s3[:, np.newaxis] / S3_SECONDS
    spilt = 2e6 + 12e6 * rho + 60e6 * s.pressure
    collections = 0.15 * (0.3 + rho)
    available = np.maximum(0.92 * p.memory - 0.06 * p.memory - s.heap - s.taken, 0.01 * p.memory)
    machine = (
        0.15 + 0.92 * busy,
        0.05 + 0.05 * busy + 0.3 * s.pressure,
        0.02 + 0.008 * requests * late + 0.4 * s.pressure,
        0.04 + s.steal,
        0.3 + s.wanted / np.maximum(1.0 - s.steal / p.cores, 0.1) + 2.0 * s.pressure,
        available,
        0.05 * p.memory / (1.0 + 2.0 * s.pressure),
        0.4 + 25.0 * s.pressure,
        np.minimum(0.01 + spilt / 900e6, 1.0),
        spilt,
        1e6 + 0.6 * spilt,
        400e9 - 30e9 * s.pressure,
        0.05e6 + read + s.shuffled,
        0.05e6 + 0.03 * read + s.shuffled.mean(axis=1, keepdims=True),
        0.5 + 2.0 * rho + 3.0 * s.steal / p.cores,
        s.heap,
        s.gc / collections,
        collections,
        180.0 + 60.0 * rho,
    )
    store = (
        S3_SECONDS * late,
        requests,
        0.004 * requests,
        (0.0001 + 0.0002 * np.maximum(late - 2.0, 0.0)) * requests,
        (0.00002 + s.refused[:, np.newaxis]) * requests,
        read,
        4.0 + 3.0 * s.running[:, np.newaxis] * s.share * p.workers,
    )
    return _named(_WORKER, (*machine, *store))


def _coordinator_levels(
    p: SimulatedPlatform, s: State, failed: FloatArray
) -> Mapping[str, FloatArray | float]:
    submitted = s.arrivals.sum(axis=1) / p.step
    busy = 0.3 + 0.5 * s.flow + 0.02 * s.running
    rho = busy / p.cores
    heap = 0.2 * p.memory + 20e6 * s.running + 0.03 * p.memory * np.minimum(s.flow, 4.0)
    collections = 0.1 * (0.3 + rho)
    machine = (
        0.92 * busy,
        0.04 + 0.06 * busy,
        0.01,
        0.01,
        0.2 + busy,
        0.85 * p.memory - heap,
        0.05 * p.memory,
        0.2,
        0.005 + 0.002 * s.flow,
        0.4e6 + 0.2e6 * s.flow,
        0.1e6,
        200e9,
        0.2e6 + 0.3e6 * s.flow,
        0.2e6 + 0.5e6 * s.flow,
        0.3,
        heap,
        0.02 + 0.01 * rho,
        collections,
        240.0 + 0.5 * s.running,
    )
    own = (
        s.running,
        s.waiting,
        submitted,
        failed / p.step,
        s.planning,
        submitted,
        s.metastore,
        s.metastore_calls,
        p.workers - s.lost.sum(axis=1),
    )
    return _named(_COORDINATOR, (*machine, *own))
