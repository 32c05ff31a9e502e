"""Partitions this worker owns: claimed at assignment, stored by checkpoints, given up at revocation."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from faust.types import TP

from stream_app.errors import StateError
from stream_app.monitors.sensors import SensorMonitor
from stream_app.runtime.metrics import Metrics
from stream_app.store import Checkpoint, CheckpointStore, Claim, pack_state, unpack_state

__all__ = ["LogStart", "Partition", "Partitions"]

_log = structlog.get_logger(__name__)

_SHARE_OF_TIME = 0.1
"""Checkpoints take at most this share of the worker's time: the more state, the rarer they are."""


class LogStart(Protocol):
    """Where a partition's log begins and ends."""

    async def __call__(self, partition: TP, /) -> tuple[int, int]:
        """Return the first offset that is kept and the one after the last."""
        ...


@dataclass(slots=True)
class Partition:
    """One partition in this worker's hands.

    Parameters
    ----------
    tp : TP
        Which.
    claim : Claim
        The right to write it.
    monitor : SensorMonitor
        The state of its sources.
    next_offset : int or None
        First offset that is not in the monitor yet; None if none ever was.
    stored : int or None
        The same, of the last checkpoint.
    """

    tp: TP
    claim: Claim
    monitor: SensorMonitor
    next_offset: int | None
    stored: int | None
    dirty: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)


class Partitions:
    """The partitions of this worker; tells Faust where to read on and how far to commit.

    Parameters
    ----------
    checkpoints : CheckpointStore
        Where state and positions are stored.
    monitors : mapping of str to callable
        Topic to a function that makes the monitor of a new partition.
    interval : float
        Seconds between checkpoints, at least.
    """

    def __init__(
        self,
        checkpoints: CheckpointStore,
        monitors: Mapping[str, Callable[[], SensorMonitor]],
        *,
        interval: float,
        metrics: Metrics,
        log_range: LogStart,
    ) -> None:
        self._checkpoints = checkpoints
        self._monitors = monitors
        self._interval = interval
        self._metrics = metrics
        self._log_range = log_range
        self._owned: dict[TP, Partition] = {}
        self._due: dict[str, float] = {}
        self.lock = asyncio.Lock()
        """Held while a partition's state or position changes, so that no checkpoint sees one without the other."""

    async def load(self, partitions: Collection[TP]) -> Mapping[TP, int | None]:
        """Claim partitions that are new here, and say where to read on in each."""
        positions: dict[TP, int | None] = {}
        for tp in partitions:
            partition = self._owned.get(tp)
            if partition is None:
                claim = await self._checkpoints.claim(tp.topic, tp.partition)
                partition = Partition(
                    tp,
                    claim,
                    self._monitors[tp.topic](),
                    next_offset=claim.next_offset,
                    stored=claim.next_offset,
                )
                await self._check_log(partition)
                self._owned[tp] = partition
                _log.info(
                    "partition claimed", topic=tp.topic, partition=tp.partition, next_offset=claim.next_offset
                )
            positions[tp] = partition.next_offset
        return positions

    async def _check_log(self, partition: Partition) -> None:
        if partition.next_offset is None:
            return
        begin, end = await self._log_range(partition.tp)
        name = f"{partition.tp.topic}/{partition.tp.partition}"
        if begin > partition.next_offset:
            raise StateError(
                f"{name}: the log begins at {begin}, after the stored position {partition.next_offset}: "
                f"{begin - partition.next_offset} events are gone unprocessed. "
                "Lengthen the topic's retention; to go on without them, use another worker.group"
            )
        if end < partition.next_offset:
            raise StateError(
                f"{name}: the log ends at {end}, before the stored position {partition.next_offset}: "
                "the topic was made anew. To begin afresh, use another worker.group"
            )

    def stored(self, partition: TP) -> int | None:
        """Offset up to which everything is safely stored."""
        owned = self._owned.get(partition)
        return None if owned is None else owned.stored

    def get(self, tp: TP) -> Partition | None:
        """Return a partition if it is in our hands."""
        return self._owned.get(tp)

    def all(self) -> list[Partition]:
        """All partitions in our hands."""
        return list(self._owned.values())

    async def check_gap(self, partition: Partition, first: int) -> None:
        """See that a jump in the offsets is not a loss.

        Raises
        ------
        StateError
            If the log was cut off before we read it.
        """
        if partition.next_offset is not None and first > partition.next_offset:
            await self._check_log(partition)

    async def restore(self, partition: Partition, sources: Iterable[str]) -> None:
        """Read the stored states of sources that are new here.

        Raises
        ------
        StateError
            If a stored state is damaged or of another version.
        """
        new = [source for source in sources if source not in partition.known]
        if not new:
            return
        if partition.claim.next_offset is not None:
            for source, blob in (await self._checkpoints.states(partition.claim, new)).items():
                where = f"state of {source} in {partition.tp.topic}/{partition.tp.partition}"
                partition.monitor.restore(source, unpack_state(blob, where))
        partition.known.update(new)

    def due(self, topic: str) -> bool:
        """Whether it is time for a checkpoint of a topic."""
        return time.monotonic() >= self._due.get(topic, 0.0)

    async def checkpoint(self, topic: str) -> None:
        """Store what changed in a topic's partitions since the last checkpoint.

        Raises
        ------
        FencedError
            Another worker owns a partition now.
        StoreError
            Redis cannot be reached or refuses.
        """
        begin = time.monotonic()
        for partition in self.all():
            if (
                partition.tp.topic == topic
                and partition.next_offset is not None
                and partition.next_offset != partition.stored
            ):
                await self._store(partition)
        took = time.monotonic() - begin
        self._metrics.checkpoint_seconds.observe(took)
        self._due[topic] = begin + max(self._interval, took / _SHARE_OF_TIME)

    async def _store(self, partition: Partition) -> None:
        next_offset = partition.next_offset
        if next_offset is None:
            return
        states = {source: pack_state(partition.monitor.state(source)) for source in partition.dirty}
        await self._checkpoints.write(Checkpoint(partition.claim, partition.stored, next_offset, states))
        partition.stored = next_offset
        partition.dirty.clear()
        self._metrics.checkpoint_bytes.inc(sum(len(blob) for blob in states.values()))

    async def release(self, partitions: Collection[TP], *, store: bool) -> None:
        """Give partitions up, after a last checkpoint if `store` is set; call it with the lock held."""
        for tp in partitions:
            partition = self._owned.pop(tp, None)
            if partition is not None and store and partition.next_offset != partition.stored:
                await self._store(partition)
