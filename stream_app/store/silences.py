"""Silences in Redis: what people do not want to be told for some time, by whichever route and notifier."""

import logging
import secrets
from typing import Annotated

from pydantic import Field, ValidationError

from stream_app.errors import StoreError
from stream_app.events import MAX_INSTANT
from stream_app.settings import Match
from stream_app.store.connection import Store

__all__ = ["Silence", "SilenceStore"]

_log = logging.getLogger(__name__)

_KEPT_SECONDS = 7 * 86_400
"""After its end, for `streamgauge silence list --all`."""

_Instant = Annotated[float, Field(ge=0.0, lt=MAX_INSTANT)]


class Silence(Match):
    """A silence: incidents that it means are not told while it lasts.

    Parameters
    ----------
    id : str
        Eight hexadecimal digits.
    begins, ends : float
        From when until when, in epoch seconds.
    by, comment : str
        Who, and why.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    begins: _Instant
    ends: _Instant
    by: str
    comment: str = ""

    def is_open(self, at: float) -> bool:
        """Whether it holds at a time, in epoch seconds."""
        return self.begins <= at < self.ends


class SilenceStore:
    """Adds silences, lists them, and ends them. A store that is away or refuses is a `StoreError`.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def new_id() -> str:
        """Return the id of a new silence."""
        return secrets.token_hex(4)

    async def add(self, silence: Silence) -> None:
        """Keep a silence."""
        async with self._store.errors("keeping a silence"):
            await self._store.client.hset(self._store.keys.silences, silence.id, silence.model_dump_json())

    async def all(self) -> list[Silence]:
        """Return all that are kept, also those that are over, by their end; an entry that is none is logged and passed over."""
        key = self._store.keys.silences
        async with self._store.errors("reading silences"):
            found = await self._store.client.hgetall(key)
        silences = []
        for name, raw in found.items():
            try:
                silences.append(Silence.model_validate_json(raw))
            except ValidationError:
                _log.warning("%s: the entry %r is no silence, and is passed over", key, name)
        return sorted(silences, key=lambda one: (one.ends, one.id))

    async def end(self, silence_id: str, at: float) -> Silence:
        """End a silence now; returns it.

        Raises
        ------
        StoreError
            If there is none of this id.
        """
        found = next((one for one in await self.all() if one.id == silence_id), None)
        if found is None:
            raise StoreError(
                f"there is no silence {silence_id!r}; `streamgauge silence list` shows those that hold"
            )
        ended = found.model_copy(update={"ends": min(found.ends, at), "begins": min(found.begins, at)})
        await self.add(ended)
        return ended

    async def forget(self, now: float) -> None:
        """Remove those that are over for a week."""
        old = [one.id for one in await self.all() if one.ends < now - _KEPT_SECONDS]
        if old:
            async with self._store.errors("removing silences"):
                await self._store.client.hdel(self._store.keys.silences, *old)
