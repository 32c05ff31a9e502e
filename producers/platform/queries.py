"""Queries that have ended, out of Trino's own events; no literal of a query goes further."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from producers.platform.records import QueryEnded
from stream_app.errors import DataError
from stream_app.events import parse_event_time
from stream_app.events.sql_tokens import is_broken, sql_tokens

__all__ = ["MAX_TEXT", "ended_query", "known", "query_event", "without_literals"]

_LONGEST, _LONGEST_SENT = 1_000_000, 100_000

MAX_TEXT = 256
"""Letters of a name: a user, a catalog, the id of a query."""

_PARTS: Mapping[str, tuple[str, ...]] = {
    "metadata": ("queryState", "updateType"),
    "context": ("user", "source", "catalog", "schema", "queryType", "environment"),
    "statistics": (
        "cpuTime",
        "wallTime",
        "queuedTime",
        "resourceWaitingTime",
        "analysisTime",
        "planningTime",
        "executionTime",
        "peakUserMemoryBytes",
        "physicalInputBytes",
        "physicalInputRows",
        "totalBytes",
        "totalRows",
        "completedSplits",
    ),
}
"""What is sent on of an event. Plans, messages of failures and the like hold literals, and are not."""


class _Metadata(msgspec.Struct):
    queryId: str  # noqa: N815 Trino's names
    query: str = ""
    preparedQuery: str | None = None  # noqa: N815
    queryState: Any = None  # noqa: N815
    updateType: Any = None  # noqa: N815


class _ErrorCode(msgspec.Struct):
    name: Any = None
    type: Any = None


class _Failure(msgspec.Struct):
    errorCode: _ErrorCode | None = None  # noqa: N815


class _Event(msgspec.Struct):
    metadata: _Metadata
    context: dict[str, Any] | None = None
    statistics: dict[str, Any] | None = None
    failureInfo: _Failure | None = None  # noqa: N815
    createTime: Any = None  # noqa: N815
    executionStartTime: Any = None  # noqa: N815
    endTime: Any = None  # noqa: N815


class _Wrapped(msgspec.Struct):
    eventPayload: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815


_wrapped = msgspec.json.Decoder(_Wrapped)
_event = msgspec.json.Decoder(_Event)


def query_event(raw: bytes) -> QueryEnded | None:
    """Read what an event listener of Trino sends.

    Parameters
    ----------
    raw : bytes
        JSON as the HTTP listener posts it, or as the Kafka listener wraps it.

    Returns
    -------
    QueryEnded or None
        None for an event of another kind: a query that has come, or a split that is done.

    Raises
    ------
    DataError
        If it is no event of Trino; says what is wrong and shows nothing of it.

    Examples
    --------
    >>> event = query_event(
    ...     b'{"metadata": {"queryId": "q1", "query": "SELECT 7", "queryState": "FINISHED"}, "statistics": {"wallTime": 1.5}, '
    ...     b'"endTime": "1970-01-01T00:00:10Z"}'
    ... )
    >>> event.id, event.ts, event.parts["metadata"]["queryState"], "7" in str(event.parts)
    ('q1', 10.0, 'FINISHED', False)
    """
    try:
        payload = _wrapped.decode(raw).eventPayload
        event = _event.decode(payload or raw)
    except UnicodeDecodeError:
        raise DataError("not UTF-8") from None
    except RecursionError:
        raise DataError("objects in objects too deep") from None
    except msgspec.ValidationError as error:
        if _is_other(raw):
            return None
        # It names types and places, no values.
        raise DataError(f"no event of Trino's: {error}") from None
    except msgspec.DecodeError:
        raise DataError("not JSON") from None
    if event.endTime is None or event.statistics is None:
        return None
    if not isinstance(event.metadata.queryState, str):
        raise DataError("metadata.queryState: a text is expected")
    prepared = event.metadata.preparedQuery
    more = {} if prepared is None else {"preparedQuery": without_literals(prepared)}
    parts = {
        "metadata": {**known("metadata", msgspec.structs.asdict(event.metadata)), **more},
        "context": known("context", event.context or {}),
        "statistics": known("statistics", event.statistics),
    }
    code = event.failureInfo.errorCode if event.failureInfo is not None else None
    failure = None if code is None else {"name": code.name, "type": code.type}
    moments = (event.endTime, event.createTime, event.executionStartTime)
    ended, created, started = (_moment(moment) for moment in moments)
    if ended is None:
        raise DataError("endTime: no moment between 1970 and 2099")
    return ended_query(event.metadata.queryId, event.metadata.query, parts, ended, created, started, failure)


def ended_query(
    id_: str,
    text: str,
    parts: Mapping[str, Mapping[str, Any]],
    ended: float,
    created: float | None = None,
    started: float | None = None,
    failure: Mapping[str, Any] | None = None,
) -> QueryEnded:
    """Make a record of what is known of a query.

    Parameters
    ----------
    id_ : str
    text : str
        Its SQL; see `without_literals`.
    parts : mapping of str to mapping
        See `known`.
    ended : float
        Epoch seconds.
    created, started : float, optional
        When it came, and when it began to run.
    failure : mapping of str to Any, optional
        ``name`` and ``type`` of the code of its error.

    Raises
    ------
    DataError
        If its id is empty or too long.
    """
    if not 0 < len(id_) <= MAX_TEXT or not id_.isprintable():
        raise DataError(f"the id of a query has 1 to {MAX_TEXT} printable characters")
    out: dict[str, Mapping[str, Any]] = {
        **parts,
        "metadata": {"query": without_literals(text), **parts.get("metadata", {})},
    }
    code = {} if failure is None else {name: value for name, value in failure.items() if _short(value)}
    if code:
        out["failureInfo"] = {"errorCode": code}
    return QueryEnded(ended, id_, out, created, started)


def known(part: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent on of a part of an event: names and numbers that are asked for.

    Parameters
    ----------
    part : {'metadata', 'context', 'statistics'}
    found : mapping of str to Any

    Examples
    --------
    >>> known("context", {"user": "etl", "userAgent": "trino-cli", "catalog": None})
    {'user': 'etl'}
    """
    return {name: found[name] for name in _PARTS[part] if _short(found.get(name))}


def without_literals(text: str) -> str:
    """Return SQL of the same class without its literals, comments, spaces and case: ``1`` and ``'?'`` are in place of literals.

    Parameters
    ----------
    text : str
        Its first million characters count.

    Examples
    --------
    >>> without_literals("SELECT name FROM Users WHERE id IN (17, 4)  -- of today")
    'select name from users where id in ( 1 )'
    >>> without_literals("select 'it's'")
    'text whose quotes do not match'
    """
    tokens = sql_tokens(text[:_LONGEST])
    if is_broken(tokens):
        # What is outside of its literals may have been meant to be inside.
        return "text whose quotes do not match"
    words = (_quoted(token.text) if token.sort == "name" else token.text for token in tokens)
    return " ".join(words)[:_LONGEST_SENT]


def _quoted(name: str) -> str:
    return '"' + name.replace('""', '"').replace('"', '""') + '"'


def _short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _moment(value: Any) -> float | None:
    if value is None:
        return None
    try:
        return parse_event_time(value)
    except (ValueError, TypeError):
        return None


def _is_other(raw: bytes) -> bool:
    """Whether it is an event of Trino of another kind: of a split."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return {"queryId", "stageId"} <= found.keys()
