"""A warning before Redis is full: then it takes no writes, and all streams stop."""

import asyncio

import structlog

from stream_app.errors import StoreError, StoreUnavailableError
from stream_app.runtime.metrics import Metrics
from stream_app.store import Store

__all__ = ["NEARLY_FULL", "StoreMemoryWatch"]

_log = structlog.get_logger(__name__)

_EVERY_SECONDS = 10.0
NEARLY_FULL = 0.8
"""Share of the limit from which on it is told."""
_ROOM_AGAIN = 0.75
"""Below it the next warning is a new one: apart, so that a store at the threshold is told once."""


class StoreMemoryWatch:
    """Looks how much of its memory Redis has in use, as metrics and as a warning at four fifths of ``maxmemory``.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    metrics : Metrics
        Where the figures go.
    """

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._warned = False

    async def run(self) -> None:
        """Look again and again; a server that is away is looked for later.

        A user without the right to ``INFO`` gets no figures, which is logged once.
        """
        while True:
            try:
                await self.look()
            except StoreUnavailableError:
                pass  # the agents say so
            except StoreError as error:
                _log.warning("the memory of Redis is not watched", error=str(error))
                return
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Take the figures once.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("looking at its memory"):
            memory = await self._store.client.info("memory")
        used, limit = int(memory["used_memory"]), int(memory.get("maxmemory", 0))
        self._metrics.store_used.set(used)
        self._metrics.store_limit.set(limit)
        share = used / limit if limit else 0.0
        if share >= NEARLY_FULL and not self._warned:
            _log.warning(
                "Redis is nearly full, and takes no writes when it is: raise maxmemory, or lower redis.max_bytes",
                used_mb=used // 1_000_000,
                limit_mb=limit // 1_000_000,
            )
        self._warned = share >= (_ROOM_AGAIN if self._warned else NEARLY_FULL)
