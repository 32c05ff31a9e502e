"""The reference of topics as an AsyncAPI 3 document, from the models of events; `make_site` adds it to the site."""

from collections.abc import Iterable
from typing import Any

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from stream_app.events import (
    Alert,
    AuditRecord,
    DeadLetter,
    PlatformEvent,
    PredictionEvent,
    Reason,
    RetrainingTrigger,
    SensorReading,
    SessionEvent,
    Topics,
)
from stream_app.events.cloudevent import Enveloped
from stream_app.events.control import ReplayControl
from stream_app.version import __version__

HEAD = """# Topics

Made from the models of events, as is the [AsyncAPI 3 document](asyncapi.json) with all their fields. Names are without `prefix`; a
stream's `topic` replaces that of its kind. Values are JSON. [Alerts and features](../alerts-and-features.md) tells what alerts mean.

| topic | Streamgauge | record | key | holds |
|---|---|---|---|---|
"""

TOPICS = Topics()
READ: dict[str, tuple[str, type[BaseModel] | type[msgspec.Struct], str]] = {
    TOPICS.sensors: ("Readings of sensors.", SensorReading, "source"),
    TOPICS.images: ("Features of images.", SensorReading, "source"),
    TOPICS.predictions: ("What models answered, and the truth.", PredictionEvent, "source"),
    TOPICS.sessions: ("What entities did.", SessionEvent, "entity"),
    TOPICS.platform: ("Metrics, completed queries and changes of data platforms.", PlatformEvent, "source"),
    TOPICS.control: ("Control messages to running replays.", ReplayControl, "replay"),
}
"""What is read from each topic: its meaning, its model, and the field that the key should have."""

WRITTEN: dict[str, tuple[str, type[Enveloped] | None, str]] = {
    **{
        topic: (f"Alerts of {topic.rpartition('.')[2]}, as they begin and end.", Alert, "source")
        for topic in TOPICS.all_alerts()
    },
    TOPICS.triggers: ("Retraining triggers.", RetrainingTrigger, "source"),
    TOPICS.audit: ("What monitors and people did about models and alerts.", AuditRecord, "source"),
    TOPICS.dead_letters: ("Events that could not be used, byte by byte.", None, "key of the event"),
}
"""What is written to each topic, likewise; dead letters have no model, since they hold what was not understood."""

ENVELOPE = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "description": "The same for the same event, however often it is published."},
    "source": {"type": "string", "description": "/streamgauge/STREAM"},
    "type": {"type": "string"},
    "subject": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"const": "application/json"},
}

_TRACE = {"traceparent": {"type": "string"}, "tracestate": {"type": "string"}}
"""Attributes of the extension Distributed Tracing, where an alert has a trace."""


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    models = dict.fromkeys(model for _, model, _ in [*READ.values(), *WRITTEN.values()] if model)
    schemas = _schemas(models)
    channels, operations = {}, {}
    for topic, (about, model, key) in (READ | WRITTEN).items():
        name = model.__name__ if model else DeadLetter.__name__
        channels[topic] = {
            "address": topic,
            "description": f"{about} The key is the {key}.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }
        operations[topic] = {
            "action": "receive" if topic in READ else "send",
            "channel": {"$ref": f"#/channels/{topic}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Streamgauge: topics",
            "version": __version__,
            "description": "What Streamgauge receives from Kafka and sends to it.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                **{model.__name__: _message(model) for model in models},
                "DeadLetter": _dead_letter(),
            },
            "schemas": schemas,
        },
    }


def _schemas(models: Iterable[type[Any]]) -> dict[str, Any]:
    """Return the schemas of models and of what they consist of, by their names."""
    wanted = [model for model in models if issubclass(model, BaseModel)]
    _, found = models_json_schema(
        [(model, "serialization" if issubclass(model, Enveloped) else "validation") for model in wanted],
        ref_template="#/components/schemas/{model}",
    )
    _, others = msgspec.json.schema_components(
        [model for model in models if issubclass(model, msgspec.Struct)],
        ref_template="#/components/schemas/{name}",
    )
    return {**found["$defs"], **others}


def _message(model: type[BaseModel] | type[msgspec.Struct]) -> dict[str, Any]:
    payload: dict[str, Any] = {"$ref": f"#/components/schemas/{model.__name__}"}
    if issubclass(model, Enveloped):
        properties = ENVELOPE | {"data": payload}
        traced = _TRACE if issubclass(model, Alert) else {}
        payload = {"type": "object", "properties": properties | traced, "required": list(properties)}
    said = {"name": model.__name__, "summary": (model.__doc__ or "").split("\n")[0], "payload": payload}
    return said | ({"contentType": "application/cloudevents+json"} if issubclass(model, Enveloped) else {})


def _dead_letter() -> dict[str, Any]:
    letter = DeadLetter("topic", 0, 0, b"", b"", 0, Reason.SCHEMA, "")
    names = dict.fromkeys(name for name, _ in letter.headers())
    return {
        "name": DeadLetter.__name__,
        "summary": "A refused event with the headers that it came with, and these.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": {name: {"type": "string"} for name in names}},
    }


def page() -> str:
    """Write the page: a line a topic."""
    lines = []
    for topic, (about, model, key) in (READ | WRITTEN).items():
        name = model.__name__ if model else DeadLetter.__name__
        wrapped = ", CloudEvents 1.0" if model and issubclass(model, Enveloped) else ""
        lines.append(
            f"| `{topic}` | {'reads' if topic in READ else 'writes'} | `{name}`{wrapped} | {key} | {about} |"
        )
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page())
