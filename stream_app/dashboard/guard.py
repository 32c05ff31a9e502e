"""Who may see the dashboard: checked before anything of it runs, for websockets as for pages."""

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_COOKIE = "streamgauge-session"
_SESSION_SECONDS = 12 * 3600
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LOGIN_BYTES = 4096
_PAUSE_SECONDS = 1.0
"""Between two tries at the password, whoever makes them."""
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    # "no-referrer" would make browsers send forms with the origin "null".
    b"referrer-policy": b"same-origin",
    b"server": b"streamgauge",
}
_OPEN = ("/assets/style.css", "/assets/theme.js")
"""What the page for the password needs."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Streamgauge</title><script src="/assets/theme.js"></script><link rel="stylesheet" href="/assets/style.css"></head>
<body class="sg-login"><main><h1>Streamgauge</h1><form method="post" action="/login">
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button class="sg-button is-primary">Sign in</button><p role="alert">{problem}</p></form></main></body></html>"""


class Guard:
    """Lets requests through to an application.

    On the loopback interface without a password, the host that is asked for must be a loopback name: a page elsewhere may lead a
    browser here under a name of its own. Requests that change something, and websockets, must come from pages of this host.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    password_hash : str or None
        As argon2 writes it; None asks for no password.
    hosts : collection of str
        Names under which a dashboard without a password is asked for.
    """

    def __init__(self, app: ASGIApp, password_hash: str | None, hosts: frozenset[str] = _LOOPBACK) -> None:
        self._app, self._hash, self._hosts = app, password_hash, hosts
        self._key = secrets.token_bytes(32)
        self._next_try = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do so."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        send = _signed(send)
        refusal = await self._refusal(scope, headers, receive)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    async def _refusal(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Response | None:
        """Return what a request is answered with in place of what it asks for; None where it is let through."""
        host, origin, path = headers.get("host", ""), headers.get("origin"), scope["path"]
        reads = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if self._hash is None and _without_port(host) not in self._hosts:
            return _plain(421, "Misdirected Request")
        if (origin is None and not reads) or (origin and urlsplit(origin).netloc.lower() != host.lower()):
            return _plain(403, "Forbidden: it does not come from a page of this host")
        if self._hash is None or path in _OPEN:
            return None
        if path == "/login" and scope["type"] == "http":
            return await self._login(Request(scope, receive))
        return None if self._knows(headers.get("cookie", "")) else _signed_out(path)

    async def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return HTMLResponse(_PAGE.format(problem=""))
        now = time.monotonic()
        if now < self._next_try:
            return HTMLResponse(_PAGE.format(problem="Too many tries; wait a second."), status_code=429)
        self._next_try = now + _PAUSE_SECONDS
        body = await _body(request)
        if not await run_in_threadpool(self._fits, body):
            return HTMLResponse(_PAGE.format(problem="That is not the password."), status_code=401)
        self._next_try = 0.0
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            _COOKIE,
            self._session(int(time.time()) + _SESSION_SECONDS),
            max_age=_SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def _fits(self, password: str) -> bool:
        try:
            return self._hash is not None and PasswordHasher().verify(self._hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _session(self, until: int) -> str:
        return f"{until}.{hmac.new(self._key, str(until).encode(), 'sha256').hexdigest()}"

    def _knows(self, header: str) -> bool:
        try:
            morsel = SimpleCookie(header).get(_COOKIE)
        except CookieError:
            return False
        until = "" if morsel is None else morsel.value.partition(".")[0]
        if morsel is None or not (until.isascii() and until.isdigit() and len(until) < 16):
            return False
        return hmac.compare_digest(morsel.value, self._session(int(until))) and time.time() < int(until)


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(f"{status} {text}\n", status_code=status)


def _signed_out(path: str) -> Response:
    """Lead people to the password; scripts and pictures only say that it is missing."""
    if path.startswith(("/_nicegui", "/assets")):
        return _plain(401, "Unauthorized")
    return RedirectResponse("/login", status_code=303)


def _signed(send: Send) -> Callable[[Message], Awaitable[None]]:
    """Add headers to each answer."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            there: list[Any] = [
                pair for pair in message.get("headers", ()) if pair[0].lower() not in _HEADERS
            ]
            message = {**message, "headers": [*there, *_HEADERS.items()]}
        await send(message)

    return answer


async def _body(request: Request) -> str:
    """Return the password of a form; what is longer than any is none."""
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > _LOGIN_BYTES:
            return ""

    found = parse_qs(raw.decode("latin-1"), encoding="utf-8", errors="replace")
    return found.get("password", [""])[0]


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()
