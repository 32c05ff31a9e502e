"""Effects of a batch: dead letters and alerts; for features see `live_features`. Writing them again is safe.

They are written before the position moves past the batch. After a crash the batch is processed again and gives
the same effects with the same identities: in Redis they change nothing then, on the topics they are repeated
with the same ids. Whoever does not own the partition any more can write none of them.
"""

from collections.abc import Sequence
from itertools import islice

from aiokafka import AIOKafkaProducer

from stream_app.events import Alert, DeadLetter, Incident, LogId, Topics
from stream_app.kafka.publishing import publish_letters
from stream_app.monitors.base import Outcome
from stream_app.monitors.recency import Forgotten
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partition import Partition
from stream_app.store import AlertReader, AlertWriter

__all__ = ["Effects", "has_no_effects"]


class Effects:
    """Writes what a batch brought about.

    Parameters
    ----------
    stream : str
        Name of the stream, for the metrics.
    producer : AIOKafkaProducer
        For dead letters; idempotent.
    topics : Topics
        Names of the output topics.
    alerts : AlertWriter
        Writes alerts to Redis.
    reader : AlertReader
        Reads which alerts are firing.
    outbox : Outbox
        Publishes the alerts that are in Redis.
    metrics : Metrics
        Counts alerts.
    """

    def __init__(
        self,
        stream: str,
        producer: AIOKafkaProducer,
        topics: Topics,
        alerts: AlertWriter,
        reader: AlertReader,
        outbox: Outbox,
        *,
        metrics: Metrics,
    ) -> None:
        self._stream = stream
        self._producer = producer
        self._topics = topics
        self._alerts = alerts
        self._reader = reader
        self._outbox = outbox
        self._metrics = metrics

    async def write(
        self, partition: Partition, outcomes: Sequence[Outcome], letters: Sequence[DeadLetter]
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
        await self.write_alerts(partition, alerts)

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
        firing = await self.firing(partition)
        log = partition.fence.claim.log
        ends = [end for alert in firing for end in _end(alert, lives.get(alert.source, []), log)]
        await self.write_alerts(partition, _in_incidents(ends, firing))
        partition.forgotten.clear()

    async def firing(self, partition: Partition, detector: str | None = None) -> list[Alert]:
        """Return the alerts of a partition that are firing; see `AlertReader.firing_in`."""
        return await self._reader.firing_in(self._stream, partition.tp.partition, detector)

    async def write_alerts(self, partition: Partition, alerts: Sequence[Alert]) -> None:
        """Write alerts; when it returns they are safe."""
        are_new = await self._alerts.write(alerts, partition.fence)
        self._outbox.added(sum(are_new))
        for alert, new in zip(alerts, are_new, strict=True):
            if new and alert.begins:
                self._metrics.alert_began(alert)


def has_no_effects(outcome: Outcome) -> bool:
    """Whether an outcome has no effects: no alerts, and of models no triggers, audit records or labels."""
    return not outcome.alerts and not any(
        getattr(outcome, part, None) for part in ("triggers", "audit", "labels")
    )


def _end(alert: Alert, lives: Sequence[Forgotten], log: LogId) -> list[Alert]:
    """Return the end of an alert if the life of its source in which it began is over; that is the first not before it."""
    # One from before the topic was made anew is before all of them.
    over = (life for life in lives if alert.life != log.life or life.offset >= alert.offset)
    return [
        alert.ended(
            max(life.until, alert.started_at),
            life.offset if life.offset >= 0 else None,
            context=alert.context | {"source_forgotten": 1.0},
        )
        for life in islice(over, 1)
    ]


def _in_incidents(ends: Sequence[Alert], firing: Sequence[Alert]) -> list[Alert]:
    """Return alerts that end, one after the other, with their incidents as they stand afterwards."""
    left: dict[str, dict[str, Alert]] = {}
    cases: dict[str, Incident] = {}
    for alert in firing:
        left.setdefault(alert.case.id, {})[alert.id] = alert
        cases[alert.case.id] = max(
            alert.case, cases.get(alert.case.id, alert.case), key=lambda case: case.changed_at
        )
    told = []
    for end in ends:
        name = end.case.id
        del left[name][end.id]
        cases[name] = cases[name].after_end(end.changed_at, [alert.severity for alert in left[name].values()])
        told.append(end.model_copy(update={"incident": cases[name]}))
    return told
