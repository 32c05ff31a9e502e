"""The session event: something that one entity (a customer, a user, a card) did at one instant."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from stream_app.events.sensor import MAX_NAME, ChannelName, EventTime

__all__ = ["MAX_FIELDS", "MAX_NUMBER", "MAX_TEXT", "SessionEvent"]

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
    """Something that an entity did.

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
        Its numbers.
    attributes : dict of str to str or None
        Its texts.
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
