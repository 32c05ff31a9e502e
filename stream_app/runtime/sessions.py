"""The way of a session event: decode, read the logs of its entity, take it, write the logs that changed, checkpoint.

Events go into the logs in memory at once. The logs are written a few times a second, each once however many of its
events came, and always before a checkpoint; what was not written when a worker dies is read from the topic again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from aiokafka import AIOKafkaProducer

from stream_app.events import Alert, DeadLetter, DecodedRows, Rejected, SessionRow, record_times
from stream_app.kafka.publishing import publish_letters
from stream_app.monitors.sessions import SessionArrivals
from stream_app.runtime.agents import StreamAgent
from stream_app.runtime.bad_input import BadInputLimit
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partition import OwnedPartition
from stream_app.runtime.partitions import Partitions
from stream_app.runtime.session_partition import SessionPartition
from stream_app.store import AlertWriter, FeatureLogReader, FeatureLogWriter

__all__ = ["SessionAgent", "SessionEffects"]

_WRITE_INTERVAL_SECONDS = 0.25
"""Logs of a partition are written at most this often: under load each then has several new events."""

_MANY = 2000
"""Logs that are written in one round trip; when so many wait, they are not kept waiting."""


class SessionEffects:
    """Writes the logs and alerts of a stream's partitions, and publishes dead letters.

    Parameters
    ----------
    partitions : Partitions
        The partitions that this worker owns.
    logs : FeatureLogWriter
        Writes the logs to Redis.
    producer : AIOKafkaProducer
        For dead letters; idempotent.
    dead_letters : str
        Their topic.
    alerts : AlertWriter
        Writes alerts to Redis.
    outbox : Outbox
        Publishes the alerts that are in Redis.
    metrics : Metrics
        Counts alerts.
    """

    def __init__(
        self,
        partitions: Partitions,
        logs: FeatureLogWriter,
        producer: AIOKafkaProducer,
        dead_letters: str,
        alerts: AlertWriter,
        outbox: Outbox,
        *,
        metrics: Metrics,
    ) -> None:
        self._partitions = partitions
        self._logs = logs
        self._producer = producer
        self._dead_letters = dead_letters
        self._alerts = alerts
        self._outbox = outbox
        self._metrics = metrics

    async def publish(self, letters: Iterable[DeadLetter]) -> None:
        """Publish dead letters; when it returns they are safe.

        Raises
        ------
        BrokerError
            If Kafka cannot be reached or refuses.
        """
        await publish_letters(self._producer, self._dead_letters, letters)

    async def write_alerts(self, partition: SessionPartition, alerts: Sequence[Alert]) -> None:
        """Write alerts; when it returns they are safe.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses, or too many alerts wait to be published; writing again is safe.
        """
        if not alerts:
            return
        self._outbox.check_room()
        are_new = await self._alerts.write(alerts, partition.fence)
        self._outbox.added(sum(are_new))
        for alert, new in zip(alerts, are_new, strict=True):
            if new and alert.begins:
                self._metrics.alerts.labels(alert.stream, alert.kind).inc()

    async def write_logs(self, partition: SessionPartition, *, force: bool) -> None:
        """Write the logs of a partition whose turn it is, or all that wait, with `force`; its lock is held.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            A stored log is not the one that ours was made of, or the store lost its last writes.
        StoreError
            Redis cannot be reached or refuses; writing again is safe.
        """
        if not partition.waiting:
            return
        now = time.monotonic()
        if force or partition.waiting >= _MANY or now - partition.written_at >= _WRITE_INTERVAL_SECONDS:
            await self._write(partition)
            partition.written_at = now

    async def _write(self, partition: SessionPartition) -> None:
        while partition.waiting:
            changes = partition.changes(_MANY)
            await self._logs.write(changes, written_ts=time.time(), fence=partition.fence)
            partition.written()
        partition.evict(self._partitions.share)


@dataclass(slots=True)
class _Decoded:
    """Some events after decoding, as `sources.Decoded`."""

    arrivals: SessionArrivals = field(default_factory=SessionArrivals)
    rejected: list[tuple[Any, Rejected]] = field(default_factory=list)
    bad: list[bool] = field(default_factory=list)


Rows = Callable[[list[Any]], DecodedRows[SessionRow]]
"""Decodes records, each by itself."""


def _decode(records: list[Any], read: Rows) -> _Decoded:
    found, times = read(records), record_times(records)
    arrivals = SessionArrivals(
        found.rows,
        [records[place].offset for place in found.places],
        [times[place] for place in found.places],
    )
    bad = [False] * len(records)
    for place, _ in found.rejected:
        bad[place] = True
    return _Decoded(arrivals, [(records[place], why) for place, why in found.rejected], bad)


class SessionAgent(StreamAgent[SessionPartition]):
    """Processes the batches of one stream of sessions; for its other parameters see `StreamAgent`.

    Parameters
    ----------
    effects : SessionEffects
        Where logs and dead letters go.
    logs : FeatureLogReader
        Where logs come from that are not in memory.
    views : list of str
        Name and version of each view of the stream.
    rows : callable
        Decodes records.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        partitions: Partitions,
        limit: BadInputLimit,
        *,
        effects: SessionEffects,
        logs: FeatureLogReader,
        views: list[str],
        rows: Rows,
        **rest: Any,
    ) -> None:
        super().__init__(stream, topic, partitions, limit, **rest)
        self._effects = effects
        self._logs = logs
        self._views = views
        self._rows = rows

    async def _take(self, partition: SessionPartition, records: list[Any]) -> tuple[int, list[bool]]:
        begin = time.perf_counter()
        decoded = _decode(records, self._rows)
        decoding = time.perf_counter() - begin
        entities = [row.entity for row in decoded.arrivals.rows]
        fitting = partition.fitting(entities, self._partitions.room)
        if fitting < len(entities):
            # A record may have several events, which stay together; of the first record all are taken, however many.
            offsets = decoded.arrivals.offsets
            end = max(offsets[fitting], offsets[0] + 1)
            records = [record for record in records if record.offset < end]
            decoded = _decode(records, self._rows)
        decoded = self._unreported(partition, records, decoded)
        absent = partition.absent(decoded.arrivals)
        await self._outages.retry_until_available(partial(self._restore, partition, absent))
        begin = time.perf_counter()
        refusals, alerts = partition.take(decoded.arrivals)
        self._took(len(records), decoding + time.perf_counter() - begin)
        letters = self._letters(records, decoded.rejected, refusals)
        await self._outages.retry_until_available(lambda: self._effects.publish(letters))
        await self._outages.retry_until_available(lambda: self._effects.write_alerts(partition, alerts))
        await self._outages.retry_until_available(lambda: self._effects.write_logs(partition, force=False))
        return len(records), decoded.bad

    async def _write_letters(self, partition: SessionPartition, letters: Sequence[DeadLetter]) -> None:  # noqa: ARG002 the signature is the base's
        await self._effects.publish(letters)

    async def _prepare(self, partition: OwnedPartition) -> None:
        await self._effects.write_logs(cast(SessionPartition, partition), force=True)

    async def _write_waiting(self) -> None:
        for held in self._mine():
            partition = cast(SessionPartition, held)
            async with partition.lock:
                await self._outages.retry_until_available(
                    partial(self._effects.write_logs, partition, force=False)
                )

    async def _write_last(self, partition: OwnedPartition) -> None:
        """Do nothing: logs are written before each checkpoint, also the last one."""

    @staticmethod
    def _unreported(partition: SessionPartition, records: list[Any], decoded: _Decoded) -> _Decoded:
        """Leave out what was refused before the stored position: it was reported when it was read first."""
        reported = partition.reported_until
        if records[0].offset < reported:
            decoded.rejected = [
                (record, why) for record, why in decoded.rejected if record.offset >= reported
            ]
            decoded.bad = [
                bad for record, bad in zip(records, decoded.bad, strict=True) if record.offset >= reported
            ]
        return decoded

    async def _restore(self, partition: SessionPartition, entities: list[str]) -> None:
        """Read the logs of entities that are not in memory."""
        for first in range(0, len(entities), _MANY):
            some = entities[first : first + _MANY]
            found = await self._logs.read_views(self._views, some)
            raws = [[None if log is None else log.log for log in logs] for logs in found]
            for entity, *stored in zip(some, *raws, strict=True):
                partition.monitor.restore(entity, dict(zip(self._views, stored, strict=True)))
