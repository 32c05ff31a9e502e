"""What the HTTP port offers of sources, alerts and incidents: parameters, bodies, and their part of the document."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import Meta

from stream_app.events import Alert
from stream_app.runtime.http_openapi import (
    OF_A_BODY,
    TEXT_OF_TIME,
    EntityName,
    document,
    parameter,
    ref,
    responses_of,
)

__all__ = [
    "AlertSelection",
    "Alerts",
    "History",
    "HistorySelection",
    "IncidentSelection",
    "LiveFeatures",
    "Verdict",
    "port_document",
]

_Instant: TypeAlias = Annotated[
    str | msgspec.UnsetType,
    Meta(
        description="Epoch seconds or RFC 3339.",
        examples=["2011-12-09T12:50:00Z"],
        extra_json_schema=TEXT_OF_TIME,
    ),
]
_Numbers: TypeAlias = Annotated[
    dict[str, list[float | None]],
    Meta(description="Channel to a number a point; null where there was no reading."),
]
_Name: TypeAlias = Annotated[str, Meta(description="Only of this one.", examples=["sensors"])]


class HistorySelection(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of the address of a history."""

    begin: _Instant = msgspec.UNSET
    end: _Instant = msgspec.UNSET
    points: Annotated[int, Meta(description="Most points.", ge=1, le=2000, examples=[300])] = 300


class History(msgspec.Struct, forbid_unknown_fields=True):
    """A source over time, in event time; older points stand for more."""

    stream: EntityName
    source: EntityName
    channels: list[str]
    time: Annotated[list[float], Meta(description="Beginning of each point, in epoch seconds.")]
    width: Annotated[list[float], Meta(description="Seconds that it stands for.")]
    count: Annotated[list[int], Meta(description="Readings in it, about.")]
    score: Annotated[list[float], Meta(description="Largest anomaly score, in decades.")]
    mean: _Numbers
    min: _Numbers
    max: _Numbers


class LiveFeatures(msgspec.Struct, forbid_unknown_fields=True):
    """Live features of a sensor, a camera or a model."""

    stream: EntityName
    source: EntityName
    event_ts: Annotated[float, Meta(description="Time of the newest event, in epoch seconds.")]
    written_ts: Annotated[float, Meta(description="When they were written, in epoch seconds.")]
    values: Annotated[
        dict[str, float | None], Meta(description="Feature to value; null where there is nothing to compute.")
    ]


class IncidentSelection(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of the address of incidents."""

    since: _Instant = msgspec.UNSET
    state: Annotated[
        Literal["firing", "resolved"] | None,
        Meta(description="Only those in this state.", examples=["firing"]),
    ] = None
    severity: Annotated[
        Literal["info", "warning", "critical"] | None,
        Meta(description="Only those of this severity.", examples=["critical"]),
    ] = None
    stream: _Name | None = None
    source: _Name | None = None
    limit: Annotated[
        int, Meta(description="Most of them, the newest ones.", ge=1, le=1000, examples=[100])
    ] = 100


class AlertSelection(IncidentSelection, forbid_unknown_fields=True):
    """Parameters of the address of alerts."""


class Alerts(msgspec.Struct, forbid_unknown_fields=True):
    """Alerts as they stand, those that changed last at the end."""

    alerts: list[dict[str, Any]]


class Note(msgspec.Struct, forbid_unknown_fields=True):
    """What a person said."""

    by: str
    comment: str
    at: float
    until: float | None = None
    real: bool | None = None


class IncidentLine(msgspec.Struct, forbid_unknown_fields=True):
    """An incident with what people said about it."""

    incident: dict[str, Any]
    acknowledged: Note | None
    muted: Note | None
    verdict: Note | None
    doubted: Annotated[bool, Meta(description="Whether all that found it is mostly wrong, as people said.")]


class Verdict(msgspec.Struct, forbid_unknown_fields=True):
    """Whether there was something: what somebody says about an incident."""

    real: Annotated[bool, Meta(description="False: it was a false alarm.")]
    by: Annotated[str, Meta(description="Who says so; others read it.", min_length=1, max_length=100)]
    comment: Annotated[str, Meta(description="In what words.", max_length=1000)] = ""


class Noted(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of a verdict; the last of an incident replaces those before."""

    incident: Annotated[str, Meta(description="Id of the incident.")]
    verdict: Note


class Incidents(msgspec.Struct, forbid_unknown_fields=True):
    """Incidents as they stand, those that changed last at the end."""

    incidents: list[IncidentLine]


def port_document(*, secured: bool) -> dict[str, Any]:
    """Return the OpenAPI document of all that a worker serves.

    Parameters
    ----------
    secured : bool
        Whether a token is asked for.
    """
    template = "#/components/schemas/{name}"
    _, schemas = msgspec.json.schema_components(
        (History, LiveFeatures, Alerts, Incidents, Verdict, Noted), ref_template=template
    )
    alert = Alert.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas |= alert.pop("$defs", {})
    schemas["Alert"] = alert
    schemas["Alerts"]["properties"]["alerts"]["items"] = ref("Alert")
    schemas["IncidentLine"]["properties"]["incident"] = ref("Incident")
    of_nothing = OF_A_BODY | {"unknown-feature"}
    of_a_list = of_nothing | {"unknown-source"}
    source = [
        _path("stream", "Name of the stream.", "sensors"),
        _path("source", "Its name, percent-encoded.", "pump-1"),
    ]

    def get(
        summary: str, name: str, schema: str, parameters: list[Any], without: frozenset[str]
    ) -> dict[str, Any]:
        responses = responses_of(schema, secured=secured, without=without)
        return {
            "get": {"operationId": name, "summary": summary, "parameters": parameters, "responses": responses}
        }

    following = get(
        "Alerts as they come, as server-sent events", "followAlerts", "Alert", [_last_event()], of_a_list
    )
    following["get"]["responses"]["200"] = {
        "description": "An event a beginning or end: its id, and the alert as data. Comments every few seconds.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    paths = {
        "/live/{stream}/{source}": get(
            "Live features of a sensor, a camera or a model", "getLive", "LiveFeatures", source, of_nothing
        ),
        "/history/{stream}/{source}": get(
            "A source over time, for a chart",
            "getHistory",
            "History",
            source + _query(HistorySelection),
            of_nothing,
        ),
        "/alerts": get("Alerts", "getAlerts", "Alerts", _query(AlertSelection), of_a_list),
        "/incidents": get("Incidents", "getIncidents", "Incidents", _query(IncidentSelection), of_a_list),
        "/incidents/{incident}/verdict": _verdict(secured),
        "/alerts/stream": following,
    }
    described = document(secured=secured)
    described["paths"] |= paths
    described["components"]["schemas"] |= schemas
    return described


def _verdict(secured: bool) -> dict[str, Any]:  # noqa: FBT001 as `port_document`
    example = {"real": False, "by": "ann", "comment": "maintenance"}
    content = {"application/json": {"schema": ref("Verdict"), "example": example}}
    responses = responses_of(
        "Noted",
        secured=secured,
        without=frozenset({"unknown-feature", "unknown-source"}),
        also=frozenset({"no-token", "unknown-incident"}),
    )
    return {
        "post": {
            "operationId": "sayVerdict",
            "summary": "Say that an incident was a false alarm, or real",
            "parameters": [
                _path("incident", "Id of it or of an alert of it, or its first characters.", "6f0c")
            ],
            "requestBody": {"required": True, "content": content},
            "responses": responses,
        }
    }


def _path(name: str, about: str, example: str) -> dict[str, Any]:
    return parameter(name, "path", Annotated[EntityName, Meta(description=about, examples=[example])])


def _query(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    hints: Mapping[str, Any] = get_type_hints(kind, include_extras=True)
    return [parameter(name, "query", _told(hint)) for name, hint in hints.items()]


def _told(hint: Any) -> Any:
    """Return the type of a parameter, where it is given."""
    return _Name if hint == _Name | None else hint


def _last_event() -> dict[str, Any]:
    return {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "Go on behind this event; where not given, with what comes from now on.",
        "schema": {"type": "string", "pattern": r"^\d{1,18}(-\d{1,18})?$"},
        "example": "1700000000000-0",
    }
