"""The layouts of messages that settings of streams say."""

from typing import Any
from zoneinfo import ZoneInfo

from stream_app.errors import SettingsError
from stream_app.events import JSON, SENSOR_LAYOUT, Format, Layout, Place
from stream_app.settings import (
    EventMapping,
    PredictionMapping,
    PredictionStream,
    SensorStream,
    SessionMapping,
    SessionStream,
)

__all__ = ["PER_SECOND", "prediction_layout", "sensor_layout", "session_layout"]

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of a unit of time make a second."""


def sensor_layout(name: str, stream: SensorStream) -> Layout:
    """Return where the parts of a stream's readings are.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : SensorStream
        Settings of the stream.

    Raises
    ------
    SettingsError
        If its mapping makes no sense.

    Examples
    --------
    >>> layout = sensor_layout("pumps", SensorStream(mapping={"source": "device", "time": "t", "values": "."}))
    >>> layout.events({"device": "p1", "t": 1770000000, "flow": 1.5})
    [{'source': 'p1', 'ts': 1770000000.0, 'values': {'flow': 1.5}}]
    """
    mapping = stream.mapping
    if mapping is None:
        return SENSOR_LAYOUT
    single = mapping.channel is not None
    return _layout(
        name,
        mapping,
        {"source": mapping.source, "ts": mapping.time, "id": mapping.id},
        {} if single else {"values": mapping.values},
        names=None
        if stream.channels is None
        else tuple(dict.fromkeys([*stream.channels, *stream.categories])),
        categories=frozenset(stream.categories),
        channel=None if mapping.channel is None else Place.parse(mapping.channel),
        value=None if mapping.value is None else Place.parse(mapping.value),
    )


def prediction_layout(name: str, stream: PredictionStream, wire: Format = JSON) -> Layout | None:
    """Return where the parts of a stream's predictions are; None where its events are JSON in our own form.

    Raises
    ------
    SettingsError
        If its mapping makes no sense.
    """
    mapping = stream.mapping
    if mapping is None:
        if wire is JSON:
            return None
        mapping = PredictionMapping()
    fields = ("source", "id", "version", "prediction", "label", "latency", "error")
    tables = ("probabilities", "quantiles", "features", "categories")
    return _layout(
        name,
        mapping,
        {"ts": mapping.time, **{field: getattr(mapping, field) for field in fields}},
        {table: getattr(mapping, table) for table in tables},
    )


def session_layout(name: str, stream: SessionStream, wire: Format = JSON) -> Layout | None:
    """Return where the parts of a stream's session events are; None where its events are JSON in our own form.

    Raises
    ------
    SettingsError
        If its mapping makes no sense.
    """
    mapping = stream.mapping
    if mapping is None:
        if wire is JSON:
            return None
        mapping = SessionMapping()
    entity = (stream.entity_field,) if mapping.entity is None else mapping.entity
    return _layout(
        name,
        mapping,
        {"entity": entity, "ts": mapping.time, "type": mapping.type, "id": mapping.id},
        {"values": mapping.values, "attributes": mapping.attributes},
    )


def _layout(
    name: str, mapping: EventMapping, fields: dict[str, Any], tables: dict[str, Any], **rest: Any
) -> Layout:
    places = {field: Place.parse(said) for field, said in fields.items() if said is not None}
    seen: dict[Place, str] = {}
    for field, place in places.items():
        if not place.path and place.part == "event":
            raise SettingsError(f'streams.{name}.mapping: {field} cannot be the event itself, "."')
        if place.part == "message" and mapping.each is None:
            raise SettingsError(f"streams.{name}.mapping: {place} is for events of an array; set each")
        other = seen.setdefault(place, field)
        if other != field:
            raise SettingsError(f"streams.{name}.mapping: {other} and {field} are at the same place, {place}")
    return Layout(
        fields=places,
        tables={
            table: {key: Place.parse(one) for key, one in said.items()}
            if isinstance(said, dict)
            else Place.parse(said)
            for table, said in tables.items()
        },
        ignore=frozenset(mapping.ignore),
        each=None if mapping.each is None else Place.parse(mapping.each),
        per_second=PER_SECOND[mapping.time_unit],
        zone=ZoneInfo(mapping.time_zone),
        **rest,
    )
