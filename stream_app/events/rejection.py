"""Rejection of unusable events, with the reasons of dead letters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError

from stream_app.events.dead_letter import Reason
from stream_app.events.sensor import MAX_NAME

__all__ = ["MAX_EVENT_BYTES", "MessageError", "Rejected", "read_parts", "refused", "unread"]

MAX_EVENT_BYTES = 262_144
"""Events over this size are refused before they are parsed."""

R = TypeVar("R")

_AS_THEY_ARE: Mapping[int | str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that cannot be used, and why."""

    reason: Reason
    message: str


class MessageError(ValueError):
    """A message out of which no event can be had.

    Parameters
    ----------
    reason : Reason
        Reason of the refusal.
    message : str
        In words.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.rejected = Rejected(reason, message)


def unread(raw: bytes | None) -> Rejected:
    """Refuse a tombstone, or an event of more than `MAX_EVENT_BYTES`.

    Parameters
    ----------
    raw : bytes or None
        The value of a Kafka record, which is one of the two.
    """
    if raw is None:
        return Rejected(Reason.TOMBSTONE, "the record has no value")
    return Rejected(Reason.TOO_LARGE, f"{len(raw)} bytes; at most {MAX_EVENT_BYTES} are read")


def refused(error: ValidationError, *, renamed: Mapping[int | str, str] = _AS_THEY_ARE) -> Rejected:
    """Say where an event went wrong first, and how.

    Parameters
    ----------
    error : pydantic.ValidationError
        What the schema of the event says.
    renamed : mapping of str to str
        Names of fields as the producer has them, where they are not those of the schema.

    Examples
    --------
    >>> from stream_app.events.sensor import SensorReading
    >>> try:
    ...     SensorReading.model_validate_json('{"source": "a", "ts": -1, "values": {"x": 2}}')
    ... except ValidationError as error:
    ...     refused(error)
    Rejected(reason=<Reason.TIMESTAMP: 'timestamp'>, message='ts: the time -1 is before 1970')
    """
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    kind, loc = first["type"], first["loc"]
    if kind == "json_invalid":
        return Rejected(Reason.NOT_JSON, first["msg"])
    where = ".".join(renamed.get(part, str(part)[:MAX_NAME]) for part in loc)
    reason = Reason.SCHEMA
    if kind == "finite_number":
        reason = Reason.NOT_FINITE
    elif loc == ("ts",) and kind != "missing":
        reason = Reason.TIMESTAMP
    elif "probabilities" in (kind, *loc[:1]):
        # The schema names its error so where they don't hang together: then no field alone is to blame.
        reason, where = Reason.PROBABILITIES, where or "probabilities"
    return Rejected(reason, f"{where or 'event'}: {first['msg'].removeprefix('Value error, ')}")


def read_parts(
    parts: Mapping[str, Any],
    renamed: Mapping[int | str, str],
    quickly: Callable[[Mapping[str, Any]], R | None],
    fully: Callable[[Mapping[str, Any]], R],
) -> R | Rejected:
    """Validate an event whose parts were found already: quickly, or fully where it is not an ordinary one.

    Parameters
    ----------
    parts : mapping of str to value
        Those that are there, by their names in the schema.
    renamed : mapping of str to str
        Names of the parts as the producer has them.
    quickly : callable
        Makes a row by msgspec; None, or an error of its, where only the schema can say whether it is one.
    fully : callable
        Makes a row by the schema of pydantic.
    """
    try:
        row = quickly(parts)
    except (msgspec.ValidationError, RecursionError):
        row = None
    if row is not None:
        return row
    try:
        return fully(parts)
    except ValidationError as error:
        return refused(error, renamed=renamed)
