"""Alerts that no event fires: which of them are firing is stored, so that all processes that judge find the same one.

Such are alerts of skew, and of feature views whose newest event is too long ago.
"""

import logging
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from stream_app.core.features import FeatureView
from stream_app.errors import StateError
from stream_app.events import MAX_INSTANT, Alert
from stream_app.store.alerts import parse_alert
from stream_app.store.connection import Store

__all__ = ["FiringAlerts", "FreshnessStore", "StoredEvent"]

_log = logging.getLogger(__name__)

_HEAD = struct.Struct("<dIq")


class FiringAlerts:
    """Keeps which alerts are firing, one for each source and channel; an entry that is no alert is named in the log and counts as none.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    key : str
        The hash that has them.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key

    async def firing(self) -> dict[str, Alert]:
        """Return the alerts that are firing, by their source, or source and channel.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("looking at what is firing"):
            found = await self._store.client.hgetall(self._key)
        alerts = {about.decode(errors="replace"): self._sound(raw) for about, raw in found.items()}
        return {about: alert for about, alert in alerts.items() if alert is not None}

    async def began(self, alert: Alert) -> Alert:
        """Keep an alert as firing, and return it; if there is one already, that one.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("keeping what is firing"):
            if await self._store.client.hsetnx(self._key, _about(alert), alert.model_dump_json()):
                return alert
            known = self._sound(await self._store.client.hget(self._key, _about(alert)))
            if known is None:
                # It ended meanwhile, or something else was written there.
                await self._store.client.hset(self._key, _about(alert), alert.model_dump_json())
        return alert if known is None else known

    async def ended(self, alert: Alert) -> None:
        """Keep an alert as firing no longer.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("keeping what is firing"):
            await self._store.client.hdel(self._key, _about(alert))

    def _sound(self, raw: bytes | None) -> Alert | None:
        if raw is None:
            return None
        try:
            return parse_alert(raw, self._key)
        except StateError as error:
            _log.warning("passed over: %s", error)
            return None


def _about(alert: Alert) -> str:
    return alert.source if alert.channel == "*" else f"{alert.source}:{alert.channel}"


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
        Connection to Redis.
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
                    # A time that no event has, from whoever wrote it, would hide the newest one.
                    listed = keys.view_entities(view.name, view.version)
                    pipe.zrevrangebyscore(listed, f"({MAX_INSTANT:.0f}", 0, start=0, num=1, withscores=True)
                tops = [found[0] if found else None for found in await pipe.execute()]
            async with client.pipeline(transaction=False) as pipe:
                for view, top in zip(views, tops, strict=True):
                    entity = "" if top is None else top[0].decode(errors="replace")
                    pipe.getrange(keys.features(view.name, view.version, entity), 0, _HEAD.size - 1)
                heads = await pipe.execute()
        return [_stored_event(top, head) for top, head in zip(tops, heads, strict=True)]


def _stored_event(top: Sequence[Any] | None, head: bytes) -> StoredEvent | None:
    if top is None or len(head) < _HEAD.size:
        return None
    written_ts, partition, offset = _HEAD.unpack(head)
    if not 0 <= written_ts < MAX_INSTANT:
        _log.warning(
            "passed over: the log of entity %r was written at %g, which is no time", top[0], written_ts
        )
        return None
    return StoredEvent(float(top[1]), written_ts, partition, offset)
