"""What the HTTP port offers, as an OpenAPI document and as a page to read."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from stream_app.version import __version__

__all__ = ["MAX_ENTITIES", "MAX_FEATURES", "as_page", "document"]

MAX_ENTITIES = 1000
"""Most entities of one request."""

MAX_FEATURES = 512
"""Most features of one request."""

_PROBLEMS = {
    "bad-request": (400, "A name, an instant or the body is unusable; the detail says which."),
    "unauthorized": (401, "The worker's http_token is expected: Authorization: Bearer TOKEN."),
    "unknown-feature": (404, "No such view, version or feature; the detail names the nearest."),
    "too-slow": (408, "The body did not come in time."),
    "too-large": (413, "The body is too large."),
    "not-json": (415, "The body is to be sent as application/json."),
    "store": (500, "The store refuses, or what it holds is damaged; the worker's log says more."),
    "unavailable": (503, "The store does not answer; Retry-After says when to try again."),
}
"""Kinds of problems: the status, and what it means."""

_NUMBER_OR_NOTHING = {"type": ["number", "null"]}
_KNOWN = {
    "event_ts": {**_NUMBER_OR_NOTHING, "description": "Time of the entity's newest event, epoch seconds."},
    "age": {**_NUMBER_OR_NOTHING, "description": "Seconds since then."},
    "status": {"type": "string", "enum": ["fresh", "stale", "missing"]},
}
_VALUES = {
    "type": "object",
    "additionalProperties": _NUMBER_OR_NOTHING,
    "description": "Feature to value; null where there is nothing to compute.",
}
_INCOMPLETE = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Features that are null because events of their window are not kept any more.",
}
_TEXT = {"type": "string"}
_INSTANT = {"type": "number", "description": "The instant, epoch seconds."}


def document() -> dict[str, Any]:
    """Return the OpenAPI document (version 3.1) of the live features."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Streamgauge: live features",
            "version": __version__,
            "description": "Features of entities, right at the instant they are asked for.",
        },
        "paths": {
            "/features/{view}/{entity}": {"get": _get()},
            "/features": {"post": _post()},
        },
        "components": {
            "schemas": {
                "Entity": _object(
                    entity=_TEXT, view={**_TEXT, "description": "Name and version."}, at=_INSTANT, **_KNOWN,
                    values=_VALUES, incomplete=_INCOMPLETE,
                ),
                "Query": {
                    **_object(
                        features={**_list(_TEXT, MAX_FEATURES), "minItems": 1, "description": "view:feature, view:v2:feature; * is every feature."},
                        entities=_list(_TEXT, MAX_ENTITIES),
                        at={"type": ["number", "string", "null"], "description": "Epoch seconds or RFC 3339; else now."},
                    ),
                    "required": ["features", "entities"],
                    "additionalProperties": False,
                },
                "Entities": _object(
                    at=_INSTANT,
                    features=_list(_TEXT, None),
                    entities=_list(_object(
                        entity=_TEXT, values=_VALUES, incomplete=_INCOMPLETE,
                        views={"type": "object", "additionalProperties": _object(**_KNOWN)},
                    ), MAX_ENTITIES),
                ),
                "Problem": _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT),
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }  # fmt: skip


def _get() -> dict[str, Any]:
    return {
        "operationId": "getFeatures",
        "summary": "Features of one entity",
        "parameters": [
            _parameter("view", "path", "purchases:v2", "A view, perhaps with a version; without one it is the latest."),
            _parameter("entity", "path", "17850", "The entity, percent-encoded."),
            _parameter("features", "query", "spent_30m,lines_30m", "Names with commas between them; else all."),
            _parameter("at", "query", "2011-12-09T12:50:00Z", "Epoch seconds or RFC 3339; else now."),
        ],
        "responses": _responses("Entity", without=("too-slow", "too-large", "not-json")),
    }  # fmt: skip


def _post() -> dict[str, Any]:
    example = {"features": ["purchases:spent_30m", "purchases:v2:*"], "entities": ["17850", "13047"]}
    content = {"application/json": {"schema": _ref("Query"), "example": example}}
    return {
        "operationId": "queryFeatures",
        "summary": f"Features of up to {MAX_ENTITIES:,} entities",
        "requestBody": {"required": True, "content": content},
        "responses": _responses("Entities"),
    }


def _responses(schema: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    told: dict[str, Any] = {
        "200": {
            "description": "Found, or missing.",
            "content": {"application/json": {"schema": _ref(schema)}},
        }
    }
    for kind, (status, means) in _PROBLEMS.items():
        if kind not in without:
            content = {} if status == 401 else {"application/problem+json": {"schema": _ref("Problem")}}
            told[str(status)] = {"description": means} | ({"content": content} if content else {})
    return told


def _parameter(name: str, place: str, example: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": about,
        "schema": _TEXT,
        "example": example,
    }


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _list(items: Mapping[str, Any], most: int | None) -> dict[str, Any]:
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


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
                f"<tr><td><code>{status}</code></td><td>{escape(told['description'])}{_schema(told)}</td></tr>"
                for status, told in operation["responses"].items()
            ),
            "</table>",
        ]
    )


def _parameters(parameters: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    if parameters:
        yield "<table>"
        for one in parameters:
            about = f"{escape(one['description'])} <code>{escape(one['example'])}</code>"
            yield f"<tr><td><code>{one['name']}</code></td><td>{one['in']}</td><td>{about}</td></tr>"
        yield "</table>"


def _body(body: Mapping[str, Any] | None) -> Iterator[str]:
    if body is not None:
        sent = body["content"]["application/json"]
        yield f"<pre>{escape(json.dumps(sent['example']))}</pre>"


def _schema(told: Mapping[str, Any]) -> str:
    names = [content["schema"]["$ref"].rpartition("/")[2] for content in told.get("content", {}).values()]
    return "".join(f' <a href="#{name}">{name}</a>' for name in names)
