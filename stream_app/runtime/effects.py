"""Effects of a batch: dead letters, alerts and features, all safe to write again.

They are written before the position moves past the batch. After a crash the batch is processed again and gives
the same effects with the same identities: in Redis they change nothing then, on the topics they are repeated
with the same ids. Whoever does not own the partition any more can write none of them.
"""

import time
from collections.abc import Sequence
from itertools import islice

from aiokafka import AIOKafkaProducer

from stream_app.events import Alert, AlertState, DeadLetter, Topics
from stream_app.monitors.form import SourceOutcome
from stream_app.monitors.sensors import Forgotten
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partition import Partition
from stream_app.runtime.publishing import publish_letters
from stream_app.store import AlertReader, AlertWriter, FeatureRow, FeatureWriter

__all__ = ["Effects"]

_FEATURE_INTERVAL_SECONDS = 0.5
"""Features of one source are written at most this often: under load a reader gains nothing from more."""

_MANY = 1000

Key = tuple[str, int, str]
"""Topic, partition and source."""


class Effects:
    """Writes what a batch brought about.

    Parameters
    ----------
    stream : str
        Name of the stream, for the metrics.
    producer : AIOKafkaProducer
        For dead letters; idempotent.
    topics : Topics
        Their names.
    alerts : AlertWriter
        For Redis.
    reader : AlertReader
        Knows which alerts fire.
    features : FeatureWriter
        For Redis.
    outbox : Outbox
        Publishes the alerts from there.
    metrics : Metrics
        Counts.
    """

    def __init__(
        self,
        stream: str,
        producer: AIOKafkaProducer,
        topics: Topics,
        alerts: AlertWriter,
        reader: AlertReader,
        features: FeatureWriter,
        outbox: Outbox,
        *,
        metrics: Metrics,
    ) -> None:
        self._stream = stream
        self._producer = producer
        self._topics = topics
        self._alerts = alerts
        self._reader = reader
        self._features = features
        self._outbox = outbox
        self._metrics = metrics
        self._written: dict[Key, float] = {}
        self._waiting: dict[Key, tuple[Partition, int]] = {}

    async def write(
        self, partition: Partition, outcomes: Sequence[SourceOutcome], letters: Sequence[DeadLetter]
    ) -> None:
        """Write all effects of one batch; when it returns they are safe.

        Raises
        ------
        BrokerError, StoreError
            If Kafka or Redis cannot be reached or refuses, or too many alerts wait to be published; writing again is
            safe.
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        """
        self._outbox.check_room()
        await publish_letters(self._producer, self._topics.dead_letters, letters)
        alerts = [alert for outcome in outcomes for alert in outcome.alerts]
        told = await self._alerts.write(alerts, partition.fence)
        self._outbox.added(sum(told))
        for alert, new in zip(alerts, told, strict=True):
            if new and alert.state is AlertState.FIRING:
                self._metrics.alerts.labels(self._stream, alert.kind).inc()
        for outcome in outcomes:
            if outcome.batch is not None:
                key = (*partition.tp, outcome.source)
                self._waiting[key] = partition, int(outcome.batch.offsets[-1])
        await self.write_features(force=False)

    async def end_forgotten(self, partition: Partition) -> None:
        """End the alerts of sources that were forgotten, as no event of theirs will; before their state is removed.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses; writing again is safe.
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        """
        if not partition.forgotten:
            return
        lives: dict[str, list[Forgotten]] = {}
        for gone in partition.forgotten:
            lives.setdefault(gone.source, []).append(gone)
        firing = [
            alert
            for alert in await self._reader.firing()
            if alert.stream == self._stream and alert.partition == partition.tp.partition
        ]
        ends = [end for alert in firing for end in _end(alert, lives.get(alert.source, []))]
        self._outbox.added(sum(await self._alerts.write(ends, partition.fence)))
        partition.forgotten.clear()

    async def write_features(self, *, force: bool) -> None:
        """Write the features of sources whose turn it is; of all that wait, with `force`."""
        now = time.monotonic()
        ready: dict[tuple[str, int], list[Key]] = {}
        for key in self._waiting:
            if force or now - self._written.get(key, float("-inf")) >= _FEATURE_INTERVAL_SECONDS:
                ready.setdefault(key[:2], []).append(key)
        for keys in ready.values():
            partition, _ = self._waiting[keys[0]]
            await self._features.write(self._rows(partition, keys), partition.fence)
            for key in keys:
                self._written[key] = now
                del self._waiting[key]
        if len(self._written) > _MANY + 2 * len(self._waiting):
            # Who was written longer ago than the interval may be written now, remembered or not.
            self._written = {
                key: at for key, at in self._written.items() if now - at < _FEATURE_INTERVAL_SECONDS
            }

    def forget(self) -> None:
        """Drop what waits: its partitions are somebody else's now."""
        self._waiting.clear()

    def _rows(self, partition: Partition, keys: Sequence[Key]) -> list[FeatureRow]:
        written = time.time()
        # One that was forgotten meanwhile has no features any more.
        known = [key for key in keys if key[2] in partition.monitor]
        features = partition.monitor.features_of([source for *_, source in known])
        return [
            FeatureRow(key[2], self._waiting[key][1], event_ts, written, values)
            for key, (event_ts, values) in zip(known, features, strict=True)
        ]


def _end(alert: Alert, lives: Sequence[Forgotten]) -> list[Alert]:
    """Return the end of an alert if the life of its source in which it began is over; that is the first not before it."""
    over = (life for life in lives if life.offset >= alert.offset)
    return [
        alert.ended(
            max(life.until, alert.started_at), life.offset, context=alert.context | {"source_forgotten": 1.0}
        )
        for life in islice(over, 1)
    ]
