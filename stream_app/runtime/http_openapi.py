"""What the HTTP port offers: its bodies, an OpenAPI document of them, and the same as a page to read."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import Meta

from stream_app.events import MAX_INSTANT
from stream_app.version import __version__

__all__ = [
    "OF_A_BODY",
    "TEXT_OF_TIME",
    "Columns",
    "Entities",
    "Entity",
    "EntityName",
    "Problem",
    "Query",
    "Selection",
    "as_page",
    "document",
    "parameter",
    "ref",
    "responses_of",
]

_MAX_ENTITIES = 1000
_MAX_FEATURES = 512

_DAY = (
    r"((197[1-9]|19[89]\d|20[0-8]\d)-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)"
    r"|02-(0[1-9]|1\d|2[0-8]))|(19(7[26]|8[048]|9[26])|20([02468][048]|[1357][26]))-02-29)"
)
"""Days of the years 1971 to 2089: an offset leads to none that is refused."""
_RFC_3339 = rf"{_DAY}[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,6}})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
_SECONDS = r"[0-3]?\d{1,9}(\.\d{1,6})?"
TEXT_OF_TIME = {"pattern": rf"^({_RFC_3339}|{_SECONDS})$"}
"""What is told to whoever asks; what is close to it is understood, too, so this is not checked."""

_Instant: TypeAlias = Annotated[
    float, Meta(ge=0, lt=MAX_INSTANT, description="The instant, in epoch seconds.")
]
_Asked: TypeAlias = Annotated[
    Annotated[float, Meta(ge=0, lt=MAX_INSTANT)]
    | Annotated[str, Meta(extra_json_schema=TEXT_OF_TIME)]
    | None,
    Meta(description="Epoch seconds or RFC 3339; now where not given."),
]
_Values: TypeAlias = Annotated[
    dict[str, float | None], Meta(description="Feature to value; null where there is nothing to compute.")
]
_Incomplete: TypeAlias = Annotated[
    list[str],
    Meta(description="Features that are null because events of their window are not kept any more."),
]
EntityName: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        description="A text without control characters.",
        # Looked at where entities are read, which says which of them it is.
        extra_json_schema={"pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"},
    ),
]


class Selection(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of the address of one entity."""

    features: Annotated[
        str,
        Meta(
            description="Names with commas between them, one at least; else all.",
            examples=["spent_30m,lines_30m"],
            extra_json_schema={"pattern": "[^,]"},
        ),
    ] = "*"
    at: Annotated[
        str | msgspec.UnsetType,
        Meta(
            description="Epoch seconds or RFC 3339; else now.",
            examples=["2011-12-09T12:50:00Z"],
            extra_json_schema=TEXT_OF_TIME,
        ),
    ] = msgspec.UNSET


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a batch."""

    features: Annotated[
        list[str],
        Meta(
            min_length=1,
            max_length=_MAX_FEATURES,
            description="view:feature or view:v2:feature; * is every feature.",
        ),
    ]
    entities: Annotated[list[EntityName], Meta(max_length=_MAX_ENTITIES)]
    at: _Asked = None


class ViewFreshness(msgspec.Struct, forbid_unknown_fields=True):
    """How new a view's knowledge of an entity is."""

    event_ts: Annotated[float | None, Meta(description="Time of the newest event, in epoch seconds.")]
    age: Annotated[float | None, Meta(description="Seconds from that event to the instant.")]
    status: Literal["fresh", "stale", "missing"]


class Entity(ViewFreshness, forbid_unknown_fields=True):
    """Features of one entity in one view."""

    entity: EntityName
    view: Annotated[str, Meta(description="Name and version.")]
    at: _Instant
    values: _Values
    incomplete: _Incomplete


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """Features of one entity of a batch."""

    entity: EntityName
    values: _Values
    views: Annotated[dict[str, ViewFreshness], Meta(description="By name and version of the view.")]
    incomplete: _Incomplete


class Entities(msgspec.Struct, forbid_unknown_fields=True):
    """Features of the entities of a batch, in its order."""

    at: _Instant
    features: Annotated[list[str], Meta(description="As they were asked for; what * stands for one by one.")]
    entities: Annotated[list[Row], Meta(max_length=_MAX_ENTITIES)]


class ViewColumns(msgspec.Struct, forbid_unknown_fields=True):
    """How new a view's knowledge of each entity is."""

    event_ts: Annotated[list[float | None], Meta(description="Time of the newest event, in epoch seconds.")]
    age: Annotated[list[float | None], Meta(description="Seconds from that event to the instant.")]
    status: list[Literal["fresh", "stale", "missing"]]


class Columns(msgspec.Struct, forbid_unknown_fields=True):
    """Features of the entities of a batch as columns: each list of numbers has one for each entity."""

    at: _Instant
    entities: Annotated[list[EntityName], Meta(max_length=_MAX_ENTITIES)]
    features: Annotated[list[str], Meta(description="As they were asked for; what * stands for one by one.")]
    values: Annotated[
        list[list[float | None]],
        Meta(description="A list for each feature; null where there is nothing to compute."),
    ]
    views: Annotated[dict[str, ViewColumns], Meta(description="By name and version of the view.")]
    incomplete: Annotated[
        dict[str, list[str]],
        Meta(
            description="By entity, features that are null because events of their window are not kept any more."
        ),
    ]


class Problem(msgspec.Struct, forbid_unknown_fields=True):
    """What is wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


_PROBLEMS = {
    "bad-request": (400, "A name, an instant or the body is unusable; the detail says which."),
    "unauthorized": (401, "The worker's http_token is expected: Authorization: Bearer TOKEN."),
    "no-token": (403, "Nothing is written over HTTP while no token is set: worker.http_token."),
    "unknown-incident": (404, "No incident of this id; or its first characters are those of several."),
    "unknown-feature": (404, "No such view, version or feature; the detail names the nearest."),
    "unknown-source": (404, "Nothing is known of a source of this name in a stream of this name."),
    "too-slow": (408, "The body did not come in time."),
    "too-large": (413, "The body is too large."),
    "not-json": (415, "The body is to be sent as application/json."),
    "store": (500, "The store refuses, or what it holds is damaged; the worker's log says more."),
    "unavailable": (503, "The store does not answer; Retry-After says when to try again."),
}
"""Kinds of problems: the status, and what it means."""

_RARE = frozenset({"no-token", "unknown-incident"})
"""Problems of an address that writes."""

OF_A_BODY = frozenset({"too-slow", "too-large", "not-json"})
_OF_A_SOURCE = frozenset({"unknown-source"})


def document(*, secured: bool) -> dict[str, Any]:
    """Return the OpenAPI document (version 3.1) of the live features.

    Parameters
    ----------
    secured : bool
        Whether a token is asked for.
    """
    _, schemas = msgspec.json.schema_components(
        (Query, Entity, Entities, Columns, Problem), ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Streamgauge",
            "version": __version__,
            "description": "Features, history, alerts and incidents of what is watched.",
        },
        "paths": {
            "/features/{view}/{entity}": {"get": _get(secured)},
            "/features": {"post": _post("queryFeatures", "Entities", "", secured)},
            "/features/columns": {
                "post": _post("queryColumns", "Columns", ", as columns", secured),
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if secured else [],
    }


def _get(secured: bool) -> dict[str, Any]:  # noqa: FBT001 as `document`
    view = Annotated[
        str,
        Meta(
            description="A view, perhaps with a version; without one it is the latest.",
            examples=["purchases:v2"],
        ),
    ]
    entity = Annotated[EntityName, Meta(description="The entity, percent-encoded.", examples=["17850"])]
    fields = get_type_hints(Selection, include_extras=True)
    return {
        "operationId": "getFeatures",
        "summary": "Features of one entity",
        "parameters": [
            parameter("view", "path", view),
            parameter("entity", "path", entity),
            *(parameter(name, "query", kind) for name, kind in fields.items()),
        ],
        "responses": responses_of("Entity", secured=secured, without=OF_A_BODY | _OF_A_SOURCE),
    }


def _post(operation: str, answer: str, how: str, secured: bool) -> dict[str, Any]:  # noqa: FBT001 as `document`
    example = {"features": ["purchases:spent_30m", "purchases:v2:*"], "entities": ["17850", "13047"]}
    content = {"application/json": {"schema": ref("Query"), "example": example}}
    return {
        "operationId": operation,
        "summary": f"Features of up to {_MAX_ENTITIES:,} entities{how}",
        "requestBody": {"required": True, "content": content},
        "responses": responses_of(answer, secured=secured, without=_OF_A_SOURCE),
    }


def responses_of(
    schema: str, *, secured: bool, without: frozenset[str], also: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Describe what is answered: a body, and the problems but for some; `also` those that only addresses that write have."""
    found = {"description": "Found, or missing.", "content": {"application/json": {"schema": ref(schema)}}}
    responses: dict[str, Any] = {"200": found}
    for kind, (status, means) in _PROBLEMS.items():
        if kind == "unauthorized":
            if secured:
                responses[str(status)] = {"description": means}
        elif kind not in without | (_RARE - also):
            content = {"application/problem+json": {"schema": ref("Problem")}}
            responses[str(status)] = {"description": means, "content": content}
    return responses


def parameter(name: str, place: str, kind: Any) -> dict[str, Any]:
    """Describe a parameter by its type, whose metadata have its description and an example."""
    schema = msgspec.json.schema(kind)
    about, (example,) = schema.pop("description"), schema.pop("examples")
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": about,
        "schema": schema,
        "example": example,
    }


def ref(schema: str) -> dict[str, str]:
    """Refer to a schema of the document."""
    return {"$ref": f"#/components/schemas/{schema}"}


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:1rem;border:1px solid}"
    "td,th{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem 0}:root{color-scheme:light dark}"
)


def as_page(described: Mapping[str, Any]) -> str:
    """Return the document as a page of plain HTML, without scripts.

    Parameters
    ----------
    described : mapping
        What `document` gives.
    """
    info = described["info"]
    heading = (
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])} Version {escape(info['version'])}. "
        'The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>'
    )
    parts = [
        heading,
        *(
            _operation(path, method, operation)
            for path, methods in described["paths"].items()
            for method, operation in methods.items()
        ),
        "<h2>Problems</h2><table>",
        *(
            f'<tr id="{kind}"><td><code>{status}</code></td><td>{escape(means)}</td></tr>'
            for kind, (status, means) in _PROBLEMS.items()
        ),
        "</table><h2>Bodies</h2>",
        *(
            f'<h3 id="{name}">{name}</h3><pre>{escape(json.dumps(schema, indent=2))}</pre>'
            for name, schema in described["components"]["schemas"].items()
        ),
    ]
    head = f'<meta charset="utf-8"><title>{escape(info["title"])}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    return "".join(
        [
            f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>",
            *_parameters(operation.get("parameters", ())),
            *_body(operation.get("requestBody")),
            "<table>",
            *(
                f"<tr><td><code>{status}</code></td><td>{escape(response['description'])}{_schema(response)}</td></tr>"
                for status, response in operation["responses"].items()
            ),
            "</table>",
        ]
    )


def _parameters(parameters: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    if parameters:
        yield "<table>"
        for one in parameters:
            about = f"{escape(one['description'])} <code>{escape(str(one['example']))}</code>"
            yield f"<tr><td><code>{one['name']}</code></td><td>{one['in']}</td><td>{about}</td></tr>"
        yield "</table>"


def _body(body: Mapping[str, Any] | None) -> Iterator[str]:
    if body is not None:
        sent = body["content"]["application/json"]
        yield f"<pre>{escape(json.dumps(sent['example']))}</pre>"


def _schema(response: Mapping[str, Any]) -> str:
    schemas = [content["schema"] for content in response.get("content", {}).values()]
    names = [schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema]
    return "".join(f' <a href="#{name}">{name}</a>' for name in names)
