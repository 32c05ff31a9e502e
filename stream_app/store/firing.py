"""Alerts that are not fired by an event: which of them are firing has to be kept, so that all who judge tell the same one."""

from stream_app.events import Alert
from stream_app.store.connection import Store
from stream_app.store.stored_alert import parsed_alert

__all__ = ["FiringAlerts"]


class FiringAlerts:
    """Keeps which alerts are firing, one for each source and channel.

    Parameters
    ----------
    store : Store
        Where.
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
        StateError
            If an entry is no alert; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("looking at what is firing"):
            found = await self._store.client.hgetall(self._key)
        return {about.decode(): parsed_alert(raw, self._key) for about, raw in found.items()}

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
            raw = await self._store.client.hget(self._key, _about(alert))
        return alert if raw is None else parsed_alert(raw, self._key)

    async def ended(self, alert: Alert) -> None:
        """Keep an alert as firing no longer.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("keeping what is firing"):
            await self._store.client.hdel(self._key, _about(alert))


def _about(alert: Alert) -> str:
    return alert.source if alert.channel == "*" else f"{alert.source}:{alert.channel}"
