"""Logs of entities in Redis: one string a view and entity, replaced only by the log that was made of it.

A string, because one MGET then reads hundreds of entities, and because it takes less memory than a hash. Before the log
stand eight bytes with the time of writing and twelve with the partition and offset of the last event in it, by which
a script recognises the log that is expected: writing a change again is the same as once.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from stream_app.core.features import FeatureView, stamp
from stream_app.errors import DataError, StateError
from stream_app.events import MAX_INSTANT
from stream_app.store.connection import Store
from stream_app.store.fence import Fence, fenced_pipeline

__all__ = ["LOG", "FeatureLogReader", "FeatureLogWriter", "LogToStore", "StoredLog"]

_ENTITIES = 100_000
"""Entities of a view that are listed, those with the newest events."""

GRACE_SECONDS = 86_400
"""How much longer than its view's ttl a log is kept: a worker that lags behind by so much still finds all it needs."""

_WRITTEN_AT_ONCE = 100
"""Logs that one call of the script writes: few enough that Redis does not stand still for others meanwhile."""

_READ_AT_ONCE = 500
"""Logs that one MGET reads, for the same reason."""

_HEAD = struct.Struct("<dIq")
_WRITTEN = struct.Struct("<d")
LOG = slice(_HEAD.size, None)
"""Where the log stands in what is stored, after the time of writing and the position of its last event."""


class LogToStore(Protocol):
    """What a session monitor wants stored; see `stream_app.monitors.sessions.LogChange`."""

    @property
    def entity(self) -> str:
        """The entity."""

    @property
    def view(self) -> str:
        """Name and version, such as ``purchases:v1``."""

    @property
    def log(self) -> bytes:
        """The whole log."""

    @property
    def base(self) -> tuple[int, int] | None:
        """Partition and offset of the last event in the log that it was made of; None if there was none."""

    @property
    def last(self) -> tuple[int, int]:
        """The same, of this log."""

    @property
    def event_ts(self) -> float:
        """Time of the newest event in it, in epoch seconds."""


class StoredLog(NamedTuple):
    """A log as it is stored; a tuple, because hundreds are read at once.

    Parameters
    ----------
    written_ts : float
        When it was written, in epoch seconds.
    partition, offset : int
        Where the last event in it stands; for the partition see `LogId.number`.
    log : bytes
        For `EntityLog.decode`.
    """

    written_ts: float
    partition: int
    offset: int
    log: bytes


class FeatureLogWriter:
    """Writes the logs of some views.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    views : iterable of FeatureView
        Whose logs; of each the key and the ttl count.
    """

    def __init__(self, store: Store, views: Iterable[FeatureView]) -> None:
        self._store = store
        self._views = {view.key: view for view in views}
        self._write = store.function("write_logs")

    async def write(
        self, changes: Sequence[LogToStore], *, written_ts: float, fence: Fence | None = None
    ) -> None:
        """Write changes in one round trip; writing them again changes nothing.

        Parameters
        ----------
        changes : sequence of LogToStore
            At most one an entity and view.
        written_ts : float
            The time now, in epoch seconds.
        fence : Fence, optional
            The partition they come from; without it they are not fenced.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            A stored log is not the one that a change was made of, or the store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses the write; each log is written whole or not at all, and writing again
            is safe.
        """
        if not changes:
            return
        slices = _sliced(changes)
        written = _WRITTEN.pack(written_ts)
        async with self._store.errors("writing features"), fenced_pipeline(self._store, fence) as pipe:
            for view, some in slices:
                keys, arguments = self._arguments(view, some, fence, written)
                await self._write(keys=keys, args=[*pipe.owner, *arguments], client=pipe.client)
            verdicts = await pipe.execute()
        for (_, some), verdict in zip(slices, verdicts, strict=True):
            if verdict:
                raise _conflict(some[verdict - 1])

    def _arguments(
        self, view: str, changes: Sequence[LogToStore], fence: Fence | None, written: bytes
    ) -> tuple[list[str], list[str | bytes | int | float]]:
        definition = self._views[view]
        listed = self._store.keys.view_entities(definition.name, definition.version)
        begin = self._store.keys.features(definition.name, definition.version, "")
        claim = None if fence is None else fence.claim
        owned = listed if claim is None else self._store.keys.offsets(*claim.parts)
        keys = [listed, owned]
        arguments: list[str | bytes | int | float] = [int(definition.ttl) + GRACE_SECONDS, _ENTITIES]
        quoted = self._store.keys.quoted([change.entity for change in changes])
        keys += [begin + entity for entity in quoted]
        for change in changes:
            base = b"" if change.base is None else stamp(*change.base)
            arguments += (base, written + stamp(*change.last) + change.log, change.event_ts, change.entity)
        return keys, arguments


def _sliced(changes: Sequence[LogToStore]) -> list[tuple[str, list[LogToStore]]]:
    by_view: dict[str, list[LogToStore]] = {}
    for change in changes:
        by_view.setdefault(change.view, []).append(change)
    return [
        (view, some[first : first + _WRITTEN_AT_ONCE])
        for view, some in by_view.items()
        for first in range(0, len(some), _WRITTEN_AT_ONCE)
    ]


def _conflict(change: LogToStore) -> StateError:
    base = "none" if change.base is None else f"the one up to offset {change.base[1]}"
    return StateError(
        f"{change.view}, entity {change.entity[:40]!r}: the stored log is not {base}, of which the new one was made. "
        "Somebody else writes it: give another worker.group a prefix of its own, or start the worker again"
    )


class FeatureLogReader:
    """Reads logs of entities."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, view: str, entities: Sequence[str]) -> list[StoredLog | None]:
        """Read the logs of some entities in a view, in one round trip.

        Parameters
        ----------
        view : str
            Name and version, such as ``purchases:v1``.
        entities : sequence of str
            Names of the entities.

        Returns
        -------
        list of StoredLog or None
            In the order of the entities; None where there is none.

        Raises
        ------
        StateError
            If what is stored is no log; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        return (await self.read_views([view], entities))[0]

    async def read_views(self, views: Sequence[str], entities: Sequence[str]) -> list[list[StoredLog | None]]:
        """Read the logs of some entities in several views, in one round trip; one list a view, see `read`."""
        quoted = self._store.keys.quoted(entities)
        keys = [begin + one for begin in map(self._begin, views) for one in quoted]
        client = self._store.client
        async with self._store.errors("reading features"):
            if len(keys) <= _READ_AT_ONCE:
                found = await client.mget(keys) if keys else []
            else:
                async with client.pipeline(transaction=False) as pipe:
                    for first in range(0, len(keys), _READ_AT_ONCE):
                        pipe.mget(keys[first : first + _READ_AT_ONCE])
                    found = [raw for some in await pipe.execute() for raw in some]
        logs = map(_parsed, found, keys)
        return [list(islice(logs, len(entities))) for _ in views]

    def _begin(self, view: str) -> str:
        name, _, version = view.rpartition(":v")
        if not name or not version.isdecimal():
            raise DataError(f"{view!r} is not the name and version of a feature view, such as 'purchases:v1'")
        return self._store.keys.features(name, int(version), "")


def _parsed(raw: bytes | None, key: str) -> StoredLog | None:
    if raw is None:
        return None
    if len(raw) < _HEAD.size:
        raise StateError(f"{key}: {len(raw)} bytes are no log; has something else written to it?")
    written_ts, partition, offset = _HEAD.unpack_from(raw)
    if not 0 <= written_ts < MAX_INSTANT:
        raise StateError(f"{key}: a log written at {written_ts:g} is none; has something else written to it?")
    return StoredLog(written_ts, partition, offset, raw[LOG])
