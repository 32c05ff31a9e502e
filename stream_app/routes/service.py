"""How a notifier is: what it says to a probe, a supervisor or an operator."""

import asyncio
from collections.abc import Awaitable, Collection
from time import monotonic

from aiokafka.errors import KafkaError

from stream_app.errors import BrokerError, StoreError
from stream_app.kafka.offsets import PartitionOffsets
from stream_app.routes.metrics import RouteMetrics
from stream_app.runtime.health import Health
from stream_app.runtime.outages import KAFKA, REDIS
from stream_app.settings import Settings
from stream_app.store import Store

__all__ = ["NotifierService"]

_LOOK_SECONDS = 4.0
_SERVERS = (KAFKA, REDIS)


class NotifierService:
    """What is served of a notifier over HTTP.

    Parameters
    ----------
    settings : Settings
        Where the port is open, and the servers.
    metrics : RouteMetrics
        Its counters.
    """

    def __init__(self, settings: Settings, metrics: RouteMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.taking = False
        """Whether alerts that come from now on are told."""
        self.dead: dict[str, str] = {}
        """Routes whose messages do not arrive, and why."""
        self._away: dict[str, float] = {}

    def report(self, route: str, problem: str | None) -> None:
        """Take why a route is dead, or None when its messages arrive."""
        self.metrics.dead.labels(route).set(problem is not None)
        if problem is None:
            self.dead.pop(route, None)
        else:
            self.dead[route] = problem

    def health(self) -> Health:
        """How it is now: ready while alerts are taken and no server is away, well while no route is dead as well."""
        now = monotonic()
        ready = self.taking and not self._away
        ok = ready and not self.dead
        servers = {
            name: f"away for {now - self._away[name]:.0f} s" if name in self._away else "ok"
            for name in _SERVERS
        }
        routes = {name: "dead" if name in self.dead else "ok" for name in self.settings.routes}
        status = ("ok" if ok else "degraded") if self.taking else "starting"
        return Health(ok=ok, ready=ready, detail={"status": status, **servers, "routes": routes})

    async def watch(self, store: Store, topics: Collection[str]) -> None:
        """Look every few seconds whether the servers answer, until cancelled."""
        offsets = PartitionOffsets(self.settings.kafka)
        try:
            while True:
                await asyncio.gather(
                    self._look(KAFKA, offsets.ends(topics, ())), self._look(REDIS, _answers(store))
                )
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await offsets.close()

    async def _look(self, server: str, question: Awaitable[object]) -> None:
        try:
            await question
        except (BrokerError, KafkaError, StoreError, OSError, TimeoutError):
            # Whoever needs the server says why in the log, and waits for it.
            self._away.setdefault(server, monotonic())
        else:
            self._away.pop(server, None)
        self.metrics.up.labels(server).set(server not in self._away)


async def _answers(store: Store) -> None:
    async with store.errors("asking whether redis answers"):
        await store.client.ping()
