"""The newest event of each feature view, and the alerts that fire because it is too long ago."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from stream_app.core.features import FeatureView
from stream_app.store.connection import Store
from stream_app.store.firing import FiringAlerts

__all__ = ["FreshnessStore", "StoredEvent"]

_HEAD = struct.Struct("<dIq")


class StoredEvent(NamedTuple):
    """What is stored of the newest event of a view; see `stream_app.monitors.sessions.NewestEvent`."""

    event_ts: float
    written_ts: float
    partition: int
    offset: int


class FreshnessStore(FiringAlerts):
    """Reads the newest events of views, and keeps which alerts are firing about them.

    Parameters
    ----------
    store : Store
        Where.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store, store.keys.stale_views)

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
