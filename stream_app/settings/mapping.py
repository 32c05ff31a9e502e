"""Settings of the layout of messages: where the parts of an event are in them."""

from difflib import get_close_matches
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.table import Table

__all__ = ["EventMapping", "PlaceName", "PredictionMapping", "SensorMapping", "SessionMapping", "TimeZone"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is named {name!r}; expected a name like Europe/Berlin") from None
    return name


TimeZone = Annotated[str, AfterValidator(_zone)]
"""The name of a time zone."""

_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]


_OF_RECORD, _WITH_NAMES = ("$key", "$timestamp"), ("$header", "$message")
"""Places beside the event: those that stand alone, and those with a name or a path behind them."""


def _place(said: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(said, str) and said != "." and not all(said.split(".")):
        raise ValueError(
            f'{said!r} is no path: expected names with dots between them, ".", "$key", "$timestamp" or "$header.NAME"; a name '
            'that has a dot itself is written as a list, ["a.b"]'
        )
    if isinstance(said, str) and said.startswith("$") and not _is_of_record(said):
        first, _, rest = said.partition(".")
        known = [*_OF_RECORD, *_WITH_NAMES]
        near = next(iter(get_close_matches(first.casefold(), known, n=1)), None)
        meant = (
            ""
            if near is None
            else f"; is {near + (f'.{rest}' if near in _WITH_NAMES and rest else '')} meant?"
        )
        raise ValueError(
            f'{said!r} is no place: with $ begin "$key", "$timestamp", "$header.NAME" and "$message.PATH"{meant} A name in a '
            f'message that begins with $ is written as a list, ["{said}"]'
        )
    return said


def _is_of_record(said: str) -> bool:
    first, _, rest = said.partition(".")
    return said in _OF_RECORD or (first in _WITH_NAMES and bool(rest))


PlaceName = Annotated[_Name | Annotated[tuple[_Name, ...], Field(min_length=1)], AfterValidator(_place)]
"""A place in a message; see `stream_app.events.Place`."""

_Tables: TypeAlias = PlaceName | dict[_Name, PlaceName]


class EventMapping(Table):
    """Where the parts of events are, of whatever kind.

    A place is a path of names with dots between them (``"machine.id"``), the event itself (``"."``), or of the record: ``"$key"``,
    ``"$timestamp"``, ``"$header.NAME"``. A name that has a dot itself is written as a list, ``["machine.id"]``.

    Parameters
    ----------
    time : place
        Time of the event: a number since 1970, or an RFC 3339 text.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of a time that is a number.
    time_zone : str
        Time zone of times that are texts without an offset.
    id : place, optional
        Identity of the event, for producers that may send one twice. By default none.
    ignore : list of str
        Names in the tables that are no values.
    each : place, optional
        An array in the message whose elements are the events. Places are then those in an element, and those in the message
        around it begin with ``$message.``.
    """

    time: PlaceName = "ts"
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    time_zone: TimeZone = "UTC"
    id: PlaceName | None = None
    ignore: tuple[_Name, ...] = ()
    each: PlaceName | None = None


class SensorMapping(EventMapping):
    """Where the parts of a sensor reading are.

    Parameters
    ----------
    source : place
        Name of the source; a whole number is taken for its text.
    values : place or table
        A table of channels to values, or the place of each channel, such as ``{ flow = "data.q", load = "data.p" }``. In the
        event itself (``"."``) are the declared channels, or all numbers that are nothing else where none are declared.
    channel, value : place, optional
        Name of the channel and its value, of messages that have one each. Readings are assembled from them by time.
    within : duration
        How far apart in time the values of an assembled reading may be.
    most_open : int
        Readings of a source that wait for channels at once; beyond, the first of them is taken without those that are missing.
    """

    source: PlaceName = "source"
    values: _Tables = "values"
    channel: PlaceName | None = None
    value: PlaceName | None = None
    within: Annotated[Duration, Field(le=86_400.0)] = 1.0
    most_open: Annotated[int, Field(ge=1, le=64)] = 2

    @model_validator(mode="after")
    def _one_or_a_table(self) -> Self:
        if (self.channel is None) != (self.value is None):
            raise ValueError(
                "channel and value belong together: the place of a channel's name, and of its value"
            )
        if self.channel is not None and "values" in self.model_fields_set:
            raise ValueError(
                "values are those of a table, channel and value of a message with one; leave one out"
            )
        return self


class PredictionMapping(EventMapping):
    """Where the parts of a prediction, or of a label, are.

    Parameters
    ----------
    source : place
        Name of the model.
    id : place
        What is judged; the label that comes later has the same.
    version : place
        Version of the model.
    prediction : place
        What it answered: a label, or a value.
    label : place
        The truth.
    latency : place
        Seconds until the answer.
    error : place
        Why there was none.
    probabilities : place or table
        A table of labels to probabilities, or the place of each.
    quantiles : place or table
        A table of levels to values, or the place of each.
    features : place or table
        A table of names to numbers, or the place of each. In the event itself (``"."``) are all numbers that are nothing else.
    categories : place or table
        A table of names to texts, or the place of each. In the event itself (``"."``) are all texts that are nothing else.
    """

    source: PlaceName = "source"
    id: PlaceName = "id"
    version: PlaceName = "version"
    prediction: PlaceName = "prediction"
    label: PlaceName = "label"
    latency: PlaceName = "latency"
    error: PlaceName = "error"
    probabilities: _Tables = "probabilities"
    quantiles: _Tables = "quantiles"
    features: _Tables = "features"
    categories: _Tables = "categories"


class SessionMapping(EventMapping):
    """Where the parts of a session event are. Its entity is in the field `entity_field` of the stream, or at `entity`.

    Parameters
    ----------
    entity : place, optional
        Whose the event is, where it is not in `entity_field`; a whole number is taken for its text.
    type : place
        What sort of event it is.
    values : place or table
        A table of names to numbers, or the place of each. In the event itself (``"."``) are all numbers that are nothing else.
    attributes : place or table
        A table of names to texts, or the place of each. In the event itself (``"."``) are all texts that are nothing else.
    """

    entity: PlaceName | None = None
    type: PlaceName = "type"
    values: _Tables = "values"
    attributes: _Tables = "attributes"
