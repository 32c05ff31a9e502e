"""The session event: what one entity (a customer, a user, a card) did at one instant."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, cast

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import from_json

from stream_app.events.dead_letter import Reason
from stream_app.events.rejection import MAX_EVENT_BYTES, Rejected, read_parts, refused, unread
from stream_app.events.sensor import MAX_NAME, MAX_TS, ChannelName, EventTime

__all__ = [
    "MAX_FIELDS",
    "MAX_NUMBER",
    "MAX_TEXT",
    "SessionEvent",
    "SessionRow",
    "decode_session",
    "decode_sessions",
    "read_session",
]

MAX_FIELDS = 64
"""Most numbers, and most texts, in one event."""

MAX_TEXT = 1024
"""Longest text in an event, in characters."""

MAX_NUMBER = 1e200
"""Largest number in an event: sums of as many as there can ever be stay finite."""


def _printable(entity: str) -> str:
    if not entity.isprintable():
        raise ValueError("an entity has printable characters only, no line breaks or control characters")
    return entity


def _number(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError("a number is expected, not a text or a truth")  # noqa: TRY004 pydantic reports ValueErrors
    return value


def _bounded(value: float) -> float:
    if abs(value) > MAX_NUMBER:
        raise ValueError(f"{value} is larger than {MAX_NUMBER}")
    return value


EntityName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_NAME, strict=True), AfterValidator(_printable)
]
Amount = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False), AfterValidator(_bounded)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT, strict=True)]


class SessionEvent(BaseModel):
    """A session event.

    Unknown top-level fields are kept. A value or attribute that is null is not there.

    Parameters
    ----------
    entity : str
        Who; also the Kafka key, so that the events of one entity are in one partition, in their order.
    ts : float or str
        When, in epoch seconds or RFC 3339.
    type : str, optional
        What sort of event.
    values : dict of str to float or None
        Numeric fields of the event.
    attributes : dict of str to str or None
        Text fields of the event.
    id : str, optional
        Identity of the event, for producers that may send one twice.

    Examples
    --------
    >>> event = SessionEvent.model_validate_json(
    ...     '{"entity": "17850", "ts": 10, "type": "purchase", "values": {"amount": 15.3}}'
    ... )
    >>> event.values, event.attributes
    ({'amount': 15.3}, {})
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    entity: EntityName
    ts: EventTime
    type: Annotated[str, StringConstraints(max_length=MAX_NAME, strict=True)] | None = None
    values: Annotated[dict[ChannelName, Amount | None], Field(max_length=MAX_FIELDS)] = {}
    attributes: Annotated[dict[ChannelName, Text | None], Field(max_length=MAX_FIELDS)] = {}
    id: Annotated[str, StringConstraints(max_length=MAX_NAME, strict=True)] | None = None


_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
_Word = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
_Number = Annotated[float, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]


# Unknown fields would be skipped without a look, also where they are not UTF-8: pydantic looks at them.
class SessionRow(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A valid session event, reduced to what the worker needs of a :class:`SessionEvent`."""

    entity: _Name
    ts: Annotated[float, msgspec.Meta(ge=0.0, lt=MAX_TS)]
    type: _Word | None = None
    values: Annotated[dict[_Name, _Number | None], msgspec.Meta(max_length=MAX_FIELDS)] = {}
    attributes: Annotated[dict[_Name, _Text | None], msgspec.Meta(max_length=MAX_FIELDS)] = {}
    id: _Word | None = None


@lru_cache(maxsize=64)
def _decoder(key: str) -> msgspec.json.Decoder[SessionRow]:
    """Return a decoder of rows whose entity stands under a name of its own."""
    if key == "entity":
        return msgspec.json.Decoder(SessionRow)
    fields: list[str | tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(SessionRow):
        if field.required:
            fields.append((field.name, field.type))
        else:
            empty = msgspec.field(default_factory=field.default_factory)
            fields.append(
                (field.name, field.type, empty if field.default is msgspec.NODEFAULT else field.default)
            )
    # The attributes are those of a SessionRow, which cannot rename a field of its own.
    named = msgspec.defstruct(
        "SessionRow", fields, rename={"entity": key}, gc=False, forbid_unknown_fields=True
    )
    return cast("msgspec.json.Decoder[SessionRow]", msgspec.json.Decoder(named))


def decode_session(raw: bytes | None, *, key: str = "entity") -> SessionRow | Rejected:
    """Decode and validate one session event.

    Parameters
    ----------
    raw : bytes or None
        The value of a Kafka record; None is a tombstone.
    key : str
        Name of the top-level field that says whose the event is.

    Returns
    -------
    SessionRow or Rejected
        The event, or the reason why it can't be used.

    Examples
    --------
    >>> decode_session(b'{"customer": "a", "ts": 1, "values": {"amount": 2}}', key="customer").values
    {'amount': 2.0}
    >>> decode_session(b'{"entity": "a", "ts": 1, "values": {"amount": NaN}}').reason
    <Reason.NOT_FINITE: 'not_finite'>
    """
    return decode_sessions([raw], key=key)[0]


def decode_sessions(raws: Sequence[bytes | None], *, key: str = "entity") -> list[SessionRow | Rejected]:
    """Decode a whole delivery; one bad event never spoils its neighbours.

    Parameters
    ----------
    raws : sequence of bytes or None
        Values of Kafka records.
    key : str
        Name of the top-level field that says whose an event is.

    Returns
    -------
    list of SessionRow or Rejected
        As many as were given, in their order.
    """
    # The loop is flat, and calls little for an ordinary event, because it runs for every one.
    decode = _decoder(key).decode
    out: list[SessionRow | Rejected] = []
    append = out.append
    for raw in raws:
        if raw is None or len(raw) > MAX_EVENT_BYTES:
            append(unread(raw))
            continue
        try:
            row = decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            append(_judge(raw, key))
            continue
        append(row if row.entity.isprintable() else _judge(raw, key))
    return out


def read_session(parts: Mapping[str, Any], renamed: Mapping[int | str, str]) -> SessionRow | Rejected:
    """Validate an event whose parts were found already.

    Parameters
    ----------
    parts : mapping of str to value
        Those that are there, by their names in a `SessionEvent`.
    renamed : mapping of str to str
        Names of the parts as the producer has them.
    """
    return read_parts(parts, renamed, _quick, lambda parts: _row(SessionEvent.model_validate(parts)))


def _quick(parts: Mapping[str, Any]) -> SessionRow | None:
    row = msgspec.convert(parts, SessionRow)
    return row if row.entity.isprintable() else None


def _row(event: SessionEvent) -> SessionRow:
    return SessionRow(
        event.entity, event.ts, event.type, dict(event.values), dict(event.attributes), event.id
    )


def _judge(raw: bytes, key: str) -> SessionRow | Rejected:
    try:
        found: Any = from_json(raw)
    except ValueError as error:
        return Rejected(Reason.NOT_JSON, f"Invalid JSON: {error}")
    if key != "entity" and isinstance(found, dict):
        found.pop("entity", None)
        if key in found:
            found["entity"] = found.pop(key)
    try:
        event = SessionEvent.model_validate(found)
    except ValidationError as error:
        return refused(error, renamed={"entity": key})
    return _row(event)
