"""Live features over HTTP: one entity to GET, up to a thousand to POST, and a page that says how.

Errors are problem details (RFC 9457). What is wrong with Redis is told in the log, not to whoever asks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog
from aiohttp import web

from stream_app.core.features import OnlineFeatures
from stream_app.errors import DataError, StateError, StoreError, StoreUnavailableError, UnknownFeatureError
from stream_app.events import parse_event_time
from stream_app.runtime.http_openapi import MAX_ENTITIES, MAX_FEATURES, as_page, document
from stream_app.store import FeatureLookup, Store, run_query

__all__ = ["FeaturePages", "Page"]

_log = structlog.get_logger(__name__)

Page = Callable[[web.BaseRequest], Awaitable[web.Response]]

_BODY_BYTES = 1_048_576
_BODY_SECONDS = 15
_AT_ONCE = 4
"""Requests that are looked up at the same time; each may hold the logs of a thousand entities."""
_PREFIX = "/features/"


class _Problem(Exception):  # noqa: N818 that is what its standard calls it
    """What is wrong with a request."""

    def __init__(self, status: HTTPStatus, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail


class _Query(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a batch."""

    features: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_FEATURES)]
    entities: Annotated[list[str], msgspec.Meta(max_length=MAX_ENTITIES)]
    at: float | str | None = None


class FeaturePages:
    """The addresses of live features.

    Parameters
    ----------
    store : Store
        Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lookup = FeatureLookup(store.keys)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        described = document()
        self._openapi = msgspec.json.encode(described)
        self._page = as_page(described)

    def find(self, path: str) -> tuple[str, Page] | None:
        """Return the method and the page of an address, if it is one of these."""
        if path == "/openapi.json":
            return "GET", self._document
        if path == "/docs":
            return "GET", self._docs
        if path == _PREFIX[:-1]:
            return "POST", self._answering(self._batch)
        if path.startswith(_PREFIX):
            return "GET", self._answering(self._one)
        return None

    async def _document(self, _: web.BaseRequest) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")

    async def _docs(self, _: web.BaseRequest) -> web.Response:
        response = web.Response(text=self._page, content_type="text/html")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return response

    def _answering(self, look: Callable[[web.BaseRequest], Awaitable[dict[str, Any]]]) -> Page:
        async def answer(request: web.BaseRequest) -> web.Response:
            try:
                found = await look(request)
            except _Problem as problem:
                return _problem(problem)
            except UnknownFeatureError as error:
                return _problem(_Problem(HTTPStatus.NOT_FOUND, "unknown-feature", str(error)))
            except DataError as error:
                return _problem(_Problem(HTTPStatus.BAD_REQUEST, "bad-request", str(error)))
            except (StoreError, StateError) as error:
                return _failed(error)
            return web.Response(body=msgspec.json.encode(found), content_type="application/json")

        return answer

    async def _one(self, request: web.BaseRequest) -> dict[str, Any]:
        view, entity = _names(request)
        asked = _query(request)
        names = [name for name in asked.get("features", "*").split(",") if name]
        found = await self._look([f"{view}:{name}" for name in names], [entity], asked.get("at"))
        return found.of_one()

    async def _batch(self, request: web.BaseRequest) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise _Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Content-Type: application/json is expected"
            )
        try:
            query = msgspec.json.decode(await _body(request), type=_Query)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Problem(HTTPStatus.BAD_REQUEST, "bad-request", f"the body: {error}") from error
        found = await self._look(query.features, query.entities, query.at)
        return {"at": found.at, "features": found.features, "entities": found.to_records()}

    async def _look(
        self, features: Sequence[str], entities: Sequence[str], at: float | str | None
    ) -> OnlineFeatures:
        talk = self._lookup.online(features, entities, _instant(at), now=time.time())
        async with self._turn:
            return await run_query(self._store, talk, "reading features")


def _names(request: web.BaseRequest) -> tuple[str, str]:
    """Return view and entity, where an entity's own slashes are encoded or not."""
    raw = request.raw_path.partition("?")[0].removeprefix(_PREFIX)
    view, _, entity = raw.partition("/")
    try:
        return unquote(view, errors="strict"), unquote(entity, errors="strict")
    except UnicodeDecodeError:
        detail = "the address is no percent-encoded UTF-8"
        raise _Problem(HTTPStatus.BAD_REQUEST, "bad-request", detail) from None


def _query(request: web.BaseRequest) -> dict[str, str]:
    raw = request.raw_path.partition("?")[2]
    asked = dict(parse_qsl(raw, keep_blank_values=True))
    unknown = sorted(set(asked) - {"features", "at"})
    if unknown:
        raise _Problem(
            HTTPStatus.BAD_REQUEST,
            "bad-request",
            f"no parameter is called {unknown[0][:80]!r}; there is features, at",
        )
    return asked


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > _BODY_BYTES:
                    detail = f"the body has more than {_BODY_BYTES} bytes"
                    raise _Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
    except TimeoutError:
        detail = f"the body did not come within {_BODY_SECONDS} s"
        raise _Problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail) from None
    return bytes(body)


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
        raise _Problem(HTTPStatus.BAD_REQUEST, "bad-request", f"at: {error}") from None


def _failed(error: Exception) -> web.Response:
    _log.warning("live features cannot be read", reason=str(error))
    if isinstance(error, StoreUnavailableError):
        detail = "the store does not answer; try again later"
        response = _problem(_Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail))
        response.headers["Retry-After"] = "1"
        return response
    detail = "the store refuses, or what it holds is damaged; the worker's log says more"
    return _problem(_Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "store", detail))


def _problem(problem: _Problem) -> web.Response:
    told = {
        "type": f"/docs#{problem.kind}",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    return web.Response(
        status=problem.status, body=msgspec.json.encode(told), content_type="application/problem+json"
    )
