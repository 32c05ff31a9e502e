"""Alerts in Redis: each beginning and each end is told once."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from stream_app.errors import StoreError
from stream_app.events import Alert
from stream_app.store.connection import Store
from stream_app.store.fence import Fence
from stream_app.store.marked import marked
from stream_app.store.scripts import script
from stream_app.store.stored_alert import parsed_alert

__all__ = ["AlertReader", "AlertWriter"]

_KEPT_SECONDS = 30 * 86_400
"""After their end; as long as they fire they stay."""
_STREAM_LENGTH = 100_000
_READ_AT_ONCE = 500
_ID_BEGINNING = re.compile(r"[0-9a-f]{1,31}")


class AlertWriter:
    """Writes alerts, so that telling one again changes nothing.

    The alerts of a partition's owner are fenced, and put into the partition's outbox together with being told.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._raise = store.client.register_script(script("fence", "raise_alert"))

    async def write(self, alerts: Sequence[Alert], fence: Fence | None = None) -> list[bool]:
        """Write alerts in one round trip.

        Parameters
        ----------
        alerts : sequence of Alert
            In the order of their events.
        fence : Fence, optional
            The partition they come from; without it they are neither fenced nor put into an outbox.

        Returns
        -------
        list of bool
            For each, whether it was new.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses the write; some may have been written, writing again is safe.
        """
        if not alerts:
            return []
        keys = self._store.keys
        async with self._store.errors("writing alerts"), marked(self._store, fence) as pipe:
            outbox = pipe.outbox_keys
            for alert in alerts:
                await self._raise(
                    keys=[keys.alert(alert.id), keys.alerts, keys.firing, *outbox],
                    args=[
                        *pipe.owner,
                        alert.id,
                        alert.state.value,
                        alert.started_at,
                        alert.model_dump_json(),
                        _KEPT_SECONDS,
                        _STREAM_LENGTH,
                        keys.live_channel,
                    ],
                    client=pipe.client,
                )
            return [new == 1 for new in await pipe.execute()]


class AlertReader:
    """Looks alerts up and follows them.

    What is no alert where one should be is a `StateError` that names the key; a store that is away or refuses is a
    `StoreError`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def show(self, alert_id: str) -> Alert | None:
        """Return one alert by its id or the unambiguous beginning of it; None if there is none."""
        async with self._store.errors("reading an alert"):
            found = await self._store.client.hget(self._store.keys.alert(alert_id), "alert")
            if found is None and _ID_BEGINNING.fullmatch(alert_id):
                pattern = self._store.keys.alert(alert_id) + "*"
                matches = [key async for key in self._store.client.scan_iter(match=pattern, count=1000)]
                if len(matches) == 1:
                    found = await self._store.client.hget(matches[0], "alert")
        return None if found is None else parsed_alert(found, self._store.keys.alert(alert_id))

    async def firing(self) -> list[Alert]:
        """All alerts that are firing, oldest first."""
        async with self._store.errors("reading the firing alerts"):
            ids = await self._store.client.zrange(self._store.keys.firing, 0, -1)
            keys = [self._store.keys.alert(each.decode()) for each in ids]
            raws: list[bytes | None] = []
            for first in range(0, len(keys), _READ_AT_ONCE):
                async with self._store.client.pipeline(transaction=False) as pipe:
                    for key in keys[first : first + _READ_AT_ONCE]:
                        pipe.hget(key, "alert")
                    raws += await pipe.execute()
        return [parsed_alert(raw, key) for key, raw in zip(keys, raws, strict=True) if raw is not None]

    async def recent(self, count: int) -> list[Alert]:
        """Return the newest beginnings and ends, oldest first."""
        async with self._store.errors("reading alerts"):
            entries = await self._store.client.xrevrange(self._store.keys.alerts, count=count)
        key = self._store.keys.alerts
        return [parsed_alert(fields.get(b"alert"), key) for _, fields in reversed(entries)]

    async def position(self) -> str:
        """Where the stream of alerts ends now, for `follow`."""
        async with self._store.errors("reading alerts"):
            newest = await self._store.client.xrevrange(self._store.keys.alerts, count=1)
        return newest[0][0].decode() if newest else "0"

    async def follow(self, start: str, *, block_ms: int = 1000) -> AsyncIterator[Alert | None]:
        """Yield alerts as they come, and None whenever nothing came for a while.

        Parameters
        ----------
        start : str
            What `position` gave, or ``0`` for all.
        block_ms : int
            How long to wait before yielding None.
        """
        key, last = self._store.keys.alerts, start
        while True:
            async with self._store.errors("following alerts"):
                answer = await self._store.client.xread({key: last}, block=block_ms)
            if not answer:
                yield None
                continue
            entries = answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))[0]
            for entry, fields in entries:
                last = entry.decode()
                yield parsed_alert(fields.get(b"alert"), key)

    async def acknowledge(self, alert_id: str, *, by: str, comment: str, at: float) -> Alert:
        """Note that a person has seen an alert; the last note replaces those before.

        Parameters
        ----------
        alert_id : str
            As for `show`.
        by, comment : str
            Who, and what they said.
        at : float
            When, in epoch seconds.

        Raises
        ------
        StoreError
            If there is no such alert.
        """
        alert = await self.show(alert_id)
        if alert is None:
            raise StoreError(f"no alert {alert_id}; `streamgauge alerts list` shows those there are")
        note = json.dumps({"by": by, "comment": comment, "at": at})
        async with self._store.errors("acknowledging an alert"):
            await self._store.client.hset(self._store.keys.alert(alert.id), "acknowledged", note)
        return alert

    async def acknowledgements(self, alert_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Return who has seen each of some alerts, what they said and when: `by`, `comment` and `at`."""
        async with (
            self._store.errors("reading alerts"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for alert_id in alert_ids:
                pipe.hget(self._store.keys.alert(alert_id), "acknowledged")
            return [None if found is None else json.loads(found) for found in await pipe.execute()]
