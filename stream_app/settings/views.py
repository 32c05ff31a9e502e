"""Settings of feature views."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.table import Table

__all__ = ["ConditionSettings", "FeatureSettings", "ViewSettings"]

_CONDITION = re.compile(
    r"\s*(?P<field>[^\s=!<>]+)\s*(?P<comparison>==|!=|<=|>=|<|>|\sin\s)\s*(?P<value>.*?)\s*"
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_ALL = "*"


class ConditionSettings(Table):
    """A condition on events; may be written as a text such as ``"amount < 0"``."""

    field: Annotated[str, Field(min_length=1)]
    """``type``, or the name of an attribute or value of the event."""
    comparison: Literal["==", "!=", "<", "<=", ">", ">=", "in"]
    value: str | float | tuple[str | float, ...]
    """What it is compared with; a list for ``in``."""


def _condition(said: Any) -> Any:
    if not isinstance(said, str):
        return said
    match = _CONDITION.fullmatch(said)
    if match is None or not match["value"]:
        raise ValueError(
            f'{said!r} is not a condition, like "amount < 0", "type == purchase", "type in purchase, refund"'
        )
    comparison = match["comparison"].strip()
    value: Any = match["value"]
    if comparison == "in":
        value = [_word(word.strip()) for word in value.strip("[]").split(",") if word.strip()]
    else:
        value = _word(value)
    return {"field": match["field"], "comparison": comparison, "value": value}


def _word(said: str) -> str | float:
    """Read a number where it is one; what is quoted is a text."""
    quoted = _QUOTED.fullmatch(said)
    if quoted:
        return quoted[1] if quoted[1] is not None else quoted[2]
    try:
        return float(said)
    except ValueError:
        return said


def _conditions(said: Any) -> Any:
    return [said] if isinstance(said, str | dict) else said


_Condition = Annotated[ConditionSettings, BeforeValidator(_condition)]
Conditions = Annotated[tuple[_Condition, ...], BeforeValidator(_conditions)]

_AGGREGATIONS = ("count", "sum", "mean", "min", "max", "last", "distinct", "time_since_last", "rate", "ratio")
_OF_EVENTS = frozenset({"count", "time_since_last", "rate"})


class FeatureSettings(Table):
    """One feature: an aggregation of a field over a window.

    Parameters
    ----------
    count, time_since_last, rate : str
        ``"*"`` for all events, or a field that they must have.
    sum, mean, min, max, last, distinct : str
        The field that is aggregated.
    ratio : list of two str
        Names of the dividend and the divisor, both features of the view.
    window : duration
        Length of a sliding window.
    delay : duration
        How long before the reader's instant the sliding window ends.
    session : duration
        Session window: since the entity's last pause longer than this.
    longest : duration
        Longest session.
    all_time : bool
        Over all events since the entity is known.
    where : list of conditions
        Conditions that an event must fulfil to count.
    """

    count: str | None = None
    sum: str | None = None
    mean: str | None = None
    min: str | None = None
    max: str | None = None
    last: str | None = None
    distinct: str | None = None
    time_since_last: str | None = None
    rate: str | None = None
    ratio: tuple[str, str] | None = None
    window: Duration | None = None
    delay: Duration = 0.0
    session: Duration | None = None
    longest: Duration = 86_400.0
    all_time: bool = False
    where: Conditions = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        said = [name for name in _AGGREGATIONS if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(
                f'one of {", ".join(_AGGREGATIONS)} is expected, like sum = "amount"; there is {said or "none"}'
            )
        windows = [self.window is not None, self.session is not None, self.all_time]
        if self.ratio is None and sum(windows) != 1:
            raise ValueError('one of window, session, all_time is expected, like window = "30m"')
        if self.ratio is not None and (any(windows) or self.where):
            raise ValueError("a ratio has no window or condition of its own; those of its two features count")
        if self.delay and self.window is None:
            raise ValueError("delay is for window")
        if "longest" in self.model_fields_set and self.session is None:
            raise ValueError("longest is for session")
        if self.of == _ALL and self.aggregation not in _OF_EVENTS:
            raise ValueError(f"{self.aggregation} is of a field, not of all events")
        return self

    @property
    def aggregation(self) -> str:
        """Name of the aggregation."""
        return next(name for name in _AGGREGATIONS if getattr(self, name) is not None)

    @property
    def of(self) -> str | None:
        """Argument of the aggregation; None for a ratio."""
        return None if self.ratio is not None else str(getattr(self, self.aggregation))

    @property
    def field(self) -> str | None:
        """Field of the aggregation; None for all events."""
        return None if self.of == _ALL else self.of


class ViewSettings(Table):
    """Settings of a feature view.

    Parameters
    ----------
    name : str
        Letters, digits, ``_ . -``.
    version : int
        Number of the definition; each change needs a new one.
    entity : str
        Word for an entity, such as customer.
    where : list of conditions
        Conditions that an event must fulfil to belong to the view.
    freshness : duration
        Features of an entity without events for longer are stale; a silent view raises an alert.
    lateness : duration
        Allowed lateness behind the entity's newest event.
    history : duration
        How far before an entity's newest event a reader may ask.
    ttl : duration
        How long an entity without events is remembered; 0 means twice as long as its events are kept.
    max_events : int
        Most events kept per entity; beyond, the oldest are dropped.
    features : table
        Name of each feature to its aggregation; the order is part of the definition.
    """

    name: str
    version: Annotated[int, Field(ge=1)] = 1
    entity: str = "entity"
    where: Conditions = ()
    freshness: Duration = 86_400.0
    lateness: Duration = 3600.0
    history: Duration = 0.0
    ttl: Duration = 0.0
    max_events: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    features: Annotated[dict[str, FeatureSettings], Field(min_length=1, max_length=512)]
