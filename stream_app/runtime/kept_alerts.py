"""Publishes alerts that are raised outside a worker, for example by `streamgauge features skew --alert`.

No partition's outbox takes these: which are firing is stored, and the next comparison publishes again what Redis or the
alert topic lacks. So each is published at least once, under the same id.
"""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from stream_app.events import Alert, AlertState, Topics
from stream_app.kafka.publishing import event_record, publish
from stream_app.store import AlertReader, AlertWriter, FiringAlerts, Store

__all__ = ["KeptAlerts"]


class KeptAlerts:
    """Publishes alerts to Redis and the alert topics.

    Parameters
    ----------
    store : Store
        Redis.
    key : str
        Under which it is stored which alerts are firing; see `FiringAlerts`.
    producer : AIOKafkaProducer
        Publishes to Kafka.
    topics : Topics
        Names of the alert topics.
    """

    def __init__(self, store: Store, key: str, producer: AIOKafkaProducer, topics: Topics) -> None:
        self._kept = FiringAlerts(store, key)
        self._reader = AlertReader(store)
        self._writer = AlertWriter(store)
        self._producer = producer
        self._topics = topics

    async def firing(self) -> dict[str, Alert]:
        """Return what is firing, by source and channel.

        Raises
        ------
        StateError
            If what is kept is damaged.
        StoreError
            If Redis cannot be reached or refuses.
        """
        found = await self._kept.firing()
        for about, alert in list(found.items()):
            if await self._state_of(alert) is AlertState.RESOLVED:
                # It was published as resolved, and whoever did could not note that.
                await self._kept.ended(alert)
                del found[about]
        return found

    async def publish(self, alerts: Sequence[Alert]) -> int:
        """Publish alerts in their order, and return how many of them are new.

        Parameters
        ----------
        alerts : sequence of Alert
            Firing and resolved; what was published already is not published again.

        Raises
        ------
        BrokerError, StoreError
            A server is away or refuses; the next call publishes what is missing.
        """
        count = 0
        for judged in alerts:
            ends = judged.state is AlertState.RESOLVED
            alert = judged if ends else await self._kept.began(judged)
            if await self._state_of(alert) not in {alert.state, AlertState.RESOLVED}:
                record = event_record(self._topics.alerts(alert.kind), alert)
                await publish(self._producer, [record], what="alerts")
                count += sum(await self._writer.write([alert]))
            if ends:
                await self._kept.ended(alert)
        return count

    async def _state_of(self, alert: Alert) -> AlertState | None:
        stored = await self._reader.show(alert.id)
        return None if stored is None else stored.state
