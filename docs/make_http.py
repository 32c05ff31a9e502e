"""The reference of the HTTP port, from the OpenAPI document that a worker serves; `make_site` adds it to the site."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stream_app.runtime.http_watch_openapi import port_document

HEAD = """# HTTP

Made from the [OpenAPI document](openapi.json), which a worker serves as `/openapi.json` beside `/docs`. Where the setting
`http_token` is set, send it as `Authorization: Bearer TOKEN`. [Operations](../operations.md#health-and-metrics) tells of `/healthz` and `/metrics`."""


def described() -> dict[str, Any]:
    """Return the OpenAPI document of a worker that asks for a token."""
    return port_document(secured=True)


def page() -> str:
    """Write the page: a section an operation, and the bodies as JSON Schema."""
    found = described()
    parts = [HEAD]
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            parts += [f"## {method.upper()} {path}", f"{operation['summary']}.", *_operation(operation)]
    parts.append("## Bodies")
    for name, schema in found["components"]["schemas"].items():
        parts += [f"### {name}", f"```json\n{json.dumps(schema, indent=2)}\n```"]
    return "\n\n".join(parts) + "\n"


def _operation(operation: Mapping[str, Any]) -> Iterator[str]:
    if parameters := operation.get("parameters"):
        lines = ["| parameter | in | meaning | example |", "|---|---|---|---|"]
        lines += [
            f"| `{one['name']}` | {one['in']} | {one['description'].replace('*', chr(92) + '*')} | `{one['example']}` |"
            for one in parameters
        ]
        yield "\n".join(lines)
    if body := operation.get("requestBody"):
        yield f"```json\n{json.dumps(body['content']['application/json']['example'], indent=2)}\n```"
    lines = ["| status | meaning | body |", "|---|---|---|"]
    for status, response in operation["responses"].items():
        schemas = [one["schema"] for one in response.get("content", {}).values()]
        names = [schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema]
        links = " ".join(f"[{name}](#{name.lower()})" for name in names)
        lines.append(f"| {status} | {response['description']} | {links} |")
    yield "\n".join(lines)


if __name__ == "__main__":
    print(page())
