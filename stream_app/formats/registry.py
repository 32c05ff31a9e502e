"""A schema registry over HTTP: Confluent's API, which others speak too, and Apicurio's own.

Three GET requests are all that is needed of it, so there is no client library: those there are bring librdkafka or a second HTTP
client.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from stream_app.errors import RegistryError, RegistryUnavailableError
from stream_app.formats.framing import SchemaId
from stream_app.formats.schemas import Artifact
from stream_app.settings import SchemaRegistrySettings, tls_context

__all__ = ["SchemaRegistry"]

_MOST_BYTES = 4_194_304
_DEEPEST = 20
_MOST_REFERENCES = 200
_APICURIO = "/apis/registry/"
_AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})


class SchemaRegistry:
    """Fetches schemas.

    Parameters
    ----------
    settings : SchemaRegistrySettings
        Where it is.
    """

    def __init__(self, settings: SchemaRegistrySettings) -> None:
        self.url = settings.url
        self._apicurio = _APICURIO in settings.url
        self.newer = settings.url.endswith("/v3")
        self._timeout = settings.timeout
        self._headers = {"Accept": "*/*"}
        if settings.bearer is not None:
            self._headers["Authorization"] = f"Bearer {settings.bearer}"
        elif settings.username:
            login = f"{settings.username}:{settings.login_password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        self._tls: ssl.SSLContext | bool = (
            tls_context("schema_registry", settings.tls_files) if settings.url.startswith("https:") else True
        )

    async def fetch(self, key: SchemaId) -> Artifact | None:
        """Return a schema and what it refers to; None where the registry has none of this number.

        Raises
        ------
        RegistryUnavailableError
            If it does not answer now.
        RegistryError
            If it refuses, or its answer cannot be used.
        """
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout), cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            reading = _Reading(self, session)
            found = await (reading.apicurio(key) if self._apicurio else reading.confluent(key))
        await asyncio.sleep(0)
        return found

    async def get(self, session: aiohttp.ClientSession, path: str) -> bytes | None:
        """Return a body; None where there is nothing (404). Raises as `fetch`."""
        try:
            # Redirections are not followed, so that the login goes nowhere else.
            async with session.get(
                f"{self.url}{path}", headers=self._headers, allow_redirects=False, ssl=self._tls
            ) as answer:
                if answer.status == 404:
                    return None
                if answer.status in _AWAY:
                    raise RegistryUnavailableError(f"{self.url} answers {answer.status}")
                if answer.status != 200:
                    raise RegistryError(
                        f"{self.url}{path}: the schema registry answers {answer.status}; {_remedy(answer.status)}"
                    )
                body = bytearray()
                async for part in answer.content.iter_chunked(65_536):
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise RegistryError(
                            f"{self.url}{path}: an answer of more than {_MOST_BYTES} bytes is not read"
                        )
                return bytes(body)
        except TimeoutError:
            raise RegistryUnavailableError(f"{self.url} does not answer within {self._timeout:g} s") from None
        except aiohttp.ClientSSLError as error:
            raise RegistryError(f"{self.url}: TLS failed: {error}; see schema_registry.ca_file") from None
        except (aiohttp.ClientError, OSError) as error:
            raise RegistryUnavailableError(f"{self.url} cannot be reached: {error}") from None


class _Reading:
    """One schema and what it refers to, which is bounded: a registry may answer anything."""

    def __init__(self, registry: SchemaRegistry, session: aiohttp.ClientSession) -> None:
        self._registry, self._session = registry, session
        self._left = _MOST_REFERENCES

    async def confluent(self, key: SchemaId) -> Artifact | None:
        if key.space != "content":
            raise RegistryError(
                f"schema {key}: {self._registry.url} knows no global ids; set schema_registry.url to …/apis/registry/v2 or v3"
            )
        path = f"/schemas/ids/{key.number}"
        answer = await self._json(path)
        if answer is not None and answer.get("schemaType") == "PROTOBUF":
            path += "?format=serialized"
            answer = await self._json(path)
        return None if answer is None else await self._confluent(answer, path, 0)

    async def _confluent(self, answer: Mapping[str, Any], path: str, depth: int) -> Artifact:
        serialized = "?format=serialized" if "format=serialized" in path else ""
        references = {}
        for one in answer.get("references") or ():
            try:
                name, subject, version = (
                    str(one["name"]),
                    quote(str(one["subject"]), safe=""),
                    int(one["version"]),
                )
            except (KeyError, TypeError, ValueError):
                raise self._unusable(path) from None
            where = f"/subjects/{subject}/versions/{version}{serialized}"
            self._count(where, depth)
            inner = await self._json(where)
            if inner is None:
                raise RegistryError(
                    f"{self._registry.url}{where}: there is no such schema, but {path} refers to it"
                )
            references[name] = await self._confluent(inner, where, depth + 1)
        text = answer.get("schema")
        if not isinstance(text, str):
            raise self._unusable(path)
        return Artifact(text, references)

    async def apicurio(self, key: SchemaId) -> Artifact | None:
        path = f"/ids/{key.space}Ids/{key.number}"
        body = await self._registry.get(self._session, path)
        return None if body is None else await self._apicurio(body, path, f"{path}/references", 0)

    async def _apicurio(self, body: bytes, path: str, listed: str, depth: int) -> Artifact:
        references = {}
        said = await self._registry.get(self._session, listed)
        for one in _loads(said or b"[]") or ():
            try:
                group, name = quote(str(one.get("groupId") or "default"), safe=""), str(one["name"])
                artifact, version = (
                    quote(str(one["artifactId"]), safe=""),
                    quote(str(one["version"]), safe=""),
                )
            except (KeyError, TypeError, AttributeError):
                raise self._unusable(listed) from None
            where = f"/groups/{group}/artifacts/{artifact}/versions/{version}"
            self._count(where, depth)
            inner = await self._registry.get(
                self._session, f"{where}/content" if self._registry.newer else where
            )
            if inner is None:
                raise RegistryError(
                    f"{self._registry.url}{where}: there is no such schema, but {path} refers to it"
                )
            references[name] = await self._apicurio(inner, where, f"{where}/references", depth + 1)
        return Artifact(body.decode(errors="replace"), references)

    async def _json(self, path: str) -> Mapping[str, Any] | None:
        body = await self._registry.get(self._session, path)
        if body is None:
            return None
        answer = _loads(body)
        if not isinstance(answer, dict):
            raise self._unusable(path)
        return answer

    def _count(self, where: str, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth >= _DEEPEST:
            raise RegistryError(
                f"{self._registry.url}{where}: a schema that refers to more than {_MOST_REFERENCES} others, or {_DEEPEST} deep, is not read"
            )

    def _unusable(self, path: str) -> RegistryError:
        return RegistryError(
            f"{self._registry.url}{path}: not the answer of a schema registry; see schema_registry.url"
        )


def _loads(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _remedy(status: int) -> str:
    if status in {401, 403}:
        return "see schema_registry.username, password and token"
    return "see schema_registry.url"
