"""From a load to a deployment: partitions, workers, memory of Redis, throughput and disk of Kafka.

Margins, and why:

- a worker is planned to be busy for half of its core: what is left catches up after a stop as fast as events come, and is
  there for hours at which a shared machine is slower;
- there are four partitions a worker, so that twice or four times the workers can share them evenly, and one for each
  100,000 sources, so that what a restart reads back of one stays below a gigabyte;
- Redis has a quarter more memory than is planned to be used, for buffers, fragmentation and alerts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.planning.load import StreamLoad
from stream_app.planning.measured import KindCosts, Slopes

__all__ = ["Plan", "StreamPlan", "plan_deployment"]

WORKER_SHARE = 0.5
"""Share of its core that a worker is planned to be busy for."""

PARTITIONS_A_WORKER = 4
SOURCES_A_PARTITION = 100_000
REDIS_MARGIN = 1.25
"""Memory of Redis over what is planned to be used."""

_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What one stream takes.

    Parameters
    ----------
    kind : str
        Kind of the stream.
    sources : int
        Sources or entities.
    rate : float
        Events a second.
    cores, redis_cores : float
        Processors of workers and of Redis that are busy with it.
    workers, partitions : int
        With the margins.
    redis_bytes : float
        Memory of Redis in use.
    kafka_in, kafka_out : float
        Bytes a second that producers send and workers read.
    kafka_disk : float
        Bytes on all brokers.
    """

    kind: str
    sources: int
    rate: float
    cores: float
    redis_cores: float
    workers: int
    partitions: int
    redis_bytes: float
    kafka_in: float
    kafka_out: float
    kafka_disk: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment takes.

    Parameters
    ----------
    streams : tuple of StreamPlan
        Each stream.
    workers : int
        Workers, which all streams share.
    redis_bytes : float
        Memory of Redis in use.
    maxmemory : float
        Memory that Redis is given.
    redis_cores : float
        Processors of Redis that are busy; above 1 it cannot keep up.
    kafka_in, kafka_out, kafka_disk : float
        Bytes a second, and bytes on all brokers.
    """

    streams: tuple[StreamPlan, ...]
    workers: int
    redis_bytes: float
    maxmemory: float
    redis_cores: float
    kafka_in: float
    kafka_out: float
    kafka_disk: float


def plan_deployment(loads: Sequence[StreamLoad], slopes: Slopes) -> Plan:
    """Plan a deployment.

    Parameters
    ----------
    loads : sequence of StreamLoad
        The load of each stream.
    slopes : Slopes
        What each part costs.

    Returns
    -------
    Plan
        Of each stream, and of all.

    Examples
    --------
    >>> from stream_app.planning import measured_slopes, parse_load
    >>> plan = plan_deployment([parse_load("sensors:sources=1000,channels=8,rate=1000")], measured_slopes())
    >>> plan.workers, plan.streams[0].partitions
    (1, 4)
    """
    streams = tuple(_stream(load, getattr(slopes, load.kind)) for load in loads)
    used = sum(one.redis_bytes for one in streams)
    return Plan(
        streams,
        _workers(sum(one.cores for one in streams)),
        used,
        used * REDIS_MARGIN,
        sum(one.redis_cores for one in streams),
        sum(one.kafka_in for one in streams),
        sum(one.kafka_out for one in streams),
        sum(one.kafka_disk for one in streams),
    )


def _workers(cores: float) -> int:
    return max(1, math.ceil(cores / WORKER_SHARE))


def _stream(load: StreamLoad, costs: KindCosts) -> StreamPlan:
    wide = load.channels if load.kind == "sensors" else load.fields
    kept = load.kept if load.kind == "sessions" else 0
    cores = load.rate * costs.cpu_us.at(wide) / _MEGA
    workers = _workers(cores)
    sent = load.rate * (costs.event_bytes.at(wide) if load.bytes is None else load.bytes)
    least = math.ceil(load.sources / SOURCES_A_PARTITION)
    return StreamPlan(
        load.kind,
        load.sources,
        load.rate,
        cores,
        load.rate * costs.redis_cpu_us.at(wide) / _MEGA,
        workers,
        # A multiple of the workers: each has as many.
        workers * max(PARTITIONS_A_WORKER, math.ceil(least / workers)),
        load.sources * (costs.redis_bytes.at(wide) + kept * costs.kept_bytes.at(wide)),
        sent,
        sent,
        sent * load.retention * load.replicas,
    )
