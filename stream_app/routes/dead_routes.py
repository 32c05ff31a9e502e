"""Alerts about routes whose messages do not arrive: other routes, lists and pages tell of them."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaProducer

from stream_app.errors import BrokerError, StoreUnavailableError
from stream_app.events import Alert, LogId, Severity, Topics
from stream_app.runtime.kept_alerts import KeptAlerts
from stream_app.store import Store

__all__ = ["DeadRoutes"]

_log = structlog.get_logger(__name__)

_DETECTOR = "quality.dead_route"
_STREAM = "routes"
_LOOK_SECONDS, _AGAIN_SECONDS = 0.5, 5.0


class DeadRoutes:
    """Publishes what senders report, beside them: neither waits for the other.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    producer : AIOKafkaProducer
        Publishes to Kafka.
    topics : Topics
        Names of the alert topics.
    """

    def __init__(self, store: Store, producer: AIOKafkaProducer, topics: Topics) -> None:
        self._kept = KeptAlerts(store, store.keys.dead_routes, producer, topics)
        self._owner = store.keys.owner
        self._reported: dict[str, str | None] = {}
        self._published: dict[str, bool] = {}

    def report(self, route: str, problem: str | None) -> None:
        """Note why a route is dead, or that it is not."""
        self._reported[route] = problem

    async def run(self) -> None:
        """Publish until cancelled; a server that is away is tried again.

        Raises
        ------
        StoreError
            If Redis refuses.
        """
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for route, problem in list(self._reported.items()):
                if self._published.get(route) is (problem is not None):
                    continue
                try:
                    await self._publish(route, problem)
                except (StoreUnavailableError, BrokerError) as error:
                    # Also where Kafka refuses: messages of the other routes go on.
                    _log.warning("cannot tell of a route now", route=route, reason=str(error))
                    await asyncio.sleep(_AGAIN_SECONDS)
                else:
                    self._published[route] = problem is not None

    async def _publish(self, route: str, problem: str | None) -> None:
        before = (await self._kept.firing()).get(route)
        now = time.time()
        if problem is None:
            if before is not None:
                await self._kept.publish([before.ended(max(now, before.started_at))])
                _log.info("route is back", route=route)
        elif before is None:
            await self._kept.publish([self._alert(route, problem, now)])
            _log.error("route is dead", route=route, reason=problem)

    def _alert(self, route: str, problem: str, now: float) -> Alert:
        return Alert.begun(
            _STREAM,
            route,
            _DETECTOR,
            LogId(deployment=self._owner),
            int(now * 1000),
            severity=Severity.CRITICAL,
            kind="quality",
            started_at=now,
            statistic=1.0,
            threshold=1.0,
            summary=f"messages of the route {route} do not arrive: {problem}",
        )
