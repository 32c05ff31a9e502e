"""What requests over HTTP ask for, and what is wrong with them: problem details (RFC 9457).

What is wrong with Redis is logged, and not shown to whoever asks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from stream_app.errors import DataError, StateError, StoreError, StoreUnavailableError, UnknownFeatureError
from stream_app.events import parse_event_time
from stream_app.runtime.http_openapi import Problem

__all__ = [
    "BODY_BYTES",
    "ProblemError",
    "answering",
    "bad_request",
    "body_of",
    "failed",
    "instant_of",
    "names_of",
    "parameters_of",
]

_log = structlog.get_logger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

BODY_BYTES = 1_048_576
"""Most of a request's body; the application of these pages is given it as `client_max_size`."""
_BODY_SECONDS = 15


class ProblemError(Exception):
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


def answering(look: Callable[[web.Request], Awaitable[Any]]) -> Handler:
    """Answer with what is found, or with what is wrong."""

    async def answer(request: web.Request) -> web.Response:
        try:
            found = await look(request)
        except ProblemError as problem:
            return problem.response()
        except UnknownFeatureError as error:
            return ProblemError(HTTPStatus.NOT_FOUND, "unknown-feature", str(error)).response()
        except DataError as error:
            return bad_request(str(error)).response()
        except (StoreError, StateError) as error:
            return failed(error)
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    return answer


def bad_request(detail: str) -> ProblemError:
    """Return the problem that a name, a parameter or the body is unusable."""
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad-request", detail)


def names_of(request: web.Request, prefix: str) -> tuple[str, str]:
    """Return the two names of a path behind its prefix; aiohttp's own reading would take what is no UTF-8 for a name."""
    raw = request.raw_path.partition("?")[0].removeprefix(prefix)
    view, _, entity = raw.partition("/")
    try:
        return unquote(view, errors="strict"), unquote(entity, errors="strict")
    except UnicodeDecodeError:
        raise bad_request("the address is no percent-encoded UTF-8") from None


def parameters_of(request: web.Request, kind: type[T]) -> T:
    """Return the parameters of an address."""
    raw = request.raw_path.partition("?")[2]
    try:
        return msgspec.convert(dict(parse_qsl(raw, keep_blank_values=True)), kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        names = ", ".join(kind.__struct_fields__)
        raise bad_request(f"the address: {error}; there is {names}") from None


async def body_of(request: web.Request, kind: type[T]) -> T:
    """Return the body of a request, which is JSON."""
    if request.content_type != "application/json":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Content-Type: application/json is expected"
        )
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return msgspec.json.decode(await request.read(), type=kind)
    except web.HTTPRequestEntityTooLarge:
        detail = f"the body has more than {BODY_BYTES} bytes"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail) from None
    except TimeoutError:
        detail = f"the body did not come within {_BODY_SECONDS} s"
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"the body: {error}") from error


def instant_of(at: float | str | None) -> float | None:
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
        raise bad_request(f"at: {error}") from None


def failed(error: Exception, *, away: bool = False) -> web.Response:
    """Answer that the store cannot be read, and log why; `away` where trying again later may help."""
    _log.warning("a request cannot be answered", reason=str(error))
    if away or isinstance(error, StoreUnavailableError):
        detail = "the store does not answer; try again later"
        response = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail).response()
        response.headers["Retry-After"] = "1"
        return response
    detail = "the store refuses, or what it holds is damaged; the worker's log says more"
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "store", detail).response()
