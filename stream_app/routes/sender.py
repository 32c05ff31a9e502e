"""Sends the messages of one route, each until it has arrived, one after the other."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import msgspec
import structlog

from stream_app.backoff import backoff
from stream_app.errors import DeliveryError, StoreUnavailableError
from stream_app.routes.channel import Channel
from stream_app.routes.group_news import GroupNews
from stream_app.routes.message import Message
from stream_app.routes.metrics import RouteMetrics
from stream_app.routes.route import Route
from stream_app.store import (
    IncidentReader,
    IncidentStatus,
    Member,
    RouteStore,
    Silence,
    SilenceStore,
    Store,
    revision,
)

__all__ = ["Sender"]

_log = structlog.get_logger(__name__)

_LEASE_SECONDS = 5.0
"""After which another notifier takes over a route whose notifier died. Whoever loses it too early sends nothing wrong: what is told is written
down only by the owner, and a message that two send has one key."""

_LOOK_SECONDS = 0.25
_SEND_SECONDS = 30.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 60.0
_AT_ONCE = 200
"""Incidents of a group that are in memory at a time; what else runs here is not held up by a group of thousands."""


class Sender:
    """Tells what is due of a route, as long as no other notifier does.

    Parameters
    ----------
    route : Route
        The route.
    store : Store
        Connection to Redis.
    who : str
        Name of this notifier, unlike that of all others.
    report : callable
        Takes the name of the route, and why it is dead, or None when its messages arrive.
    metrics : RouteMetrics, optional
        Counts what is sent.
    """

    def __init__(
        self,
        route: Route,
        store: Store,
        who: str,
        report: Callable[[str, str | None], None],
        metrics: RouteMetrics | None = None,
    ) -> None:
        self._route, self._report = route, report
        self._metrics = metrics or RouteMetrics()
        self._owner = store.keys.owner
        self._kept = RouteStore(store, route.name, who)
        self._incidents, self._silences = IncidentReader(store), SilenceStore(store)
        self._waits, self._failures = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS), 0

    async def run(self) -> None:
        """Send until cancelled; a Redis that is away is waited for.

        Raises
        ------
        SettingsError
            If the settings of the channel are wrong.
        StoreError
            If Redis refuses.
        """
        channel = self._route.open()
        waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        try:
            while True:
                try:
                    await self._turn(channel)
                except StoreUnavailableError as error:
                    self._metrics.held.labels(self._route.name).set(0)  # nobody knows who has it
                    _log.warning("redis is away, waiting for it", route=self._route.name, reason=str(error))
                    await asyncio.sleep(next(waits))
                else:
                    waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        finally:
            with contextlib.suppress(StoreUnavailableError):
                await self._kept.release()
            await channel.close()

    async def _turn(self, channel: Channel) -> None:
        """Do what is to be done now, or wait a moment where that is nothing."""
        metrics, name = self._metrics, self._route.name
        held = await self._kept.lease(_LEASE_SECONDS)
        metrics.held.labels(name).set(held)
        if not held:
            metrics.waiting.labels(name).set(0)
            self._report(name, None)
            await asyncio.sleep(_LOOK_SECONDS)
            return
        raw = await self._kept.message()
        metrics.waiting.labels(name).set(await self._kept.waiting(time.time()) + (raw is not None))
        if raw is not None:
            await self._send(channel, raw)
            return
        self._report(name, None)
        if not await self._tell_due(time.time()):
            await asyncio.sleep(_LOOK_SECONDS)

    async def _send(self, channel: Channel, raw: bytes) -> None:
        try:
            message = msgspec.json.decode(raw, type=Message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _log.error("what was to be sent is no message, and is left out", route=self._route.name, reason=str(error))  # fmt: skip
            await self._kept.sent(raw)
            return
        metrics, name = self._metrics, self._route.name
        metrics.retries.labels(name).inc(self._failures > 0)
        try:
            if not await self._keeping_the_lease(self._attempt(channel, message)):
                return
        except DeliveryError as error:
            metrics.failed.labels(name).inc()
            await self._failed(message, error)
            return
        metrics.sent.labels(name).inc()
        metrics.last_success.labels(name).set_to_current_time()
        self._waits, self._failures = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS), 0
        if await self._kept.sent(raw):
            _log.info("sent", route=self._route.name, message=message.key, **message.counts)

    async def _failed(self, message: Message, error: DeliveryError) -> None:
        """Wait before the next attempt, and tell when the route counts as dead."""
        wait = next(self._waits) if error.retry_after is None else error.retry_after
        _log.warning("message did not arrive", route=self._route.name, reason=str(error), retry_in=round(wait, 1))  # fmt: skip
        self._failures += 1
        # One failure after a long stop of all notifiers says nothing yet.
        known_since = message.at if self._failures > 1 else time.time()
        dead_in = known_since + self._route.settings.dead_after - time.time()
        if dead_in <= wait:
            if not await self._keeping_the_lease(asyncio.sleep(max(dead_in, 0.0))):
                return
            self._report(self._route.name, str(error))
            wait -= max(dead_in, 0.0)
        await self._keeping_the_lease(asyncio.sleep(wait))

    async def _attempt(self, channel: Channel, message: Message) -> None:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await channel.send(message, self._route.renderer.text(message))
        except TimeoutError:
            raise DeliveryError(f"the receiver does not answer within {_SEND_SECONDS:.0f} s") from None
        except DeliveryError:
            raise
        except Exception as error:
            # A channel from outside may raise anything, and its text may quote a secret.
            raise DeliveryError(f"the channel failed: {type(error).__name__}") from error

    async def _keeping_the_lease(self, work: Awaitable[None]) -> bool:
        """Do some work to its end; returns False where the route became another notifier's before."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait((task,), timeout=_LEASE_SECONDS / 3))[0]:
                if not await self._kept.lease(_LEASE_SECONDS):
                    return False
            task.result()
        finally:
            task.cancel()
        return True

    async def _tell_due(self, now: float) -> bool:
        """Look at groups that are due, until there is a message; returns whether there is one."""
        groups = await self._kept.due(now)
        if not groups:
            return False
        silences = [each for each in await self._silences.all() if each.is_open(now)]
        firing = [one async for one in self._incidents.each_firing() if self._route.may_inhibit(one)]
        for group in groups:
            if await self._tell_group(group, silences, firing, now):
                return True
        return False

    async def _tell_group(
        self, group: str, silences: Sequence[Silence], firing: Sequence[IncidentStatus], now: float
    ) -> bool:
        route = self._route
        read = await self._kept.read(group)
        news = GroupNews(route, now)
        names = list(read.kinds)
        for first in range(0, len(names), _AT_ONCE):
            if not await self._kept.lease(_LEASE_SECONDS):
                return False
            some = names[first : first + _AT_ONCE]
            if news.full:
                news.leave((await self._kept.told(some)).values())
                continue
            members = await self._kept.members(group, read, some)
            for status in await self._statuses(members):
                one = status.incident.id
                kept_back = route.keeps_back(
                    status, read.kinds[one], silences=silences, firing=firing, now=now
                )
                news.add(status, members[one].told, kept_back=kept_back)
        message = news.message(self._owner, group)
        soon = now + route.settings.group_wait
        done = await self._kept.tell(
            group, read, news.told, message, over=news.over, look_at=news.look_at, soon=soon
        )
        return done and bool(message)

    async def _statuses(self, members: Mapping[str, Member]) -> list[IncidentStatus]:
        """Return incidents of a group as they stand, in the order of their beginnings."""
        stored = {status.incident.id: status for status in await self._incidents.read(members)}
        statuses = []
        for one, member in members.items():
            status = stored.get(one)
            if status is None:
                # Redis does not have it yet, or not any more: what its alert said is what is known.
                status = IncidentStatus(member.incident)
            elif revision(status.incident) < revision(member.incident):
                status = replace(status, incident=member.incident)
            statuses.append(status)
        return sorted(statuses, key=lambda status: (status.incident.started_at, status.incident.id))
