"""Effects of a batch: dead letters, alerts and features, all safe to write again.

They are written before the position moves past the batch. After a crash the batch is processed again and gives
the same effects with the same identities: in Redis they change nothing then, on the topics they are repeated
with the same ids.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_app.errors import BrokerError
from stream_app.events import Alert, AlertState, DeadLetter, Topics
from stream_app.monitors.sensors import Outcome, SensorMonitor
from stream_app.runtime.metrics import Metrics
from stream_app.store import AlertWriter, FeatureRow, FeatureWriter

__all__ = ["Effects"]

_FEATURE_INTERVAL_SECONDS = 0.5
"""Features of one source are written at most this often: under load a reader gains nothing from more."""


class Effects:
    """Writes what a batch brought about.

    Parameters
    ----------
    producer : AIOKafkaProducer
        For alert topics and dead letters; idempotent.
    topics : Topics
        Their names.
    alerts : AlertWriter
        For Redis.
    features : FeatureWriter
        For Redis.
    """

    def __init__(
        self,
        stream: str,
        producer: AIOKafkaProducer,
        topics: Topics,
        alerts: AlertWriter,
        features: FeatureWriter,
        *,
        metrics: Metrics,
    ) -> None:
        self._stream = stream
        self._producer = producer
        self._topics = topics
        self._alerts = alerts
        self._features = features
        self._metrics = metrics
        self._written: dict[str, float] = {}
        self._waiting: dict[str, tuple[SensorMonitor, int]] = {}

    async def write(
        self, monitor: SensorMonitor, outcomes: Sequence[Outcome], letters: Sequence[DeadLetter]
    ) -> None:
        """Write all effects of one batch; when it returns they are safe.

        Raises
        ------
        BrokerError, StoreError
            If Kafka or Redis cannot be reached or refuses; writing again is safe.
        """
        alerts = [alert for outcome in outcomes for alert in outcome.alerts]
        await self._publish(alerts, letters)
        for alert, new in zip(alerts, await self._alerts.write(alerts), strict=True):
            if new and alert.state is AlertState.FIRING:
                self._metrics.alerts.labels(self._stream, alert.kind).inc()
        for outcome in outcomes:
            if outcome.batch is not None:
                self._waiting[outcome.source] = (monitor, int(outcome.batch.offsets[-1]))
        await self.write_features(force=False)

    async def write_features(self, *, force: bool) -> None:
        """Write the features of sources whose turn it is; of all that wait, with `force`."""
        now = time.monotonic()
        ready = [
            source
            for source in self._waiting
            if force or now - self._written.get(source, float("-inf")) >= _FEATURE_INTERVAL_SECONDS
        ]
        await self._features.write(list(self._rows(ready)))
        for source in ready:
            self._written[source] = now
            del self._waiting[source]

    def forget(self) -> None:
        """Drop what waits: its partitions are somebody else's now."""
        self._waiting.clear()

    def _rows(self, sources: Iterable[str]) -> Iterable[FeatureRow]:
        written = time.time()
        for source in sources:
            monitor, offset = self._waiting[source]
            event_ts, values = monitor.features(source)
            yield FeatureRow(source, offset, event_ts, written, values)

    async def _publish(self, alerts: Sequence[Alert], letters: Sequence[DeadLetter]) -> None:
        if not alerts and not letters:
            return
        try:
            sent = [
                await self._producer.send(
                    self._topics.alerts(alert.kind),
                    key=alert.source.encode(),
                    value=msgspec.json.encode(alert.to_cloudevent()),
                    headers=[("content-type", b"application/cloudevents+json")],
                )
                for alert in alerts
            ]
            sent += [
                await self._producer.send(
                    self._topics.dead_letters, key=letter.key, value=letter.value, headers=letter.headers()
                )
                for letter in letters
            ]
            await asyncio.gather(*sent)
        except KafkaError as error:
            raise BrokerError(f"Kafka does not take alerts or dead letters: {error!r}") from error
