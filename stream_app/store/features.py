"""Live features in Redis: one hash an entity, overwritten only by later events."""

import logging
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stream_app.errors import StateError
from stream_app.events import MAX_INSTANT, LogId
from stream_app.store.connection import Store
from stream_app.store.fence import Fence
from stream_app.store.keys import Keys
from stream_app.store.latest import LATER, WRITTEN, LatestWriter, NewestHash, newest
from stream_app.store.rounds import Query, run_query

__all__ = ["FeatureReader", "FeatureRow", "FeatureWriter", "look_live_up"]

_log = logging.getLogger(__name__)

_WARNING_SECONDS = 60.0

_READ_AT_ONCE = 500
_ENTITIES = 100_000
"""Entities of a view that are listed, those with the newest events."""


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """Features of one entity.

    Parameters
    ----------
    entity : str
        Name of the entity.
    offset : int
        Offset of the newest event in them.
    event_ts, written_ts : float
        Time of that event, and of the writing, in epoch seconds.
    values : dict of str to float or None
        Feature to value; None where it cannot be computed.
    """

    entity: str
    offset: int
    event_ts: float
    written_ts: float
    values: Mapping[str, float | None]


class FeatureWriter:
    """Writes the features of one view.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    view : str
        Name of the view.
    version : int
        Version of the view.
    ttl : float
        Seconds after which an entity without events is forgotten.
    """

    def __init__(self, store: Store, view: str, *, version: int = 1, ttl: float = 604_800.0) -> None:
        self._store = store
        self._view = view
        self._version = version
        self._writer = LatestWriter(store, store.keys.entities(view), most=_ENTITIES, ttl=ttl)
        self._warned = -math.inf
        self.passed_over = 0
        """Rows that were not written, because a later event had written already."""

    async def write(self, rows: Sequence[FeatureRow], fence: Fence | None = None) -> int:
        """Write rows in one round trip.

        Parameters
        ----------
        rows : sequence of FeatureRow
            At most one an entity.
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
        if not rows:
            return 0
        keys = self._store.keys
        hashes = (
            NewestHash(
                keys.features(self._view, self._version, row.entity),
                row.entity,
                row.offset,
                row.event_ts,
                row.written_ts,
                _fields(row.values),
            )
            for row in rows
        )
        verdicts = await self._writer.write(hashes, fence, "writing features")
        log = LogId() if fence is None else fence.claim.log
        self._tell([row for row, verdict in zip(rows, verdicts, strict=True) if verdict == LATER], log)
        return verdicts.count(WRITTEN)

    def _tell(self, kept: Sequence[FeatureRow], log: LogId) -> None:
        self.passed_over += len(kept)
        if kept and time.monotonic() >= self._warned + _WARNING_SECONDS:
            self._warned = time.monotonic()
            _log.warning(
                "features of %s are not written: those stored are of later events than offset %d of partition %d, as of another "
                "worker.group; %d rows so far",
                f"{self._view}/{kept[0].entity[:80]}",
                kept[0].offset,
                log.partition,
                self.passed_over,
            )


def _fields(values: Mapping[str, float | None]) -> list[str | bytes]:
    pairs: list[str | bytes] = [""] * (2 * len(values))
    pairs[::2] = values
    pairs[1::2] = _texts(values.values())
    return pairs


def _texts(values: Collection[float | None]) -> list[bytes]:
    """Write numbers so that they come back the same; nothing for what is none."""
    if not values:
        return []
    # Python's own writing of a row's numbers takes seven times as long, more than all the rest of the row.
    texts = _numbers.encode(list(values))[1:-1].split(b",")
    # JSON knows no infinity.
    return [
        text if text != b"null" else b"" if value is None else repr(value).encode()
        for text, value in zip(texts, values, strict=True)
    ]


_numbers = msgspec.json.Encoder(enc_hook=float)


class FeatureReader:
    """Reads the features of one view."""

    def __init__(self, store: Store, view: str, *, version: int = 1) -> None:
        self._store = store
        self._view = view
        self._version = version

    async def get(self, entity: str) -> FeatureRow | None:
        """Return the features of an entity, or None where there are none.

        Raises
        ------
        StateError
            If something else is stored; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        query = look_live_up(self._store.keys, self._view, [entity], version=self._version)
        return (await run_query(self._store, query, "reading features")).get(entity)

    async def get_some(self, entities: Sequence[str]) -> list[FeatureRow | None]:
        """Return the features of some entities in one round trip; None where there are none, or something else is stored.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        if not entities:
            return []
        keys = [self._store.keys.features(self._view, self._version, entity) for entity in entities]
        async with (
            self._store.errors("reading features"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for key in keys:
                pipe.hgetall(key)
            answers = await pipe.execute()
        return [self._sound(*each) for each in zip(entities, keys, answers, strict=True)]

    def _sound(self, entity: str, key: str, found: Mapping[bytes, bytes]) -> FeatureRow | None:
        try:
            return _parse_row(entity, found) if found else None
        except (KeyError, ValueError) as error:
            _log.warning("%s holds no features (%s), and is passed over", key, error)
            return None

    async def entities(self, *, limit: int = 100) -> list[tuple[str, float]]:
        """Return the entities with the newest events, newest first, with the time of those."""
        return await newest(self._store, self._store.keys.entities(self._view), limit, "listing entities")


def look_live_up(
    keys: Keys, view: str, entities: Sequence[str], *, version: int = 1
) -> Query[dict[str, FeatureRow]]:
    """Look the features of some entities up, for blocking and asynchronous clients; what is not known is left out."""
    found: dict[str, FeatureRow] = {}
    for first in range(0, len(entities), _READ_AT_ONCE):
        some = entities[first : first + _READ_AT_ONCE]
        names = [keys.features(view, version, entity) for entity in some]
        answers = yield [("HGETALL", name) for name in names]
        for entity, key, answer in zip(some, names, answers, strict=True):
            # As a mapping where the client knows the command's answer, else as names and values in turn.
            fields = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
            if fields:
                try:
                    found[entity] = _parse_row(entity, fields)
                except (KeyError, ValueError) as error:
                    raise StateError(
                        f"{key} holds no features ({error}); has something else written to it?"
                    ) from error
    return found


def _parse_row(entity: str, found: Mapping[bytes, bytes]) -> FeatureRow:
    fields = {name.decode(): value for name, value in found.items()}
    row = FeatureRow(
        entity=entity,
        offset=int(fields.pop("_offset")),
        event_ts=float(fields.pop("_event_ts")),
        written_ts=float(fields.pop("_written_ts")),
        values={
            name: float(value) if value else None
            for name, value in fields.items()
            if name not in ("_life", "_partition")
        },
    )
    for ts in (row.event_ts, row.written_ts):
        if not 0 <= ts < MAX_INSTANT:
            raise ValueError(f"{ts:g} is no time")
    return row
