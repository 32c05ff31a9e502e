"""Servers that are away: wait for them, as long as it takes, and say so.

What an agent wants of Redis or Kafka is tried until it succeeds. Meanwhile the agent holds its batch, the small
buffer before it fills, and fetching stops by itself: the lag grows, the memory does not. Only a server that does
not answer is waited for; one that refuses stops the worker.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

import structlog

from stream_app.backoff import backoff
from stream_app.errors import BrokerUnavailableError, RegistryUnavailableError, StoreUnavailableError
from stream_app.runtime.metrics import Metrics

__all__ = ["KAFKA", "REDIS", "REGISTRY", "Outage", "Outages", "WaitInterruptedError"]

_log = structlog.get_logger(__name__)

KAFKA: Final = "kafka"
REDIS: Final = "redis"
REGISTRY: Final = "schema_registry"

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0

T = TypeVar("T")


class WaitInterruptedError(Exception):
    """Waiting for a server was broken off, because the worker stops or its group rebalances."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A server that is away.

    Parameters
    ----------
    since : float
        When a request failed first, on the monotonic clock.
    reason : str
        What it failed with last.
    """

    since: float
    reason: str


class Outages:
    """Which servers are away, and waiting for them.

    Parameters
    ----------
    give_up : callable
        Says whether to stop waiting, because the worker stops or its group rebalances.
    metrics : Metrics
        Shows which servers are up.
    """

    def __init__(self, give_up: Callable[[], bool], metrics: Metrics) -> None:
        self._give_up = give_up
        self._metrics = metrics
        self._down: dict[str, dict[object, Outage]] = {KAFKA: {}, REDIS: {}, REGISTRY: {}}
        for server in (KAFKA, REDIS):
            metrics.up.labels(server).set(1)

    @property
    def away(self) -> dict[str, Outage]:
        """The servers that are away now, each since the first failure."""
        return {
            server: min(missed.values(), key=lambda outage: outage.since)
            for server, missed in self._down.items()
            if missed
        }

    def mark_down(self, server: str, reason: str, *, by: object = None) -> None:
        """Note that a request to a server failed; `by` names who asked."""
        missed = self._down[server]
        known = missed.get(by)
        if not missed:
            self._metrics.up.labels(server).set(0)
            self._metrics.outages.labels(server).inc()
            _log.warning("server is away, waiting for it", server=server, reason=reason)
        missed[by] = Outage(known.since if known else monotonic(), reason)

    def mark_up(self, server: str, *, by: object = None) -> None:
        """Note that a request of `by` succeeded; the server is back when nobody's fails any more."""
        missed = self._down[server]
        known = missed.pop(by, None)
        if known is not None and not missed:
            self._metrics.up.labels(server).set(1)
            _log.info("server is back", server=server, seconds=round(monotonic() - known.since, 1))

    async def retry_until_available(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt with growing, jittered waits for as long as a server is away.

        Parameters
        ----------
        attempt : callable
            Safe to do again.

        Raises
        ------
        WaitInterruptedError
            The worker stops or its group rebalances; `attempt` may have been done, wholly or in part.
        Exception
            Whatever else `attempt` raises.
        """
        me = object()
        waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        try:
            while True:
                try:
                    return await self._interruptible(attempt)
                except StoreUnavailableError as error:
                    self.mark_down(REDIS, str(error), by=me)
                except BrokerUnavailableError as error:
                    self.mark_down(KAFKA, str(error), by=me)
                except RegistryUnavailableError as error:
                    self.mark_down(REGISTRY, str(error), by=me)
                await self._pause(next(waits))
        finally:
            for server in self._down:
                self.mark_up(server, by=me)

    async def _interruptible(self, attempt: Callable[[], Awaitable[T]]) -> T:
        # A server that is cut off lets an attempt hang for as long as its timeouts are. One that answers gets its time,
        # so that a rebalance lets the batch in hand be finished.
        task = asyncio.ensure_future(attempt())
        begin = monotonic()
        try:
            while not (await asyncio.wait((task,), timeout=_LOOK_SECONDS))[0]:
                if self._give_up() and (self.away or monotonic() - begin > _PATIENCE_SECONDS):
                    raise WaitInterruptedError
            return task.result()
        finally:
            if not task.done():
                # What it works with is the caller's again only when it has ended.
                task.cancel()
                await asyncio.wait((task,), timeout=_PATIENCE_SECONDS)

    async def _pause(self, seconds: float) -> None:
        end = monotonic() + seconds
        while True:
            if self._give_up():
                raise WaitInterruptedError
            left = end - monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(left, _LOOK_SECONDS))
