"""Live features of sources on their way to Redis: a few at a time, in a bounded share of a busy worker's time.

A delivery says whose features are to be written (`Partition.waiting`), and goes on. They are written in rounds, each source once
a round with what is known of it then. A checkpoint waits for a few of them only. Of many it notes which still wait, and
whoever has the partition next makes them of the stored states.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from prometheus_client import Counter

from stream_app.errors import FencedError, StateError
from stream_app.runtime.outages import Outages
from stream_app.runtime.partition import Partition
from stream_app.runtime.partitions import Partitions
from stream_app.store import FeatureRow, FeatureWriter, HistoryWriter

__all__ = ["AT_ONCE", "Beside", "LiveFeatures"]

_ROUND_SECONDS = 0.5
"""Rounds are at least so far apart: a reader gains nothing from more."""

_SHARE_OF_TIME = 0.05
"""Features take at most this share of the time of a busy worker: the more sources, the rarer are those of each."""

Beside = Callable[[Partition, Mapping[str, int]], Awaitable[None]]

AT_ONCE = 32
"""Sources that are written in one round trip: a few milliseconds, behind which an alert may have to wait."""


class LiveFeatures:
    """Writes the features of a stream's sources.

    Parameters
    ----------
    topic : str
        The topic of the stream.
    partitions : Partitions
        The partitions that this worker owns.
    writer : FeatureWriter
        Writes features to Redis.
    history : HistoryWriter
        Writes the newest bucket of their history.
    outages : Outages
        Retries while Redis is away.
    passed_over : prometheus_client.Counter
        Counts rows that were not written, because a later event had written.
    beside : callable, optional
        Takes a partition and sources with the offsets of their last events; writes what else readers shall have of them.
    """

    def __init__(
        self,
        topic: str,
        partitions: Partitions,
        writer: FeatureWriter,
        history: HistoryWriter,
        outages: Outages,
        *,
        passed_over: Counter,
        beside: Beside | None = None,
    ) -> None:
        self._beside = beside
        self._topic = topic
        self._partitions = partitions
        self._writer = writer
        self._history = history
        self._outages = outages
        self._passed_over = passed_over
        self._round: deque[tuple[Partition, Sequence[str]]] = deque()
        self._began = self._looked = time.monotonic() - _ROUND_SECONDS
        self._allowance = 0.0

    async def write(self, *, idle: Callable[[], bool]) -> None:
        """Write what is due; call it often.

        Parameters
        ----------
        idle : callable
            Whether nothing else is to be done, so that time does not count.

        Raises
        ------
        FencedError
            Another worker owns a partition.
        StateError
            The store lost its last writes, or a stored state is damaged.
        StoreError
            Redis refuses.
        WaitInterruptedError
            Redis is away, and there is no use in waiting.
        """
        now = time.monotonic()
        earned = _SHARE_OF_TIME * (now - self._looked)
        self._allowance = min(self._allowance + earned, _SHARE_OF_TIME)
        self._looked = now
        if not self._round and now - self._began >= _ROUND_SECONDS:
            self._began = now
            self._round.extend(self._due())
        while self._round and (self._allowance > 0.0 or idle()):
            partition, sources = self._round[0]
            begin, others = time.monotonic(), self._partitions.seconds
            await self._write(partition, sources)
            self._round.popleft()
            took = time.monotonic() - begin - (self._partitions.seconds - others)
            # An outage is no debt.
            self._allowance = max(self._allowance - max(0.0, took), -_SHARE_OF_TIME)

    def _due(self) -> list[tuple[Partition, Sequence[str]]]:
        chunks: list[tuple[Partition, Sequence[str]]] = []
        for held in self._partitions.all():
            if isinstance(held, Partition) and held.tp.topic == self._topic:
                waiting = list(held.waiting)
                chunks += [(held, waiting[i : i + AT_ONCE]) for i in range(0, len(waiting), AT_ONCE)]
        return chunks

    async def flush(self, partition: Partition, sources: Sequence[str] | None = None) -> None:
        """Write all features of a partition that wait now, or those of some sources; raises as `write`."""
        waiting = (
            list(partition.waiting) if sources is None else [s for s in sources if s in partition.waiting]
        )
        for first in range(0, len(waiting), AT_ONCE):
            await self._write(partition, waiting[first : first + AT_ONCE])

    async def _write(self, partition: Partition, sources: Sequence[str]) -> None:
        try:
            await self._outages.retry_until_available(lambda: self._write_some(partition, sources))
        except (FencedError, StateError):
            # One that was given up meanwhile may well be somebody else's.
            if self._partitions.get(partition.tp) is partition:
                raise

    async def _write_some(self, partition: Partition, sources: Sequence[str]) -> None:
        if partition.absent(s for s in sources if s in partition.waiting):
            # Taken over from another worker, and not seen here yet.
            async with partition.lock:
                await self._partitions.restore(partition, [s for s in sources if s in partition.waiting])
        wanted = {s: partition.waiting[s] for s in sources if s in partition.waiting}
        known = [source for source in wanted if source in partition.monitor]
        written = time.time()
        rows = [
            FeatureRow(source, wanted[source], event_ts, written, values)
            for source, (event_ts, values) in zip(known, partition.monitor.features_of(known), strict=True)
        ]
        before = self._writer.passed_over
        # What is open yet; what is closed is written before the position moves past it.
        await self._history.write(partition.monitor.open_buckets(known), partition.fence)
        await self._writer.write(rows, partition.fence)
        self._passed_over.inc(self._writer.passed_over - before)
        if self._beside is not None:
            await self._beside(partition, {source: wanted[source] for source in known})
        for source, offset in wanted.items():
            if partition.waiting.get(source) == offset:
                del partition.waiting[source]
