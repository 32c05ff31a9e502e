"""The newest event of each feature view, and the alerts that fire because it is too long ago."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from stream_app.core.features import FeatureView
from stream_app.errors import StateError
from stream_app.events import Alert
from stream_app.store.connection import Store

__all__ = ["FreshnessStore", "StoredEvent"]

_HEAD = struct.Struct("<dIq")


class StoredEvent(NamedTuple):
    """What is stored of the newest event of a view; see `stream_app.monitors.sessions.NewestEvent`."""

    event_ts: float
    written_ts: float
    partition: int
    offset: int


class FreshnessStore:
    """Reads the newest events of views, and keeps which alerts are firing about them.

    Parameters
    ----------
    store : Store
        Where.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, views: Sequence[FeatureView]) -> list[StoredEvent | None]:
        """Return the newest event of each view, whichever worker wrote it; None where there is none.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        keys, client = self._store.keys, self._store.client
        async with self._store.errors("looking at the newest events"):
            async with client.pipeline(transaction=False) as pipe:
                for view in views:
                    pipe.zrange(keys.view_entities(view.name, view.version), -1, -1, withscores=True)
                tops = [found[0] if found else None for found in await pipe.execute()]
            async with client.pipeline(transaction=False) as pipe:
                for view, top in zip(views, tops, strict=True):
                    entity = "" if top is None else top[0].decode()
                    pipe.getrange(keys.features(view.name, view.version, entity), 0, _HEAD.size - 1)
                heads = await pipe.execute()
        return [
            StoredEvent(float(top[1]), *_HEAD.unpack(head))
            if top is not None and len(head) == _HEAD.size
            else None
            for top, head in zip(tops, heads, strict=True)
        ]

    async def firing(self) -> dict[str, Alert]:
        """Return the alerts that are firing, by name and version of their view.

        Raises
        ------
        StateError
            If an entry is no alert; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        key = self._store.keys.stale_views
        async with self._store.errors("looking at stale feature views"):
            found = await self._store.client.hgetall(key)
        try:
            return {view.decode(): Alert.model_validate_json(raw) for view, raw in found.items()}
        except ValueError as error:
            raise StateError(f"{key}: an entry is not an alert; has something else written to it?") from error

    async def began(self, alert: Alert) -> Alert:
        """Keep an alert as firing, and return it; if there is one already, that one.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("keeping a stale feature view"):
            key = self._store.keys.stale_views
            if await self._store.client.hsetnx(key, alert.source, alert.model_dump_json()):
                return alert
            raw = await self._store.client.hget(key, alert.source)
        return alert if raw is None else Alert.model_validate_json(raw)

    async def ended(self, alert: Alert) -> None:
        """Keep an alert as firing no longer.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("keeping a fresh feature view"):
            await self._store.client.hdel(self._store.keys.stale_views, alert.source)
