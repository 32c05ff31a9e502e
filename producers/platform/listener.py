"""What Trino's HTTP event listener posts, received and sent on."""

import asyncio
import hmac
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import SecretStr

from producers.platform.endpoint import is_loopback
from producers.platform.queries import query_event
from producers.platform.sink import Sink
from stream_app.errors import BrokerError, DataError, SettingsError, SourceError

__all__ = ["MAX_BODY_BYTES", "QueryListener", "parse_address"]

MAX_BODY_BYTES = 1 << 24
"""Of an event: plans of large queries take megabytes."""

_AT_ONCE = 8
"""Bodies that are in memory together."""

_PATIENCE_SECONDS = 20.0
_BODY_SECONDS = 20.0
_LAST_SECONDS = 5.0
_FIELD_BYTES = 8190


def parse_address(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``.

    Raises
    ------
    SettingsError
        If it is none.

    Examples
    --------
    >>> parse_address("127.0.0.1:8090"), parse_address("[::1]:8090")
    (('127.0.0.1', 8090), ('::1', 8090))
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"--listen: {text!r} is no HOST:PORT, like 127.0.0.1:8090")
    return host, int(port)


@dataclass(frozen=True, slots=True)
class QueryListener:
    """Receives events of queries and sends them on; a `Feed`.

    An event is answered with 200 only when Kafka has it, so that Trino sends it again otherwise.

    Parameters
    ----------
    host : str
    port : int
        0 is any free one.
    token : SecretStr or None
        Whoever posts has to have it.
    bound : asyncio.Future of int, optional
        Gets the port when it is open.

    Raises
    ------
    SettingsError
        If others than this machine could post without a token.

    References
    ----------
    https://trino.io/docs/current/admin/event-listeners-http.html
    """

    host: str
    port: int
    token: SecretStr | None = None
    bound: "asyncio.Future[int] | None" = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise SettingsError(
                f"--listen: anybody who reaches {self.host} could post; give a token with --token-file"
            )

    async def __call__(self, sink: Sink, stop: asyncio.Event) -> None:
        """Receive until `stop` is set.

        Raises
        ------
        SourceError
            If the port cannot be opened.
        BrokerError
            If Kafka refuses.
        """
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        handler = _Handler(self.token, sink, broken)
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[handler.allowed])
        app.router.add_post("/{path:.*}", handler.post)
        app.on_response_prepare.append(_sign)
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=_LAST_SECONDS,
            auto_decompress=False,
            max_line_size=_FIELD_BYTES,
            max_field_size=_FIELD_BYTES,
            lingering_time=0,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port)
            try:
                await site.start()
            except OSError as error:
                raise SourceError(
                    f"--listen: {self.host}:{self.port} cannot be opened: {error.strerror}"
                ) from None
            port = runner.addresses[0][1]
            sink.note(f"waiting for events of Trino at http://{self.host}:{port}/")
            if self.bound is not None:
                self.bound.set_result(port)
            stopping = asyncio.create_task(stop.wait())
            watched: set[asyncio.Future[Any]] = {stopping, broken}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if broken.done():
                broken.result()
        finally:
            # What is on its way is answered.
            await runner.cleanup()


class _Handler:
    """Answers one post after the other."""

    def __init__(self, token: SecretStr | None, sink: Sink, broken: "asyncio.Future[None]") -> None:
        self._token = None if token is None else f"Bearer {token.get_secret_value()}".encode()
        self._sink, self._broken = sink, broken
        self._room = asyncio.Semaphore(_AT_ONCE)

    @web.middleware
    async def allowed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse who has no token, before a body is read."""
        refusal = self._refused(request)
        if refusal is None:
            return await handler(request)
        # What else comes on the connection is the body, which is not read.
        refusal.force_close()
        return refusal

    def _refused(self, request: web.Request) -> web.Response | None:
        if self._token is None and not _is_local(request):
            return _refusal(403, "without a token only programs on this machine may post")
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if self._token is not None and not hmac.compare_digest(given, self._token):
            return _refusal(401, "a bearer token is missing, or is another one")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return _refusal(415, "a body that is compressed; send it as it is")
        return None

    async def post(self, request: web.Request) -> web.Response:
        """Read an event and send it on."""
        async with self._room:
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    body = await request.read()
            except TimeoutError:
                return _refusal(408, "the body takes too long")
            except web.HTTPRequestEntityTooLarge:
                self._sink.leave_out(f"larger than {MAX_BODY_BYTES:,} bytes")
                return _refusal(413, f"more than {MAX_BODY_BYTES} bytes")
            return await self._take(body)

    async def _take(self, body: bytes) -> web.Response:
        try:
            event = await asyncio.to_thread(query_event, body)
        except DataError as error:
            self._sink.leave_out(str(error))
            return _refusal(400, str(error))
        if event is None:
            self._sink.leave_out("an event that is no end of a query")
            return web.json_response({})
        try:
            await self._sink.send([event], patience=_PATIENCE_SECONDS)
        except TimeoutError:
            return _refusal(503, "Kafka does not answer; send it again")
        except BrokerError as error:
            if not self._broken.done():
                self._broken.set_exception(error)
            return _refusal(503, "Kafka refuses; send it again")
        return web.json_response({})


def _refusal(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)


def _is_local(request: web.Request) -> bool:
    """Whether no browser was led here by a page: it would name that page's host, or say where the page is from."""
    asked = request.headers.get("Host", "localhost")
    name, _, port = asked.rpartition(":")
    host = (name if name and port.isdigit() else asked).removeprefix("[").removesuffix("]")
    return "Origin" not in request.headers and is_loopback(host)


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    """Say who we are, without a version."""
    response.headers["Server"] = "streamgauge"
