"""Servers that are away: wait for them, as long as it takes, and say so.

What an agent wants of Redis or Kafka is tried until it succeeds. Meanwhile the agent holds its batch, the small
buffer before it fills, and fetching stops by itself: the lag grows, the memory does not. Only a server that does
not answer is waited for; one that refuses stops the worker.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

import structlog

from stream_app.errors import BrokerUnavailableError, StoreUnavailableError
from stream_app.runtime.metrics import Metrics

__all__ = ["KAFKA", "REDIS", "GaveUpError", "Outage", "Outages"]

_log = structlog.get_logger(__name__)

KAFKA: Final = "kafka"
REDIS: Final = "redis"

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0

T = TypeVar("T")


class GaveUpError(Exception):
    """Waiting for a server was broken off, because the worker stops or its group rebalances."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A server that is away.

    Parameters
    ----------
    since : float
        When it was missed first, on the monotonic clock.
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
        Whether waiting is of no use any more.
    metrics : Metrics
        Shows it.
    """

    def __init__(self, give_up: Callable[[], bool], metrics: Metrics) -> None:
        self._give_up = give_up
        self._metrics = metrics
        self._missed: dict[str, dict[object, Outage]] = {KAFKA: {}, REDIS: {}}
        # Many workers lose one server at the same moment; they shall not come back all at once.
        self._chance = random.Random()  # noqa: S311 not a secret
        for server in (KAFKA, REDIS):
            metrics.up.labels(server).set(1)

    @property
    def away(self) -> dict[str, Outage]:
        """The servers that are away now, each as whoever missed it first tells."""
        return {
            server: min(missed.values(), key=lambda outage: outage.since)
            for server, missed in self._missed.items()
            if missed
        }

    def missed(self, server: str, reason: str, *, by: object = None) -> None:
        """Note that a server did not do what somebody wanted of it."""
        missed = self._missed[server]
        known = missed.get(by)
        if not missed:
            self._metrics.up.labels(server).set(0)
            self._metrics.outages.labels(server).inc()
            _log.warning("server is away, waiting for it", server=server, reason=reason)
        missed[by] = Outage(known.since if known else monotonic(), reason)

    def answered(self, server: str, *, by: object = None) -> None:
        """Note that a server did what this one wanted; it is back when nobody misses it any more."""
        missed = self._missed[server]
        known = missed.pop(by, None)
        if known is not None and not missed:
            self._metrics.up.labels(server).set(1)
            _log.info("server is back", server=server, seconds=round(monotonic() - known.since, 1))

    async def ride_out(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do something that a server which is away makes fail, until it succeeds.

        Parameters
        ----------
        attempt : callable
            Safe to do again.

        Raises
        ------
        GaveUpError
            When there is no use in waiting any more; `attempt` may have been done, or a part of it.
        Exception
            Whatever else `attempt` raises.
        """
        me = object()
        wait = _FIRST_WAIT_SECONDS
        try:
            while True:
                try:
                    return await self._interruptible(attempt)
                except StoreUnavailableError as error:
                    self.missed(REDIS, str(error), by=me)
                except BrokerUnavailableError as error:
                    self.missed(KAFKA, str(error), by=me)
                await self._pause(self._chance.uniform(wait / 2, wait))
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        finally:
            for server in self._missed:
                self.answered(server, by=me)

    async def _interruptible(self, attempt: Callable[[], Awaitable[T]]) -> T:
        # A server that is cut off lets an attempt hang for as long as its timeouts are. One that answers gets its time,
        # so that a rebalance lets the batch in hand be finished.
        task = asyncio.ensure_future(attempt())
        begin = monotonic()
        try:
            while not (await asyncio.wait((task,), timeout=_LOOK_SECONDS))[0]:
                if self._give_up() and (self.away or monotonic() - begin > _PATIENCE_SECONDS):
                    raise GaveUpError
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
                raise GaveUpError
            left = end - monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(left, _LOOK_SECONDS))
