"""Tells alerts that no partition fired, such as those of a comparison that is made now and then from outside a worker.

There is no outbox for these: what is firing is kept, and told again with the next comparison until both Redis and the
alert topic have it. So each comes at least once, under the same id.
"""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from stream_app.events import Alert, AlertState, Topics
from stream_app.runtime.publishing import event_record, publish
from stream_app.store import AlertReader, AlertWriter, FiringAlerts, Store

__all__ = ["KeptAlerts"]


class KeptAlerts:
    """Tells alerts to Redis and the alert topics.

    Parameters
    ----------
    store : Store
        Where they are told.
    key : str
        Where it is kept which are firing; see `FiringAlerts`.
    producer : AIOKafkaProducer
        Publishes.
    topics : Topics
        Names of the topics.
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
            if await self._told(alert) is AlertState.RESOLVED:
                # Its end was told, and whoever told it could not note that.
                await self._kept.ended(alert)
                del found[about]
        return found

    async def tell(self, alerts: Sequence[Alert]) -> int:
        """Tell alerts in their order, and return how many of them are new.

        Parameters
        ----------
        alerts : sequence of Alert
            Beginnings, ends, and those that go on; what was told already is not told again.

        Raises
        ------
        BrokerError, StoreError
            A server is away or refuses; the next call tells what is missing.
        """
        count = 0
        for judged in alerts:
            ends = judged.state is AlertState.RESOLVED
            alert = judged if ends else await self._kept.began(judged)
            if await self._told(alert) not in {alert.state, AlertState.RESOLVED}:
                record = event_record(self._topics.alerts(alert.kind), alert)
                await publish(self._producer, [record], what="alerts")
                count += sum(await self._writer.write([alert]))
            if ends:
                await self._kept.ended(alert)
        return count

    async def _told(self, alert: Alert) -> AlertState | None:
        told = await self._reader.show(alert.id)
        return None if told is None else told.state
