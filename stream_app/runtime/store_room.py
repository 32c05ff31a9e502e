"""How much of the room that a stream has in Redis its sources take: as metrics, and as warnings before and when it is used up."""

import time
from collections.abc import Sequence

import structlog

from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partition import Partition

__all__ = ["StoreRoom"]

_log = structlog.get_logger(__name__)

_NEARLY_FULL, _ROOM_AGAIN = 0.8, 0.75
"""Shares of the room; apart, so that a partition at the threshold is told once."""

_REMIND_SECONDS = 60.0
"""Between two warnings of refused events."""


class StoreRoom:
    """Tells how full the partitions of a stream are.

    Parameters
    ----------
    stream : str
        Name of the stream.
    metrics : Metrics
        Where the figures go.
    """

    def __init__(self, stream: str, metrics: Metrics) -> None:
        self._stream = stream
        self._used = metrics.stream_used.labels(stream)
        self._limit = metrics.stream_limit.labels(stream)
        self._told: set[int] = set()
        self._reminded_at = -_REMIND_SECONDS

    def look(self, partitions: Sequence[Partition]) -> None:
        """Look at the partitions that this worker owns of the stream."""
        self._used.set(sum(partition.recency.size for partition in partitions))
        self._limit.set(sum(partition.recency.max_bytes for partition in partitions))
        for partition in partitions:
            number, recency = partition.tp.partition, partition.recency
            share = recency.size / recency.max_bytes
            if share >= _NEARLY_FULL and number not in self._told:
                self._told.add(number)
                _log.warning(
                    "a partition's sources nearly fill their room in Redis; when it is used up, events of new sources become "
                    "dead letters: raise max_store_bytes of the stream, or redis.max_bytes",
                    stream=self._stream,
                    partition=number,
                    sources=len(recency),
                    used_mb=recency.size // 1_000_000,
                    room_mb=recency.max_bytes // 1_000_000,
                )
            elif share < _ROOM_AGAIN:
                self._told.discard(number)

    def refused(self, partition: Partition, events: int) -> None:
        """Tell of events that a partition had no room for."""
        now = time.monotonic()
        if not events or now - self._reminded_at < _REMIND_SECONDS:
            return
        self._reminded_at = now
        _log.warning(
            "no room in Redis for new sources or channels; their events become dead letters, and "
            "streamgauge_refused_events_total counts them as no_room: raise max_store_bytes of the stream, or redis.max_bytes",
            stream=self._stream,
            partition=partition.tp.partition,
            events=events,
            sources=len(partition.recency),
        )
