"""Receivers of messages on loopback, and alerts to tell them."""

import asyncio
import contextlib
import json
import os
import time
from collections import Counter

import pytest
from aiohttp import web

from stream_app.events import Alert, AlertState, LogId, Severity, Topics, alert_id
from stream_app.kafka import ensure_topics
from stream_app.kafka.publishing import event_record, publish
from stream_app.routes import verify
from stream_app.routes.metrics import RouteMetrics
from stream_app.routes.notifier import notify
from stream_app.routes.route import routes_of
from stream_app.routes.sender import Sender
from stream_app.settings import Settings
from stream_app.store import AlertWriter, RouteStore

FULL = os.environ.get("STREAMGAUGE_TEST_FAULTS") == "full"
"""Whether to test at the scale that was promised; else at one that CI has time for."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def alert(number, source="pump-1", stream="sensors", **changes):
    fields = {
        "id": alert_id(stream, source, "drift.level", "flow", LogId(), number),
        "stream": stream,
        "source": source,
        "kind": "drift",
        "detector": "drift.level",
        "channel": "flow",
        "state": AlertState.FIRING,
        "severity": Severity.WARNING,
        "started_at": 1_700_000_000.0 + number,
        "partition": 0,
        "offset": number,
        "statistic": 21.3,
        "threshold": 20.1,
        "summary": f"mean of flow 124.6 → 118.2 ({number})",
        "contributions": (("flow", 1.0),),
    }
    return Alert(**(fields | changes))


def ended(one):
    return one.ended(one.started_at + 60.0, one.offset + 60)


class Receiver:
    """A webhook that does as it is told: answers with a status, or hangs."""

    def __init__(self):
        self.requests = []
        self.tokens = set()
        self.traces = []
        self.answers = []
        self.retry_after = None
        self.hangs = False
        self.released = asyncio.Event()

    async def take(self, request):
        body = await request.read()
        self.tokens.add(request.headers.get("Authorization"))
        self.traces.append(request.headers.get("traceparent"))
        message_id = verify(SECRET, request.headers, body)
        event = json.loads(body)
        assert event["id"] == message_id
        if self.hangs:
            self.requests.append((message_id, event, None))
            await self.released.wait()
            return web.Response(status=503)
        status = self.answers.pop(0) if self.answers else 204
        self.requests.append((message_id, event, status))
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after and status == 429 else {}
        return web.Response(status=status, headers=headers)

    @property
    def taken(self):
        """What the receiver has taken, by its key: a message that comes again counts once."""
        return {key: event for key, event, status in self.requests if status and status < 300}

    @property
    def incidents(self):
        """How often each incident was told, by source and what was told."""
        return Counter(
            (one["incident"]["source"], one["news"])
            for event in self.taken.values()
            for one in event["data"]["incidents"]
        )


@contextlib.asynccontextmanager
async def receiving():
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        receiver.released.set()
        await runner.cleanup()


@pytest.fixture
async def receiver():
    async with receiving() as one:
        yield one


def route_to(receiver, **changes):
    channel = {"kind": "webhook", "url": receiver.url, "secret": SECRET}
    return {"channel": channel, "group_wait": 0.1} | changes


@pytest.fixture
def with_routes(settings):
    """The tests' settings, with routes."""

    def make(**routes):
        return Settings.model_validate(settings.model_dump() | {"routes": routes})

    return make


@pytest.fixture
async def tell(kafka, prefix, producer, store):
    """Tell alerts as a worker does: in Redis, then on their topics."""
    topics = Topics(prefix)
    await ensure_topics(kafka, dict.fromkeys(topics.all_alerts(), 1), create=True)
    writer = AlertWriter(store)

    async def told(*alerts):
        await writer.write(alerts)
        await publish(producer, [event_record(topics.alerts(one.kind), one) for one in alerts], what="alerts")

    return told


class Desk:
    """Senders of routes that run without Kafka: alerts go to their groups directly."""

    def __init__(self, store):
        self.store = store
        self.problems = {}
        self.metrics = RouteMetrics()
        self._routes, self._tasks = {}, []

    def plan(self, settings):
        """Take alerts for the routes, and send nothing yet."""
        for route in routes_of(settings):
            self._routes[route.name] = route, RouteStore(self.store, route.name, "desk")

    def start(self, settings, who="first"):
        self.plan(settings)
        for route, _ in self._routes.values():
            sender = Sender(route, self.store, who, self.problems.__setitem__, self.metrics)
            self._tasks.append(asyncio.create_task(sender.run()))

    def holds(self, route):
        return bool(self.metrics.registry.get_sample_value("streamgauge_route_held", {"route": route}))

    async def tell(self, *alerts, due=None):
        await AlertWriter(self.store).write(alerts)
        for one in alerts:
            for route, kept in self._routes.values():
                if route.takes(one):
                    at = time.time() + route.settings.group_wait if due is None else due
                    await kept.note(route.group_of(one.case), one.kind, one.case, at)

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []
        self._tasks.clear()


@pytest.fixture
async def desk(store):
    desk = Desk(store)
    yield desk
    await desk.stop()


@pytest.fixture
async def notifier():
    """Run a notifier of some settings."""
    tasks = []

    async def start(settings):
        ready = asyncio.Event()
        task = asyncio.create_task(notify(settings, ready=ready))
        tasks.append(task)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((task, waiting), timeout=60, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        assert ready.is_set()
        return task

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
