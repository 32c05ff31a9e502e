"""Hashes in Redis that only later events overwrite, and the sorted set of their names by the time of their newest event.

What is later offsets say within one partition, and the events' times across partitions. A topic that was made anew is later
than the one before it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stream_app.events import MAX_INSTANT, LogId
from stream_app.store.connection import Store
from stream_app.store.fence import Fence, fenced_pipeline

__all__ = ["LATER", "WRITTEN", "LatestWriter", "NewestHash", "newest", "sound_entities"]

_log = logging.getLogger(__name__)

WRITTEN, LATER = 1, 2
"""Verdicts of the script, beside refusals; 0 is that the same event has written already."""


@dataclass(frozen=True, slots=True)
class NewestHash:
    """What is written of one entity.

    Parameters
    ----------
    key : str
        Of the hash.
    entity : str
        Its name in the sorted set.
    offset : int
        Offset of the newest event in it.
    event_ts, written_ts : float
        Time of that event, and of the writing, in epoch seconds.
    fields : sequence of str and bytes
        Names and values in turn.
    """

    key: str
    entity: str
    offset: int
    event_ts: float
    written_ts: float
    fields: Sequence[str | bytes]


class LatestWriter:
    """Writes hashes that only later events overwrite.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    index : str
        Key of the sorted set of their names.
    most : int
        Names that it holds, those with the newest events.
    ttl : float
        Seconds after which what has no events is forgotten.
    """

    def __init__(self, store: Store, index: str, *, most: int, ttl: float) -> None:
        self._store = store
        self._index = index
        self._most = most
        self._ttl = max(1, int(ttl))
        self._write = store.function("write_features")

    async def write(self, hashes: Iterable[NewestHash], fence: Fence | None, doing: str) -> list[int]:
        """Write hashes in one round trip; return the verdict of each.

        Parameters
        ----------
        hashes : iterable of NewestHash
            At most one an entity.
        fence : Fence, optional
            The partition they come from; without it they are not fenced.
        doing : str
            What is done, for messages.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses the write; writing again is safe.
        """
        owned = [] if fence is None else [self._store.keys.offsets(*fence.claim.parts)]
        log = LogId() if fence is None else fence.claim.log
        async with self._store.errors(doing), fenced_pipeline(self._store, fence) as pipe:
            for one in hashes:
                await self._write(
                    keys=[one.key, self._index, *owned],
                    args=[
                        *pipe.owner, log.life, log.partition, one.offset, self._ttl, self._most, one.entity, one.event_ts,
                        "_event_ts", one.event_ts, "_written_ts", one.written_ts, *one.fields,
                    ],
                    client=pipe.client,
                )  # fmt: skip
            verdicts: list[int] = await pipe.execute()
        return verdicts


async def newest(store: Store, index: str, limit: int, doing: str) -> list[tuple[str, float]]:
    """Return the names with the newest events, newest first, with the time of those."""
    async with store.errors(doing):
        found = await store.client.zrevrange(index, 0, limit - 1, withscores=True)
    return sound_entities(found, index)


def sound_entities(found: Iterable[tuple[bytes, float]], key: str) -> list[tuple[str, float]]:
    """Return stored entities with the times of their newest events; what is neither is named in the log and passed over.

    Parameters
    ----------
    found : iterable of (bytes, float)
        Members and scores.
    key : str
        The sorted set that they are from.
    """
    entities = []
    for name, ts in found:
        try:
            entity = name.decode()
        except UnicodeDecodeError:
            entity = None
        if entity is None or not 0 <= ts < MAX_INSTANT:
            _log.warning("%s: %r at %g is no entity with its time, and is passed over", key, name, ts)
        else:
            entities.append((entity, float(ts)))
    return entities
