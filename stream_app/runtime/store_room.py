"""How much of the room that a stream has in Redis its sources take: as metrics, an alert and warnings, before and when it is used up."""

import time
from collections.abc import Sequence

import structlog

from stream_app.events import Alert
from stream_app.runtime.effects import Effects
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partition import Partition

__all__ = ["StoreRoom"]

_log = structlog.get_logger(__name__)

_DETECTOR = "quality.store_room"
_NEARLY_FULL, _ROOM_AGAIN = 0.8, 0.75
"""Shares of the room at which the alert begins and ends; apart, so that a partition at the threshold is told once."""

_REMIND_SECONDS = 60.0
"""Between two warnings of refused events."""

_REMEDY = "raise max_store_bytes of the stream, or redis.max_bytes"


class StoreRoom:
    """Tells how full the partitions of a stream are.

    Parameters
    ----------
    stream : str
        Name of the stream, which the alert names as its source.
    effects : Effects
        Where alerts go.
    metrics : Metrics
        Where the figures go.
    """

    def __init__(self, stream: str, effects: Effects, metrics: Metrics) -> None:
        self._stream = stream
        self._effects = effects
        self._used = metrics.stream_used.labels(stream)
        self._limit = metrics.stream_limit.labels(stream)
        self._firing: dict[str, Alert | None] = {}
        self._reminded_at = -_REMIND_SECONDS

    def measure(self, partitions: Sequence[Partition]) -> None:
        """Take the figures of the partitions that this worker owns of the stream."""
        self._used.set(sum(partition.recency.size for partition in partitions))
        self._limit.set(sum(partition.recency.max_bytes for partition in partitions))

    async def tell(self, partition: Partition) -> None:
        """Begin or end the alert about a partition; its lock is held.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses; trying again is safe.
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        """
        share = partition.recency.size / partition.recency.max_bytes
        owner = partition.fence.claim.owner
        if owner not in self._firing:
            # One that an earlier owner began goes on.
            firing = await self._effects.firing(partition, _DETECTOR)
            self._firing[owner] = firing[0] if firing else None
        firing_now = self._firing[owner]
        if firing_now is None and share >= _NEARLY_FULL:
            alert = self._alert(partition, share)
            await self._effects.write_alerts(partition, [alert])
            self._firing[owner] = alert
            _log.warning(alert.summary, stream=self._stream, partition=alert.partition)
        elif firing_now is not None and share < _ROOM_AGAIN:
            ended_at = max(partition.recency.clock, firing_now.started_at)
            await self._effects.write_alerts(partition, [firing_now.ended(ended_at)])
            self._firing[owner] = None

    def _alert(self, partition: Partition, share: float) -> Alert:
        recency, log = partition.recency, partition.fence.claim.log
        return Alert.begun(
            self._stream,
            self._stream,
            _DETECTOR,
            log,
            partition.next_offset - 1,
            kind="quality",
            started_at=max(recency.clock, 0.0),
            statistic=share,
            threshold=_NEARLY_FULL,
            summary=f"{len(recency):,} sources of partition {log.partition} take {recency.size / 1e6:.1f} of {recency.max_bytes / 1e6:.1f} MB "
            f"in Redis; without room, events of new sources become dead letters: {_REMEDY}",
        )

    def refused(self, partition: Partition, events: int) -> None:
        """Tell of events that a partition had no room for."""
        now = time.monotonic()
        if not events or now - self._reminded_at < _REMIND_SECONDS:
            return
        self._reminded_at = now
        _log.warning(
            "no room in Redis for new sources or channels; their events become dead letters, and "
            f"streamgauge_refused_events_total counts them as no_room: {_REMEDY}",
            stream=self._stream,
            partition=partition.tp.partition,
            events=events,
            sources=len(partition.recency),
        )
