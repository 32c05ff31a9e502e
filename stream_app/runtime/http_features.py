"""Live features over HTTP: one entity to GET, up to a thousand to POST, as rows or columns, and a page that says how.

Errors are problem details (RFC 9457). What is wrong with Redis is logged, and not shown to whoever asks.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from stream_app.core.features import OnlineFeatures
from stream_app.runtime.http_openapi import Query, Selection, as_page
from stream_app.runtime.http_problems import (
    answering,
    body_of,
    instant_of,
    names_of,
    parameters_of,
)
from stream_app.runtime.http_watch_openapi import port_document
from stream_app.store import FeatureLookup, Store, run_query

__all__ = ["FeaturePages"]

_AT_ONCE = 4
"""Requests that are looked up at the same time; each may hold the logs of a thousand entities."""
_PREFIX = "/features/"


class FeaturePages:
    """The addresses of live features.

    Parameters
    ----------
    store : Store
        Where they are.
    secured : bool
        Whether a token is asked for; the document says so.
    """

    def __init__(self, store: Store, *, secured: bool) -> None:
        self._store = store
        self._lookup = FeatureLookup(store.keys)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        described = port_document(secured=secured)
        self._openapi = msgspec.json.encode(described)
        self._page = as_page(described)

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses with what answers there."""
        return [
            web.get("/openapi.json", self._document),
            web.get("/docs", self._docs),
            web.post(_PREFIX[:-1], answering(self._batch)),
            web.post(_PREFIX + "columns", answering(self._columns)),
            # An entity's own slashes are encoded or not.
            web.get(_PREFIX + "{view:[^/]*}/{entity:(?s:.*)}", answering(self._one)),
        ]

    async def _document(self, _: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")

    async def _docs(self, _: web.Request) -> web.Response:
        response = web.Response(text=self._page, content_type="text/html")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return response

    async def _one(self, request: web.Request) -> dict[str, Any]:
        view, entity = names_of(request, _PREFIX)
        selection = parameters_of(request, Selection)
        names = [name for name in selection.features.split(",") if name]
        found = await self._look(
            [f"{view}:{name}" for name in names],
            [entity],
            None if selection.at is msgspec.UNSET else selection.at,
        )
        return found.of_one()

    async def _batch(self, request: web.Request) -> dict[str, Any]:
        found = await self._queried(request)
        return {"at": found.at, "features": found.features, "entities": found.to_records()}

    async def _columns(self, request: web.Request) -> dict[str, Any]:
        found = await self._queried(request)
        return {"at": found.at, **found.to_columns()}

    async def _queried(self, request: web.Request) -> OnlineFeatures:
        query = await body_of(request, Query)
        return await self._look(query.features, query.entities, query.at)

    async def _look(
        self, features: Sequence[str], entities: Sequence[str], at: float | str | None
    ) -> OnlineFeatures:
        query = self._lookup.online(features, entities, instant_of(at), now=time.time())
        async with self._turn:
            return await run_query(self._store, query, "reading features")
