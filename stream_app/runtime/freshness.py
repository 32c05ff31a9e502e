"""Alerts about feature views that no events come for any more.

Every worker that holds a partition of a stream looks, and all of them see the same: the newest event of a view, in
Redis. What they find has the same identity, so it is published once, and once more when events come again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from stream_app.core.features import FeatureView
from stream_app.errors import BrokerUnavailableError, FencedError, StoreUnavailableError
from stream_app.events import Alert, AlertState
from stream_app.monitors.sessions import NewestEvent, judge_freshness
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partitions import Partitions
from stream_app.store import AlertWriter, FreshnessStore

__all__ = ["FreshnessWatch"]

_SHORTEST_SECONDS = 1.0
_LONGEST_SECONDS = 30.0
_SHARE_OF_FRESHNESS = 0.1


class FreshnessWatch:
    """Looks after the views of this worker's streams.

    Parameters
    ----------
    views : mapping of str to sequence of FeatureView
        Topic to its views.
    store : FreshnessStore
        Newest events, and what is firing.
    alerts : AlertWriter
        Writes alerts to Redis.
    partitions : Partitions
        Owned partitions; an alert goes out through the outbox of one of them.
    outbox : Outbox
        Publishes the alerts.
    metrics : Metrics
        Counts alerts.
    clock : callable
        The time, in epoch seconds.
    """

    def __init__(
        self,
        views: Mapping[str, Sequence[FeatureView]],
        store: FreshnessStore,
        alerts: AlertWriter,
        partitions: Partitions,
        outbox: Outbox,
        *,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._views = views
        self._store = store
        self._alerts = alerts
        self._partitions = partitions
        self._outbox = outbox
        self._metrics = metrics
        self._clock = clock
        shortest = min((view.freshness for some in views.values() for view in some), default=0.0)
        self._interval = min(max(shortest * _SHARE_OF_FRESHNESS, _SHORTEST_SECONDS), _LONGEST_SECONDS)

    async def run(self) -> None:
        """Look again and again; a server that is away is looked for later.

        Raises
        ------
        StreamgaugeError
            Redis refuses, or what is stored is damaged.
        """
        while self._views:
            await asyncio.sleep(self._interval)
            try:
                await self.look()
            except (StoreUnavailableError, BrokerUnavailableError, FencedError):
                # The agents notice these, too, and say so.
                continue

    async def look(self) -> None:
        """Judge all views of topics of which a partition is here."""
        logs = {held.tp.topic: held.fence.claim.log for held in self._partitions.all()}
        views = {view: topic for topic, some in self._views.items() if topic in logs for view in some}
        if not views:
            return
        newest = await self._store.newest(list(views))
        firing = await self._store.firing()
        now = self._clock()
        for (view, topic), event in zip(views.items(), newest, strict=True):
            before = firing.get(view.key)
            alert = judge_freshness(view, event and NewestEvent(*event), before, now, logs[topic])
            if alert is not None:
                await self._publish(alert, topic, known=before is not None)

    async def _publish(self, alert: Alert, topic: str, *, known: bool) -> None:
        """Write an alert; one that fired before is written again: who stored it may have died before that."""
        if not known:
            alert = await self._store.began(alert)
        fence = next((held.fence for held in self._partitions.all() if held.tp.topic == topic), None)
        if fence is None:
            return
        (new,) = await self._alerts.write([alert], fence)
        if new:
            self._outbox.added(1)
            if alert.state is AlertState.FIRING:
                self._metrics.alert_began(alert)
        if alert.state is AlertState.RESOLVED:
            await self._store.ended(alert)
