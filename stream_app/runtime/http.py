"""Health, metrics and live features over HTTP: on the loopback interface, or behind a token.

No cookies, no scripts, and two addresses that take a body in JSON: a question, and what a person says about an incident. The
second alone writes, and only behind a token: so nothing for a foreign page to use. What comes in is bounded before it is looked at.
"""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from stream_app.errors import SettingsError
from stream_app.runtime.health import Health
from stream_app.runtime.http_features import FeaturePages
from stream_app.runtime.http_problems import BODY_BYTES
from stream_app.runtime.http_watch import WatchPages
from stream_app.settings import Settings, WorkerSettings
from stream_app.store import Store

__all__ = ["Served", "start_http"]

_log = structlog.get_logger(__name__)

_LINE_BYTES = 2048
_HEADERS = 64
_PATIENCE_SECONDS = 15
"""A connection that asks nothing for so long is closed."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PROBES = frozenset({"/livez", "/readyz"})
"""Say yes or no to anybody."""


class _Metrics(Protocol):
    """Counters and gauges."""

    registry: CollectorRegistry


class Served(Protocol):
    """What is served here: a worker, or a notifier."""

    settings: Settings

    @property
    def metrics(self) -> _Metrics:
        """What it counts."""

    def health(self) -> Health:
        """How it is now."""


async def start_http(served: Served, store: Store | None = None) -> Callable[[], Awaitable[None]]:
    """Serve ``/livez``, ``/readyz``, ``/healthz`` and ``/metrics``, and live features where there is a store.

    Where a token is set, all want it but the first two, which say yes or no to anybody.

    Parameters
    ----------
    served : Served
        The worker or notifier; its settings say where.
    store : Store, optional
        Where the live features are.

    Returns
    -------
    callable
        Stops serving.

    Raises
    ------
    SettingsError
        If the port cannot be opened.
    """
    settings = served.settings.worker
    secured = settings.token is not None
    app = web.Application(middlewares=[_guard(settings)], client_max_size=BODY_BYTES)
    app.on_response_prepare.append(_sign)
    app.add_routes(_health_routes(served))
    if store is not None:
        watch = WatchPages(store, secured=secured)
        app.add_routes([*FeaturePages(store, secured=secured).routes(), *watch.routes()])
        app.on_shutdown.append(watch.close)
    runner = _Runner(
        app,
        access_log=None,
        max_line_size=_LINE_BYTES,
        max_field_size=_LINE_BYTES,
        max_headers=_HEADERS,
        keepalive_timeout=_PATIENCE_SECONDS,
        lingering_time=0,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.http_host, settings.metrics_port).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(
            f"worker.metrics_port: {settings.metrics_port} cannot be opened on {settings.http_host}: "
            f"{error.strerror}"
        ) from error
    return runner.cleanup


def _health_routes(served: Served) -> list[web.RouteDef]:
    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        ready = served.health().ready
        return web.json_response({"status": "ready" if ready else "not ready"}, status=_status(ready))

    async def healthz(_: web.Request) -> web.Response:
        health = served.health()
        return web.json_response(health.detail, status=_status(health.ok))

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(served.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    pages = {"/livez": livez, "/readyz": readyz, "/healthz": healthz, "/metrics": metrics}
    return [web.get(path, page) for path, page in pages.items()]


def _guard(settings: WorkerSettings) -> Middleware:
    """Make the middleware that decides who may read what, before any page is asked."""
    token = None if settings.token is None else settings.token.encode()
    # Guards against DNS rebinding: a browser on this machine asks for the host whose page led it here.
    hosts = None if settings.http_exposed or settings.token else _LOOPBACK

    async def answer(request: web.Request, page: Handler) -> web.StreamResponse:
        if hosts is not None and not _asks_for(request, hosts):
            return _plain(HTTPStatus.MISDIRECTED_REQUEST)
        found = request.match_info.http_exception is None
        if found and request.can_read_body and request.method != "POST":
            return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if (
            token is not None
            and request.path not in _PROBES
            and not hmac.compare_digest(_bearer(request), token)
        ):
            response = _plain(HTTPStatus.UNAUTHORIZED)
            response.headers["WWW-Authenticate"] = 'Bearer realm="streamgauge"'
            return response
        try:
            return await page(request)
        except web.HTTPException as error:
            response = _plain(HTTPStatus(error.status))
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await answer(request, handler)
        if request.can_read_body:
            response.force_close()
        return response

    return guard


class _Connection(web.RequestHandler):
    """A connection whose error responses hold a status only, and which logs only what failed in our own code."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 the signature is aiohttp's
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 as above
    ) -> web.StreamResponse:
        """Answer a request that could not be understood, or that our own code failed at."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("a request over HTTP failed", exc_info=exc)
        response = _plain(HTTPStatus(status))
        response.force_close()
        _mark(response)
        return response


class _Server(web.Server):
    """A server of such connections."""

    def __init__(self, answer: Any, *, request_factory: Any, **options: Any) -> None:
        super().__init__(answer, request_factory=request_factory)
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._options)


class _Runner(web.AppRunner):
    """Runs an application on such a server; aiohttp has no option for the class of a connection."""

    async def _make_server(self) -> _Server:
        server = await super()._make_server()
        return _Server(server.request_handler, request_factory=server.request_factory, **self._kwargs)


def _plain(status: HTTPStatus) -> web.Response:
    return web.Response(status=status, text=f"{status.value} {status.phrase}\n")


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    _mark(response)


def _mark(response: web.StreamResponse) -> None:
    """Say who we are without a version, and that this is for nobody to keep."""
    response.headers["Server"] = "streamgauge"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"


def _status(good: bool) -> HTTPStatus:  # noqa: FBT001 a yes or no is what it turns into a number
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE


def _bearer(request: web.BaseRequest) -> bytes:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip().encode(errors="surrogateescape") if scheme.lower() == "bearer" else b""


def _asks_for(request: web.BaseRequest, hosts: frozenset[str]) -> bool:
    """Whether the host that is asked for is one of these; who names none is no browser."""
    asked = request.headers.get("Host")
    if asked is None:
        return True
    name, _, port = asked.rpartition(":")
    return (name if name and port.isdigit() else asked).lower() in hosts
