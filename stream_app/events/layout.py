"""The layout of messages: where the parts of events are in them, in whatever form producers send them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from itertools import chain
from typing import Any

from stream_app.events.dead_letter import Reason
from stream_app.events.places import MISSING, Envelope, Place
from stream_app.events.rejection import MessageError
from stream_app.events.sensor import parse_event_time

__all__ = ["SENSOR_LAYOUT", "Layout"]

Table = Place | Mapping[str, Place]
"""The place of a table of names to values, or of each value on its own."""

_TEXTS = frozenset({"attributes", "categories"})
"""Tables of texts; the others are of numbers."""

_NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?")

_NAMES = frozenset({"source", "entity", "id"})
"""What may be a whole number where a text is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the parts of events are in messages.

    Parameters
    ----------
    fields : mapping of str to Place
        Place of each single part by its name, such as ``source`` and ``ts``.
    tables : mapping of str to (Place or mapping of str to Place)
        Place of each table by its name, such as ``values``, or of each of its values by theirs. In the event itself (``"."``) are
        `names`, or where they are not given all numbers, or texts, that are nothing else.
    names : tuple of str, optional
        Names of the values that are in the event itself.
    ignore : frozenset of str
        Names that no table takes.
    categories : frozenset of str
        Names of values in the event itself that are texts.
    channel, value : Place, optional
        Of events with one value each: its name and the value.
    each : Place, optional
        An array each of whose elements is an event; else the message is one.
    per_second : float
        Units of a time that is a number, in a second.
    zone : tzinfo
        Time zone of times that are texts without an offset. The first of two equal hours of autumn is meant.
    default : bool
        Whether this is the layout of readings that we send ourselves, which has nothing but its own parts.

    Examples
    --------
    >>> flat = Layout(
    ...     fields={"source": Place.parse("device"), "ts": Place.parse("t")}, tables={"values": Place.parse(".")},
    ...     per_second=1000.0,
    ... )
    >>> flat.events({"device": "p1", "t": 1770000000000, "flow": 1.5, "state": "on"})
    [{'source': 'p1', 'ts': 1770000000.0, 'values': {'flow': 1.5}}]
    """

    fields: Mapping[str, Place]
    tables: Mapping[str, Table]
    names: tuple[str, ...] | None = None
    ignore: frozenset[str] = field(default_factory=frozenset)
    categories: frozenset[str] = field(default_factory=frozenset)
    channel: Place | None = None
    value: Place | None = None
    each: Place | None = None
    per_second: float = 1.0
    zone: tzinfo = UTC
    default: bool = False

    @property
    def reads_records(self) -> bool:
        """Whether a part of an event is in its record, beside the value."""
        tables = (
            table.values() if isinstance(table, Mapping) else (table,) for table in self.tables.values()
        )
        places = (*self.fields.values(), self.channel, self.value, *chain.from_iterable(tables))
        return any(place is not None and place.part in ("key", "header", "timestamp") for place in places)

    @property
    def renamed(self) -> dict[int | str, str]:
        """Names of the parts as the producer has them."""
        places = {**self.fields, **self.tables}
        return {name: str(place) for name, place in places.items() if isinstance(place, Place)}

    def claimed(self, table: Place) -> frozenset[str]:
        """Return the names in a table that are none of its values: those of single parts, and what is ignored."""
        own = (place.path for place in self.fields.values() if place.part == table.part)
        return self.ignore | {path[-1] for path in own if path and path[:-1] == table.path}

    def events(self, message: Any, envelope: Envelope | None = None) -> list[dict[str, Any]]:
        """Return the events of a message with their parts under the names that we have for them; nothing else is checked.

        Parameters
        ----------
        message : value
            As it was decoded.
        envelope : Envelope, optional
            What the record says beside.

        Raises
        ------
        MessageError
            If there is no array where one is expected, no name of a channel, or a time cannot be read.
        """
        if self.each is None:
            return [self._event(message, message, envelope)]
        found = self.each.find(message, message, envelope)
        if not isinstance(found, list):
            raise MessageError(Reason.SCHEMA, f"{self.each}: an array of events is expected")
        events = [self._event(one, message, envelope) for one in found]
        return events if self.channel is None else list(_joined(events))

    def _event(self, event: Any, message: Any, envelope: Envelope | None) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        for name, place in self.fields.items():
            found = place.find(event, message, envelope)
            if found is MISSING:
                continue
            if name == "ts":
                found = self._seconds(found, place)
            elif name in _NAMES and type(found) is int:
                found = str(found)
            parts[name] = found
        for name, table in self.tables.items():
            found = self._table(name, table, event, message, envelope)
            if found is not MISSING:
                parts[name] = found
        if self.channel is not None and self.value is not None:
            channel = self.channel.find(event, message, envelope)
            value = self.value.find(event, message, envelope)
            if channel is MISSING or value is MISSING:
                missing = self.channel if channel is MISSING else self.value
                raise MessageError(Reason.SCHEMA, f"{missing}: Field required")
            if type(channel) is not str and type(channel) is not int:
                raise MessageError(
                    Reason.SCHEMA,
                    f"{self.channel}: the name of a channel is expected, a text or a whole number",
                )
            parts["values"] = {str(channel): value}
        return parts

    def _seconds(self, found: Any, place: Place) -> float:
        if place.part == "timestamp":
            return float(found)
        if place.part in {"key", "header"} and _NUMBER.fullmatch(found):
            found = float(found)
        try:
            return parse_event_time(found, per_second=self.per_second, zone=self.zone)
        except ValueError as error:
            raise MessageError(Reason.TIMESTAMP, f"{place}: {error}") from None

    def _table(self, name: str, table: Table, event: Any, message: Any, envelope: Envelope | None) -> Any:
        if not isinstance(table, Place):
            found = {key: place.find(event, message, envelope) for key, place in table.items()}
            return {key: value for key, value in found.items() if value is not MISSING}
        found = table.find(event, message, envelope)
        if not isinstance(found, dict):
            return found
        claimed = self.claimed(table)
        if table.path or table.part != "event":
            return {key: value for key, value in found.items() if key not in claimed} if claimed else found
        if self.names is not None and name not in _TEXTS:
            return {key: found[key] for key in self.names if key in found}
        right = _is_text if name in _TEXTS else _is_number
        return {
            key: value
            for key, value in found.items()
            if (right(value) or key in self.categories) and key not in claimed
        }


SENSOR_LAYOUT = Layout(
    fields={name: Place.parse(name) for name in ("source", "ts", "labels", "id")},
    tables={"values": Place.parse("values")},
    default=True,
)
"""The layout of sensor readings where no other is set."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _joined(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Join events of one value each that are of the same source and time."""
    open_one: dict[str, Any] | None = None
    for event in events:
        if open_one is not None:
            same = all(open_one.get(name) == event.get(name) for name in ("source", "ts"))
            if same and event["values"].keys().isdisjoint(open_one["values"]):
                open_one["values"] |= event["values"]
                continue
            yield open_one
        open_one = event
    if open_one is not None:
        yield open_one
