"""Partitions this worker owns: claimed at assignment, stored by checkpoints, given up at revocation."""

import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TypeAlias

import structlog
from faust.types import TP

from stream_app.core.budget import sharers
from stream_app.errors import BrokerUnavailableError, FencedError, OldStateError, StateError
from stream_app.kafka.offsets import LogRange
from stream_app.monitors.base import Monitor
from stream_app.monitors.memory import fair_share
from stream_app.monitors.recency import Kept, Recency
from stream_app.runtime.calibrations import Calibrations
from stream_app.runtime.log_checks import Logs, check_log, continue_in, is_other_life, made_anew
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partition import Opener, OwnedPartition, Partition, Snapshot, SourceLimits
from stream_app.runtime.sharers import tell_sharers
from stream_app.store import CheckpointStore, Claim, Fence, pack_state, unpack_state

__all__ = ["STATE_BYTES", "Partitions"]

_log = structlog.get_logger(__name__)

_SHARE_OF_TIME = 0.1
"""Checkpoints take at most this share of the time of a busy worker: the more state, the rarer they are."""

STATE_BYTES = 67_108_864
"""With this, sources that nobody expects take a worker to at most 256 MB above its idle state, checkpoints included."""

_RESTORED_AT_ONCE = 200
"""Sources whose states are read in one round trip; in between, others have their turn."""


Prepare: TypeAlias = Callable[[OwnedPartition], Awaitable[None]]


async def _nothing(partition: OwnedPartition) -> None:
    pass


class Partitions:
    """The partitions that this worker owns; says where Faust reads on and how far it commits.

    Parameters
    ----------
    checkpoints : CheckpointStore
        Where state and positions are stored.
    monitors : mapping of str to callable
        Topic to a function that makes the monitor of a new partition.
    interval : float
        Seconds between checkpoints, at least.
    metrics : Metrics
        Counts checkpoints and forgotten sources.
    logs : Logs
        Says what the logs of partitions hold.
    limits : mapping of str to SourceLimits
        How much the sources of a topic may take in the store, and how long they are kept.
    max_state_bytes : int
        Memory that the sources of all partitions may take; those beyond it wait in the store.
    start_cold : bool
        Whether a state of an older version makes its source start cold, or stops the worker.
    key : bytes, optional
        Signs the states.
    generation : callable
        The consumer group's generation, where it is known.
    openers : mapping of str to Opener
        Topic of another kind to what makes its partitions.
    calibrations : Calibrations, optional
        Makes the monitors of topics that may have a reference or raised thresholds, in place of `monitors`.
    """

    def __init__(
        self,
        checkpoints: CheckpointStore,
        monitors: Mapping[str, Callable[[], Monitor]],
        *,
        interval: float,
        metrics: Metrics,
        logs: Logs,
        limits: Mapping[str, SourceLimits] | None = None,
        max_state_bytes: int = STATE_BYTES,
        start_cold: bool = False,
        key: bytes | None = None,
        generation: Callable[[], int | None] = lambda: None,
        openers: Mapping[str, Opener] | None = None,
        calibrations: Calibrations | None = None,
    ) -> None:
        self._checkpoints = checkpoints
        self._monitors = monitors
        self._interval = interval
        self._metrics = metrics
        self._logs = logs
        self._limits = limits or {}
        self._max_state_bytes = max_state_bytes
        self._start_cold = start_cold
        self._key = key
        self._generation = generation
        self._openers = openers or {}
        self._calibrations = calibrations
        self._owned: dict[TP, OwnedPartition] = {}
        self._last: dict[str, tuple[float, float]] = {}
        self._made_anew: set[str] = set()
        self.seconds = 0.0
        """Time that deliveries took so far, over all partitions; added up by those who take them."""

    async def load(self, partitions: Collection[TP]) -> Mapping[TP, int]:
        """Claim partitions that are new here, and say where to read on in each.

        One of which nothing is stored is read from its beginning: Kafka's committed offset may be further on, but what
        came before it is in no state.
        """
        await self._claim([tp for tp in partitions if tp not in self._owned])
        return {tp: self._owned[tp].next_offset for tp in partitions}

    async def _claim(self, partitions: Collection[TP]) -> None:
        generation = self._generation()
        claims = {
            tp: await self._checkpoints.claim(tp.topic, tp.partition, generation=generation)
            for tp in partitions
        }
        # Asked for all at once, because an answer may have to wait for a fetch that waits for events. And asked after the
        # claims: until then an earlier owner may store a position behind an end that was asked for before.
        ranges = await self._logs.ranges(partitions) if partitions else {}
        for tp, claim in claims.items():
            log = ranges[tp]
            current = await continue_in(log, claim, self._checkpoints, self._metrics)
            opener = self._openers.get(tp.topic, self._open)
            partition = self._owned[tp] = await opener(tp, current, log)
            _log.info(
                "partition claimed",
                topic=tp.topic,
                partition=tp.partition,
                next_offset=partition.next_offset,
                sources=partition.known,
            )

    async def _open(self, tp: TP, claim: Claim, log: LogRange, /) -> Partition:
        limits = self._limits.get(tp.topic, SourceLimits())
        seen = {} if claim.next_offset is None else await self._checkpoints.seen(claim)
        recency = Recency(
            max_bytes=limits.max_bytes // log.partitions,
            ttl=limits.ttl,
            seen={source: Kept(one.offset, one.clock, one.size) for source, one in seen.items()},
            clock=claim.clock,
        )
        first = log.begin if claim.next_offset is None else claim.next_offset
        waiting = {source: one.offset for source, one in seen.items() if one.features_wait}
        fence = Fence(claim, claim.next_offset)
        divide = partial(sharers, expected=limits.expected, partitions=log.partitions)
        calibrations = self._calibrations
        calibrated = None if calibrations is None else await calibrations.begin(claim, log.end)
        monitor = self._monitors[tp.topic]() if calibrated is None else calibrated.monitor
        return Partition(
            tp, fence, monitor, recency, first, waiting=waiting, sharers_of=divide, calibrated=calibrated
        )

    async def verify(self) -> None:
        """See that the store answers, that all partitions are still ours, and that what was written is there.

        Raises
        ------
        FencedError
            Another worker owns a partition.
        StateError
            The store lost its last writes.
        StoreError
            Redis cannot be reached.
        """
        owned = self.all()
        try:
            await self._checkpoints.check([partition.fence for partition in owned])
        except (FencedError, StateError):
            # One that was given up meanwhile may well be somebody else's.
            if all(self._owned.get(partition.tp) is partition for partition in owned):
                raise

    def stored(self, partition: TP) -> int | None:
        """Offset up to which everything is safely stored."""
        owned = self._owned.get(partition)
        return None if owned is None else owned.stored

    def get(self, tp: TP) -> OwnedPartition | None:
        """Return a partition if this worker owns it."""
        return self._owned.get(tp)

    def all(self) -> list[OwnedPartition]:
        """All partitions that this worker owns."""
        return list(self._owned.values())

    def claims(self) -> list[Claim]:
        """Claims of all partitions that this worker owns."""
        return [partition.fence.claim for partition in self._owned.values()]

    async def check_gap(self, partition: OwnedPartition, first: int) -> None:
        """See that a jump in the offsets is not a loss.

        Raises
        ------
        StateError
            If the log was cut off before we read it, or is another one.
        """
        if first < partition.next_offset or partition.stored is not None:
            ranges = await self._logs.ranges([partition.tp])
            check_log(ranges[partition.tp], partition.fence.claim, partition.next_offset)

    def note_lives(self, lives: Mapping[str, str]) -> None:
        """Take the ids that topics have now, where they are known.

        Raises
        ------
        StateError
            If a topic is another one than that which is read; from then on nothing is stored of it.
        """
        for partition in self.all():
            claim = partition.fence.claim
            if is_other_life(claim, lives.get(claim.topic, "")):
                self._made_anew.add(claim.topic)
                raise made_anew(claim)

    async def _check_life(self, topic: str) -> None:
        """See that a topic with something to store is the one that was read."""
        if any(partition.tp.topic == topic and partition.changed for partition in self.all()):
            # Where Kafka is away nothing came from another log either.
            with contextlib.suppress(BrokerUnavailableError):
                self.note_lives(await self._logs.lives([topic]))

    async def restore(self, partition: Partition, sources: Iterable[str]) -> None:
        """Read the stored states of sources that are not in memory.

        Raises
        ------
        OldStateError
            If a stored state is of an older version, and sources must not start cold.
        StateError
            If a stored state is damaged, forged or of a newer version.
        """
        absent = partition.absent(sources)
        if not absent:
            return
        for first in range(0, len(absent), _RESTORED_AT_ONCE):
            some = absent[first : first + _RESTORED_AT_ONCE]
            for source, blob in (await self._checkpoints.states(partition.fence.claim, some)).items():
                self._restore(partition, source, blob)

    def _restore(self, partition: Partition, source: str, blob: bytes) -> None:
        claim = partition.fence.claim
        name = self._checkpoints.name(claim, source)
        state = unpack_state(blob, f"state of {source} in {claim.where}", key=self._key, bound_to=name)
        try:
            cold = partition.monitor.restore(source, state)
        except OldStateError as error:
            if not self._start_cold:
                raise
            self._metrics.forgotten.labels("old_state").inc()
            _log.warning("source starts cold", source=source, reason=str(error))
            return
        for reason in cold:
            _log.warning("detector starts cold", source=source, reason=reason)

    @property
    def share(self) -> int:
        """Bytes that the sources of each partition may take: what some do not need, others may have."""
        return fair_share([partition.size for partition in self._owned.values()], self._max_state_bytes)

    @property
    def crowded(self) -> bool:
        """Whether sources take more memory than they may, and some could leave it."""
        return (
            sum(partition.size for partition in self._owned.values() if len(partition) > 1)
            > self._max_state_bytes
        )

    @property
    def room(self) -> int:
        """Bytes that the new sources of one piece of a delivery may take."""
        return self._max_state_bytes // 8

    def due(self, topic: str, *, idle: bool = False) -> bool:
        """Whether it is time for a checkpoint of a topic, or sources take too much memory.

        A worker that is idle has the time, whatever the last one took.
        """
        begun, took = self._last.get(topic, (-math.inf, 0.0))
        wait = self._interval if idle else max(self._interval, took / _SHARE_OF_TIME)
        return self.crowded or time.monotonic() >= begun + wait

    async def checkpoint(self, topic: str, prepare: Prepare = _nothing) -> None:
        """Store what changed in a topic's partitions since the last checkpoint, while deliveries go on.

        Parameters
        ----------
        topic : str
            Whose partitions are stored.
        prepare : callable
            Takes a partition whose lock is held, and writes what has to be there before its checkpoint is.

        Raises
        ------
        FencedError
            Another worker owns a partition now.
        StateError
            The store lost its last writes, or the topic is another one than that which was read.
        StoreError
            Redis cannot be reached or refuses; trying again is safe.
        """
        await self._check_life(topic)
        begin, others = time.monotonic(), self.seconds
        for partition in self.all():
            if partition.tp.topic == topic:
                await self._store(partition, prepare)
                await self._calibrate(partition, prepare)
        self.evict()
        # What deliveries took meanwhile is not the checkpoint's.
        took = max(0.0, time.monotonic() - begin - (self.seconds - others))
        self._metrics.checkpoint_seconds.observe(took)
        self._last[topic] = begin, took

    async def _store(self, partition: OwnedPartition, prepare: Prepare) -> None:
        # The lock is needed for the moment of the snapshot only.
        async with partition.lock:
            await self._begin(partition, prepare)
        try:
            await self._write(partition)
        except (FencedError, StateError):
            # One that was given up meanwhile may well be somebody else's.
            if self._owned.get(partition.tp) is partition:
                raise

    async def _calibrate(self, partition: OwnedPartition, prepare: Prepare) -> None:
        """Let a partition be judged by another reference or other thresholds, if it shall be and all before is stored."""
        calibrations = self._calibrations
        if calibrations is None or not isinstance(partition, Partition) or not calibrations.due(partition):
            return
        async with partition.lock:
            if self._owned.get(partition.tp) is partition:
                await self._begin(partition, prepare)
                await self._write(partition)
                await calibrations.change(partition)

    async def run(self) -> None:
        """Look again and again for other references and thresholds."""
        if self._calibrations is not None:
            await self._calibrations.run()

    def evict(self) -> None:
        """Drop sources from memory that exceed the limit and are stored."""
        share = self.share
        for partition in self.all():
            partition.evict(share)

    async def _begin(self, partition: OwnedPartition, prepare: Prepare) -> None:
        """Take a snapshot of what changed; one of which nobody knows whether it was stored comes first."""
        if partition.snapshot is not None or not partition.changed:
            return
        await prepare(partition)
        claim = partition.fence.claim
        self._metrics.forgotten.labels("expired").inc(partition.count_expired())
        if isinstance(partition, Partition):
            tell_sharers(partition, self._metrics)

        def pack(name: str) -> bytes:
            return pack_state(
                partition.state(name), key=self._key, bound_to=self._checkpoints.name(claim, name)
            )

        seen = {name: partition.seen(name) for name in sorted(partition.dirty)}
        partition.snapshot = Snapshot(
            partition.fence, partition.next_offset, seen, partition.gone, pack, partition.log_time
        )
        partition.dirty, partition.gone = set(), set()

    async def _write(self, partition: OwnedPartition) -> None:
        snapshot = partition.snapshot
        if snapshot is None:
            return
        checkpoint = await snapshot.packed()
        await self._checkpoints.write(checkpoint)
        partition.fence.position = snapshot.next_offset
        partition.snapshot = None
        self._metrics.checkpoint_bytes.inc(sum(map(len, checkpoint.states.values())))

    async def release(self, partitions: Collection[TP], *, store: bool, prepare: Prepare = _nothing) -> None:
        """Give partitions up, after a last checkpoint if `store` is set; see `checkpoint`."""
        for tp in partitions:
            partition = self._owned.get(tp)
            if partition is not None and store and tp.topic not in self._made_anew:
                async with partition.lock:
                    # Whoever failed with a delivery while this waited has given the partition up: its monitor may know more
                    # than was written.
                    if self._owned.get(tp) is partition:
                        await self._write(partition)
                        await self._begin(partition, prepare)
                        await self._write(partition)
            self._owned.pop(tp, None)
