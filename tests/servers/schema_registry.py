"""A schema registry on loopback that speaks Confluent's protocol, as far as readers need it."""

import asyncio
import base64
import json
from typing import Any

from aiohttp import web

__all__ = ["SchemaRegistryServer"]


class SchemaRegistryServer:
    """Schemas by number, and by subject and version.

    Attributes
    ----------
    asked : list of str
        Paths in the order of requests.
    status : int or None
        What is answered instead of a schema, as long as it is not None.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status: int | None = None
        self.authorization: str | None = None
        self._by_id: dict[int, dict[str, Any]] = {}
        self._by_subject: dict[str, dict[str, Any]] = {}
        self._runner: web.AppRunner | None = None

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", *, serialized: bytes = b"", references=()
    ) -> int:
        """Add a schema; return its number."""
        number = len(self._by_id) + 1
        answer = {"schema": schema, "references": list(references)}
        if kind != "AVRO":
            answer["schemaType"] = kind
        if serialized:
            answer["serialized"] = base64.b64encode(serialized).decode()
        self._by_id[number] = self._by_subject[subject] = answer
        return number

    async def start(self, port: int = 0) -> str:
        """Listen; return the address."""
        app = web.Application()
        app.router.add_get("/schemas/ids/{id}", self._of_id)
        app.router.add_get("/subjects/{subject}/versions/{version}", self._of_subject)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            await asyncio.sleep(0)

    async def _of_id(self, request: web.Request) -> web.Response:
        return self._answer(request, self._by_id.get(int(request.match_info["id"])))

    async def _of_subject(self, request: web.Request) -> web.Response:
        return self._answer(request, self._by_subject.get(request.match_info["subject"]))

    def _answer(self, request: web.Request, found: dict[str, Any] | None) -> web.Response:
        self.asked.append(request.path)
        self.authorization = request.headers.get("Authorization")
        if self.status is not None:
            return web.Response(status=self.status, headers={"Location": "/schemas/ids/1"})
        if found is None:
            return web.json_response({"error_code": 40403, "message": "Schema not found"}, status=404)
        answer = {name: value for name, value in found.items() if name != "serialized"}
        if request.query.get("format") == "serialized" and "serialized" in found:
            answer["schema"] = found["serialized"]
        return web.Response(text=json.dumps(answer), content_type="application/vnd.schemaregistry.v1+json")
