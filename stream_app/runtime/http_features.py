"""Live features over HTTP: one entity to GET, up to a thousand to POST, and a page that says how.

Errors are problem details (RFC 9457). What is wrong with Redis is logged, and not shown to whoever asks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from stream_app.core.features import OnlineFeatures
from stream_app.errors import DataError, StateError, StoreError, StoreUnavailableError, UnknownFeatureError
from stream_app.events import parse_event_time
from stream_app.runtime.http_openapi import Problem, Query, Selection, as_page, document
from stream_app.store import FeatureLookup, Store, run_query

__all__ = ["BODY_BYTES", "FeaturePages"]

_log = structlog.get_logger(__name__)

BODY_BYTES = 1_048_576
"""Most of a request's body; the application of these pages is given it as `client_max_size`."""

_BODY_SECONDS = 15
_AT_ONCE = 4
"""Requests that are looked up at the same time; each may hold the logs of a thousand entities."""
_PREFIX = "/features/"


class _ProblemError(Exception):
    """What is wrong with a request."""

    def __init__(self, status: HTTPStatus, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail

    def response(self) -> web.Response:
        """Tell it as problem details."""
        problem = Problem(f"/docs#{self.kind}", self.status.phrase, self.status.value, self.detail)
        return web.Response(
            status=self.status, body=msgspec.json.encode(problem), content_type="application/problem+json"
        )


class FeaturePages:
    """The addresses of live features.

    Parameters
    ----------
    store : Store
        Where they are.
    secured : bool
        Whether a token is asked for; the document says so.
    """

    def __init__(self, store: Store, *, secured: bool) -> None:
        self._store = store
        self._lookup = FeatureLookup(store.keys)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        described = document(secured=secured)
        self._openapi = msgspec.json.encode(described)
        self._page = as_page(described)

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses with what answers there."""
        return [
            web.get("/openapi.json", self._document),
            web.get("/docs", self._docs),
            web.post(_PREFIX[:-1], _answering(self._batch)),
            # An entity's own slashes are encoded or not.
            web.get(_PREFIX + "{view:[^/]*}/{entity:(?s:.*)}", _answering(self._one)),
        ]

    async def _document(self, _: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")

    async def _docs(self, _: web.Request) -> web.Response:
        response = web.Response(text=self._page, content_type="text/html")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return response

    async def _one(self, request: web.Request) -> dict[str, Any]:
        view, entity = _names(request)
        selection = _selection(request)
        names = [name for name in selection.features.split(",") if name]
        found = await self._look(
            [f"{view}:{name}" for name in names],
            [entity],
            None if selection.at is msgspec.UNSET else selection.at,
        )
        return found.of_one()

    async def _batch(self, request: web.Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise _ProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Content-Type: application/json is expected"
            )
        try:
            query = msgspec.json.decode(await _body(request), type=Query)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _bad_request(f"the body: {error}") from error
        found = await self._look(query.features, query.entities, query.at)
        return {"at": found.at, "features": found.features, "entities": found.to_records()}

    async def _look(
        self, features: Sequence[str], entities: Sequence[str], at: float | str | None
    ) -> OnlineFeatures:
        query = self._lookup.online(features, entities, _instant(at), now=time.time())
        async with self._turn:
            return await run_query(self._store, query, "reading features")


def _answering(look: Callable[[web.Request], Awaitable[dict[str, Any]]]) -> Handler:
    """Answer with what is found, or with what is wrong."""

    async def answer(request: web.Request) -> web.Response:
        try:
            found = await look(request)
        except _ProblemError as problem:
            return problem.response()
        except UnknownFeatureError as error:
            return _ProblemError(HTTPStatus.NOT_FOUND, "unknown-feature", str(error)).response()
        except DataError as error:
            return _bad_request(str(error)).response()
        except (StoreError, StateError) as error:
            return _failed(error)
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    return answer


def _bad_request(detail: str) -> _ProblemError:
    return _ProblemError(HTTPStatus.BAD_REQUEST, "bad-request", detail)


def _names(request: web.Request) -> tuple[str, str]:
    """Return view and entity; aiohttp's own reading would take what is no UTF-8 for a name."""
    raw = request.raw_path.partition("?")[0].removeprefix(_PREFIX)
    view, _, entity = raw.partition("/")
    try:
        return unquote(view, errors="strict"), unquote(entity, errors="strict")
    except UnicodeDecodeError:
        raise _bad_request("the address is no percent-encoded UTF-8") from None


def _selection(request: web.Request) -> Selection:
    raw = request.raw_path.partition("?")[2]
    try:
        return msgspec.convert(dict(parse_qsl(raw, keep_blank_values=True)), Selection)
    except (msgspec.ValidationError, ValueError) as error:
        names = ", ".join(Selection.__struct_fields__)
        raise _bad_request(f"the address: {error}; there is {names}") from None


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        detail = f"the body has more than {BODY_BYTES} bytes"
        raise _ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail) from None
    except TimeoutError:
        detail = f"the body did not come within {_BODY_SECONDS} s"
        raise _ProblemError(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail) from None


def _instant(at: float | str | None) -> float | None:
    """Return epoch seconds of a number, of digits, or of RFC 3339."""
    if at is None or isinstance(at, float):
        return at
    try:
        return float(at)
    except ValueError:
        pass
    try:
        # In an address a plus that is not encoded arrives as a blank.
        return parse_event_time(at.replace(" ", "+"))
    except ValueError as error:
        raise _bad_request(f"at: {error}") from None


def _failed(error: Exception) -> web.Response:
    _log.warning("live features cannot be read", reason=str(error))
    if isinstance(error, StoreUnavailableError):
        detail = "the store does not answer; try again later"
        response = _ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail).response()
        response.headers["Retry-After"] = "1"
        return response
    detail = "the store refuses, or what it holds is damaged; the worker's log says more"
    return _ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "store", detail).response()
