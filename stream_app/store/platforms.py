"""What the page *Platform* shows, in Redis: one snapshot a platform, overwritten only by later ones as live features are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stream_app.errors import StateError
from stream_app.store.connection import Store
from stream_app.store.fence import Fence
from stream_app.store.latest import WRITTEN, LatestWriter, NewestHash, newest

__all__ = ["PlatformReader", "PlatformSnapshot", "PlatformWriter"]

_MOST_PLATFORMS = 1000
_FIELD = b"snapshot"


@dataclass(frozen=True, slots=True)
class PlatformSnapshot:
    """A snapshot of one platform.

    Parameters
    ----------
    platform : str
        Its name.
    offset : int
        Offset of the newest event in it.
    event_ts : float
        Time of that event, in epoch seconds.
    content : bytes
        JSON; see `stream_app.monitors.platform.snapshot`.
    """

    platform: str
    offset: int
    event_ts: float
    content: bytes


class PlatformWriter:
    """Writes the snapshots of the platforms of one stream.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    stream : str
        Name of the stream.
    ttl : float
        Seconds after which a platform without events is forgotten.
    """

    def __init__(self, store: Store, stream: str, *, ttl: float = 604_800.0) -> None:
        self._store = store
        self._stream = stream
        self._writer = LatestWriter(store, store.keys.platforms(stream), most=_MOST_PLATFORMS, ttl=ttl)

    async def write(self, snapshots: Sequence[PlatformSnapshot], fence: Fence | None = None) -> int:
        """Write snapshots in one round trip.

        Parameters
        ----------
        snapshots : sequence of PlatformSnapshot
            At most one a platform.
        fence : Fence, optional
            The partition they come from; without it they are not fenced.

        Returns
        -------
        int
            How many were written; the others are there already, from a later event.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses the write; writing again is safe.
        """
        if not snapshots:
            return 0
        key, now = self._store.keys.platform, time.time()
        hashes = (
            NewestHash(
                key(self._stream, one.platform),
                one.platform,
                one.offset,
                one.event_ts,
                now,
                (_FIELD, one.content),
            )
            for one in snapshots
        )
        return (await self._writer.write(hashes, fence, "writing platforms")).count(WRITTEN)


class PlatformReader:
    """Reads the snapshots of the platforms of one stream."""

    def __init__(self, store: Store, stream: str) -> None:
        self._store = store
        self._stream = stream

    async def names(self, *, limit: int = 100) -> list[tuple[str, float]]:
        """Return the platforms with the newest events, newest first, with the time of those."""
        return await newest(self._store, self._store.keys.platforms(self._stream), limit, "listing platforms")

    async def get(self, platform: str) -> dict[str, Any] | None:
        """Return the snapshot of a platform as plain values; None where there is none.

        Raises
        ------
        StateError
            If something else is stored; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        key = self._store.keys.platform(self._stream, platform)
        async with self._store.errors("reading platforms"):
            content = await self._store.client.hget(key, _FIELD.decode())
        if content is None:
            return None
        try:
            found = msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise StateError(
                f"{key} holds no snapshot ({error}); has something else written to it?"
            ) from error
        if not isinstance(found, dict):
            raise StateError(f"{key} holds a {type(found).__name__}, no snapshot")
        return found
