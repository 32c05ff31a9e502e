"""Health and metrics over HTTP: on the loopback interface, or behind a token.

There is nothing to write here: four addresses to GET, no bodies, no cookies, no scripts, so nothing for a
foreign page to use. What comes in is bounded before it is looked at.
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
from stream_app.runtime.metrics import Metrics
from stream_app.settings import Settings, WorkerSettings

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


async def start_http(worker: Watched) -> Callable[[], Awaitable[None]]:
    """Serve ``/livez``, ``/readyz``, ``/healthz`` and ``/metrics``.

    Where a token is set, ``/healthz`` and ``/metrics`` want it; the other two say yes or no to anybody.

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
        _Pages(worker, settings).answer,
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
    """The four addresses, and who may read them."""

    def __init__(self, worker: Watched, settings: WorkerSettings) -> None:
        self._worker = worker
        self._token = None if settings.token is None else settings.token.encode()
        # Only a browser that was led here by a foreign page's name server would ask for another host.
        self._hosts = None if settings.http_exposed or settings.token else _LOOPBACK
        self._pages = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/healthz": self._guarded(self._healthz),
            "/metrics": self._guarded(self._metrics),
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if page is None:
            response = _plain(HTTPStatus.NOT_FOUND)
        elif request.method not in {"GET", "HEAD"}:
            response = _plain(HTTPStatus.METHOD_NOT_ALLOWED)
            response.headers["Allow"] = "GET, HEAD"
        elif request.can_read_body:
            response = _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif self._hosts is not None and not _asks_for(request, self._hosts):
            response = _plain(HTTPStatus.MISDIRECTED_REQUEST)
        else:
            response = page(request)
        if request.can_read_body:
            response.force_close()
        return _bare(response)

    def _guarded(self, page: Callable[[web.BaseRequest], web.Response]) -> Any:
        def guarded(request: web.BaseRequest) -> web.Response:
            if self._token is None or hmac.compare_digest(_bearer(request), self._token):
                return page(request)
            response = _plain(HTTPStatus.UNAUTHORIZED)
            response.headers["WWW-Authenticate"] = 'Bearer realm="streamgauge"'
            return response

        return guarded

    def _livez(self, _: web.BaseRequest) -> web.Response:
        return web.json_response({"status": "alive"})

    def _readyz(self, _: web.BaseRequest) -> web.Response:
        ready = self._worker.health().ready
        return web.json_response({"status": "ready" if ready else "not ready"}, status=_status(ready))

    def _healthz(self, _: web.BaseRequest) -> web.Response:
        health = self._worker.health()
        return web.json_response(health.detail, status=_status(health.ok))

    def _metrics(self, _: web.BaseRequest) -> web.Response:
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
