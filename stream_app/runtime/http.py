"""Health, metrics and live features over HTTP: on the loopback interface, or behind a token.

There is nothing to write here: no cookies, no scripts, and one address that takes a body, a question in JSON; so
nothing for a foreign page to use. What comes in is bounded before it is looked at.
"""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream_app.errors import SettingsError
from stream_app.runtime.health import Health
from stream_app.runtime.http_features import FeaturePages, Page
from stream_app.runtime.metrics import Metrics
from stream_app.settings import Settings, WorkerSettings
from stream_app.store import Store

__all__ = ["Watched", "start_http"]

_log = structlog.get_logger(__name__)

_LINE_BYTES = 2048
_HEADERS = 64
_PATIENCE_SECONDS = 15
"""A connection that asks nothing for so long is closed."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Watched(Protocol):
    """What is served here: a worker."""

    settings: Settings
    metrics: Metrics

    def health(self) -> Health:
        """How it is now."""


async def start_http(worker: Watched, store: Store | None = None) -> Callable[[], Awaitable[None]]:
    """Serve ``/livez``, ``/readyz``, ``/healthz`` and ``/metrics``, and live features where there is a store.

    Where a token is set, all want it but the first two, which say yes or no to anybody.

    Parameters
    ----------
    worker : Watched
        The worker.
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
    settings = worker.settings.worker
    server = _Server(
        _Pages(worker, settings, store).answer,
        access_log=None,
        max_line_size=_LINE_BYTES,
        max_field_size=_LINE_BYTES,
        max_headers=_HEADERS,
        keepalive_timeout=_PATIENCE_SECONDS,
        lingering_time=0,
    )
    runner = web.ServerRunner(server)
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


class _Pages:
    """The addresses, and who may read them."""

    def __init__(self, worker: Watched, settings: WorkerSettings, store: Store | None) -> None:
        self._worker = worker
        self._features = None if store is None else FeaturePages(store)
        self._token = None if settings.token is None else settings.token.encode()
        # Only a browser that was led here by a foreign page's name server would ask for another host.
        self._hosts = None if settings.http_exposed or settings.token else _LOOPBACK
        self._pages: dict[str, Page] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/healthz": self._guarded(self._healthz),
            "/metrics": self._guarded(self._metrics),
        }

    def _find(self, path: str) -> tuple[str, Page] | None:
        """Return the method and the page of an address."""
        if path in self._pages:
            return "GET", self._pages[path]
        found = None if self._features is None else self._features.find(path)
        return None if found is None else (found[0], self._guarded(found[1]))

    async def answer(self, request: web.BaseRequest) -> web.Response:
        found = self._find(request.path)
        method, page = found or ("GET", None)
        methods = ("GET", "HEAD") if method == "GET" else (method,)
        if page is None:
            response = _plain(HTTPStatus.NOT_FOUND)
        elif request.method not in methods:
            response = _plain(HTTPStatus.METHOD_NOT_ALLOWED)
            response.headers["Allow"] = ", ".join(methods)
        elif request.can_read_body and method == "GET":
            response = _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif self._hosts is not None and not _asks_for(request, self._hosts):
            response = _plain(HTTPStatus.MISDIRECTED_REQUEST)
        else:
            response = await page(request)
        if request.can_read_body:
            response.force_close()
        return _bare(response)

    def _guarded(self, page: Page) -> Page:
        async def guarded(request: web.BaseRequest) -> web.Response:
            if self._token is None or hmac.compare_digest(_bearer(request), self._token):
                return await page(request)
            response = _plain(HTTPStatus.UNAUTHORIZED)
            response.headers["WWW-Authenticate"] = 'Bearer realm="streamgauge"'
            return response

        return guarded

    async def _livez(self, _: web.BaseRequest) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _: web.BaseRequest) -> web.Response:
        ready = self._worker.health().ready
        return web.json_response({"status": "ready" if ready else "not ready"}, status=_status(ready))

    async def _healthz(self, _: web.BaseRequest) -> web.Response:
        health = self._worker.health()
        return web.json_response(health.detail, status=_status(health.ok))

    async def _metrics(self, _: web.BaseRequest) -> web.Response:
        body = generate_latest(self._worker.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Connection(web.RequestHandler):
    """A connection whose errors tell the other side their number only, and ours only what failed in our code."""

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
        return _bare(response)


class _Server(web.Server):
    """A server of such connections."""

    def __init__(self, answer: Any, **options: Any) -> None:
        super().__init__(answer)
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._options)


def _plain(status: HTTPStatus) -> web.Response:
    return web.Response(status=status, text=f"{status.value} {status.phrase}\n")


def _bare(response: web.Response) -> web.Response:
    """Say who we are without a version, and that this is for nobody to keep."""
    response.headers["Server"] = "streamgauge"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


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
