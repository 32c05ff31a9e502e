"""The notifier: takes alerts from their topics to the routes, and sends what these tell."""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import structlog

from stream_app.backoff import backoff
from stream_app.client import AlertSubscriber
from stream_app.errors import SettingsError, StoreUnavailableError
from stream_app.events import Alert, Topics
from stream_app.kafka import ensure_topics, start_producer
from stream_app.routes.dead_routes import DeadRoutes
from stream_app.routes.metrics import RouteMetrics
from stream_app.routes.route import Route, routes_of
from stream_app.routes.sender import Sender
from stream_app.routes.service import NotifierService
from stream_app.runtime.http import start_http
from stream_app.settings import Settings
from stream_app.settings.deployment import DEFAULT_GROUP
from stream_app.store import RouteStore, SilenceStore, Store, connect

__all__ = ["notify"]

_log = structlog.get_logger(__name__)

_BEFORE_SECONDS = 60.0
_SESSION_SECONDS = 6.0
"""After which the group takes a notifier that is not heard of for dead: the least that Kafka allows by default."""
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0


async def notify(settings: Settings, *, ready: asyncio.Event | None = None) -> None:
    """Tell alerts by all routes of the settings, until cancelled; with ``worker.metrics_port`` it is served how that goes.

    Several notifiers of a deployment share the work: each alert is taken by one, and each route sends from one at a time.

    Parameters
    ----------
    settings : Settings
        Routes, servers and labels of streams.
    ready : asyncio.Event, optional
        Set when alerts that come from now on are told.

    Raises
    ------
    SettingsError
        If there is no route, one is wrong, or the port cannot be opened.
    BrokerError, StoreError
        If a server cannot be reached at the start, or refuses.
    """
    routes = routes_of(settings)
    if not routes:
        raise SettingsError("there is no route: add [routes.NAME] to the monitor file")
    topics = Topics(settings.prefix)
    service = NotifierService(settings, RouteMetrics(route.name for route in routes))
    async with AsyncExitStack() as stack:
        if settings.worker.metrics_port:
            stack.push_async_callback(await start_http(service))
        store = await connect(settings.redis)
        stack.push_async_callback(store.close)
        await SilenceStore(store).forget(time.time())
        await ensure_topics(
            settings.kafka, dict.fromkeys(topics.all_alerts(), 1), create=settings.worker.create_topics
        )
        producer = await start_producer(settings.kafka)
        stack.push_async_callback(producer.stop)
        dead = DeadRoutes(store, producer, topics)

        def report(route: str, problem: str | None) -> None:
            service.report(route, problem)
            dead.report(route, problem)

        def taking() -> None:
            service.taking = True
            if ready is not None:
                ready.set()

        who = f"{socket.gethostname()}-{secrets.token_hex(8)}"
        senders = [Sender(route, store, who, report, service.metrics) for route in routes]
        # The first that fails ends the others.
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(dead.run())
                tasks.create_task(service.watch(store, topics.all_alerts()))
                for sender in senders:
                    tasks.create_task(sender.run())
                tasks.create_task(_take_alerts(settings, routes, store, who, taking))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


async def _take_alerts(
    settings: Settings, routes: Sequence[Route], store: Store, who: str, taking: Callable[[], None]
) -> None:
    """Put alerts into groups of the routes; one counts as read once all of them have it."""
    kept = {route.name: RouteStore(store, route.name, who) for route in routes}
    group = f"{settings.prefix or DEFAULT_GROUP}-notify"
    # The first notifier of a deployment begins with what was published just before it: clocks differ, and a group takes a while
    # to form. Taking an alert again changes nothing, so none is remembered.
    async with AlertSubscriber(
        settings.kafka,
        prefix=settings.prefix,
        group=group,
        start=time.time() - _BEFORE_SECONDS,
        horizon=1.0,
        remembered=1,
        session_timeout=_SESSION_SECONDS,
    ) as alerts:
        _log.info("notifying", group=group, routes=[route.name for route in routes])
        taking()
        async for alert in alerts:
            for route in routes:
                if route.takes(alert):
                    await _note(kept[route.name], route, alert)


async def _note(kept: RouteStore, route: Route, alert: Alert) -> None:
    waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
    while True:
        try:
            due = time.time() + route.settings.group_wait
            await kept.note(route.group_of(alert.case), alert.kind, alert.case, due)
        except StoreUnavailableError as error:
            _log.warning("redis is away, waiting for it", route=route.name, reason=str(error))
            await asyncio.sleep(next(waits))
        else:
            return
