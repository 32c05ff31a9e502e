"""History of sources in Redis: what workers write of it, and what charts read."""

from collections.abc import Sequence

from stream_app.core.history import (
    ABSENT,
    ROWS,
    ClosedBuckets,
    Series,
    head_of,
    parse_history,
    row_type,
    writes_of,
)
from stream_app.errors import DataError
from stream_app.store.connection import Store
from stream_app.store.fence import Fence, fenced_pipeline
from stream_app.store.keys import Keys
from stream_app.store.rounds import Query, run_query

__all__ = ["History", "HistoryWriter", "Series", "look_history_up"]

_READ_AT_ONCE = 100
"""Histories that are read in one round trip: a few megabytes."""


class HistoryWriter:
    """Writes the history of a stream's sources.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    stream : str
        Name of the stream.
    ttl : float
        Seconds after which a source without events is forgotten.
    """

    def __init__(self, store: Store, stream: str, *, ttl: float = 604_800.0) -> None:
        self._store = store
        self._stream = stream
        self._ttl = max(1, int(ttl))
        self._write = store.function("write_history")

    async def write(self, buckets: Sequence[ClosedBuckets], fence: Fence | None = None) -> None:
        """Write buckets in one round trip; writing them again changes nothing.

        Parameters
        ----------
        buckets : sequence of ClosedBuckets
            In the order in which they were closed.
        fence : Fence, optional
            The partition they come from; without it they are not fenced.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses the write.
        """
        if not buckets:
            return
        owned = [] if fence is None else [self._store.keys.offsets(*fence.claim.parts)]
        async with self._store.errors("writing history"), fenced_pipeline(self._store, fence) as pipe:
            number = 0
            if fence is not None:
                number = fence.history = fence.history + 1
            for some in ClosedBuckets.joined(buckets):
                head, size = head_of(some.channels), row_type(len(some.channels)).itemsize
                for source, writes in writes_of(some):
                    key = self._store.keys.history(self._stream, source)
                    flat = [part for write in writes for part in write]
                    await self._write(
                        keys=[key, *owned],
                        args=[*pipe.owner, number, self._ttl, head, ROWS, size, ABSENT, *flat],
                        client=pipe.client,
                    )
            await pipe.execute()


class History:
    """Reads the history of sources, for charts.

    Parameters
    ----------
    store : Store
        Connection to Redis.

    Examples
    --------
    >>> async def last_hour(store: Store, source: str) -> Series:
    ...     history = History(store)
    ...     newest = await history.read("sensors", source, points=1)
    ...     end = float(newest.time[-1] + newest.width[-1])
    ...     return await history.read("sensors", source, end - 3600.0, end, points=300)
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(
        self,
        stream: str,
        source: str,
        begin: float | None = None,
        end: float | None = None,
        points: int = 300,
    ) -> Series:
        """Read the history of a source; it is empty where nothing is known.

        Parameters
        ----------
        stream, source : str
            Names of the stream and the source.
        begin, end : float, optional
            The time that is drawn, in epoch seconds of the events; all that is known where not given.
        points : int
            Most points.

        Raises
        ------
        DataError
            If no point is asked for.
        StateError
            If what is stored is damaged; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        return (await self.read_many(stream, [source], begin, end, points))[source]

    async def read_many(
        self,
        stream: str,
        sources: Sequence[str],
        begin: float | None = None,
        end: float | None = None,
        points: int = 300,
    ) -> dict[str, Series]:
        """Read the histories of some sources, a hundred in a round trip; see `read`."""
        query = look_history_up(self._store.keys, stream, sources, begin, end, points)
        return await run_query(self._store, query, "reading history")


def look_history_up(
    keys: Keys, stream: str, sources: Sequence[str], begin: float | None, end: float | None, points: int
) -> Query[dict[str, Series]]:
    """Look histories up, for blocking and asynchronous clients; see `History.read`."""
    first = float("-inf") if begin is None else begin
    last = float("inf") if end is None else end
    if points < 1:
        raise DataError(f"points: {points}; ask for one at least")
    found: dict[str, Series] = {}
    for place in range(0, len(sources), _READ_AT_ONCE):
        some = sources[place : place + _READ_AT_ONCE]
        names = [keys.history(stream, source) for source in some]
        (answers,) = yield [("MGET", *names)]
        for source, key, blob in zip(some, names, answers, strict=True):
            series = Series.empty() if blob is None else parse_history(blob, key)
            found[source] = series.between(first, last).thinned(points)
        if place + _READ_AT_ONCE < len(sources):
            yield []
    return found
