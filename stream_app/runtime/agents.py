"""The way of an event, top to bottom: decode, restore, monitor, write, checkpoint.

`StreamAgent` is what the kinds of streams have in common, `SourceAgent` is that of those whose sources are watched each
on its own; for sessions see `sessions`. One agent a stream takes batches (see `batching`). Nothing it calls lets an error reach Faust, which would
acknowledge the batch and go on: any failure is handed to `halt`, and from then on nothing is processed,
stored or committed any more. A server that is away is no failure: it is waited for (see `outages`).
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Generic, TypeVar, cast

import structlog
from faust.types import TP

from stream_app.errors import BadBatchError, FencedError, StoreUnavailableError, StreamgaugeError
from stream_app.events import DeadLetter, Reason, Rejected
from stream_app.monitors.base import Refusal
from stream_app.runtime.bad_input import BadInputLimit
from stream_app.runtime.batches import RecordBatch
from stream_app.runtime.delivery import BatchTransport
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import REDIS, Outages, WaitInterruptedError
from stream_app.runtime.own_outputs import OwnOutputs
from stream_app.runtime.partition import OwnedPartition
from stream_app.runtime.partitions import Partitions
from stream_app.runtime.progress_log import RefusalLog

__all__ = ["StreamAgent"]

_log = structlog.get_logger(__name__)

_PIECE_SECONDS = 0.2
"""How long events are processed in one go. Meanwhile nothing else happens in the loop: no heartbeat of the group, no answer of Redis
or Kafka, no request over HTTP."""

_PIECE_EVENTS = (10, 5_000)
"""Fewest and most events that are processed in one go."""

_MOST_IN_HAND = 8_388_608
"""Bytes of events that are taken before others are waited for; a delivery may have more."""

_LOOK_SECONDS = 0.1
"""How often it is looked whether something is to be stored or written beside deliveries."""


P = TypeVar("P", bound=OwnedPartition)


class StreamAgent(ABC, Generic[P]):
    """Processes the batches of one stream.

    Parameters
    ----------
    stream : str
        Name of the stream in the settings.
    topic : str
        Topic that the stream is read from.
    partitions : Partitions
        The partitions that this worker owns, with their state.
    limit : BadInputLimit
        Stops the worker at too much bad input.
    outages : Outages
        Waits for servers that are away.
    delivery : BatchTransport
        Where the batches come from.
    halt : callable
        Takes the error that stops the worker.
    prepare : callable, optional
        Waits for what decoding some records needs, such as their schemas.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        partitions: Partitions,
        limit: BadInputLimit,
        *,
        outages: Outages,
        delivery: BatchTransport,
        metrics: Metrics,
        halt: Callable[[BaseException], None],
        prepare: Callable[[list[Any]], Awaitable[None]] | None = None,
    ) -> None:
        self.stream = stream
        self.topic = topic
        self._partitions = partitions
        self._limit = limit
        self._outages = outages
        self._delivery = delivery
        self._metrics = metrics
        self._halt = halt
        self._prepare_records = prepare
        self._halted = self._closed = False
        self._worked = False
        self._lanes: dict[TP, deque[RecordBatch]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_hand = 0
        self._piece = 100
        self._room = asyncio.Event()
        self._upkeep = asyncio.Lock()
        self._refusals = RefusalLog(stream, metrics)
        self._outputs = OwnOutputs(stream, topic, metrics)
        self._events = metrics.events.labels(stream)
        self._batch_seconds = metrics.batch_seconds.labels(stream)

    async def __call__(self, batches: Sequence[RecordBatch]) -> None:
        """Take batches; each is processed behind those of its partition, and beside those of others.

        A failure halts the worker and is not raised.
        """
        if self._halted or self._closed:
            return
        self._worked = True
        for batch in batches:
            self._in_hand += batch.size
            lane = self._lanes.get(batch.tp)
            if lane is not None:
                lane.append(batch)
                continue
            self._lanes[batch.tp] = deque([batch])
            task = asyncio.create_task(self._work_off(batch.tp))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        while self._in_hand > _MOST_IN_HAND and not self._halted:
            self._room.clear()
            await self._room.wait()

    async def _work_off(self, tp: TP) -> None:
        lane = self._lanes[tp]
        try:
            while lane:
                batch = lane.popleft()
                # What came while the last one was written is one delivery.
                while lane and batch.is_followed_by(lane[0]):
                    batch = batch.joined(lane.popleft())
                try:
                    rest: RecordBatch | None = batch
                    while rest is not None:
                        piece, rest = rest.split(self._piece)
                        left = await self._deliver(piece)
                        if left is not None:
                            rest = left if rest is None else left.joined(rest)
                finally:
                    self._in_hand -= batch.size
                    self._room.set()
        finally:
            del self._lanes[tp]
            self._in_hand -= sum(batch.size for batch in lane)
            self._room.set()

    async def _deliver(self, batch: RecordBatch) -> RecordBatch | None:
        """Process events, and return those at the end whose sources have no room in memory beside the others'."""
        if self._halted or self._closed:
            return None
        left = None
        try:
            # Before, because other partitions may have taken the room meanwhile.
            if self._partitions.crowded:
                await self._keep_up(idle=False)
            begin = time.perf_counter()
            partition = self._partitions.get(batch.tp)
            async with contextlib.nullcontext() if partition is None else partition.lock:
                # Looked at under the lock: after a seek, what was delivered before it comes once more.
                if not self._delivery.is_current(batch):
                    return None
                held = self._partitions.get(batch.tp)
                if self._closed:
                    return None
                if held is None or held is not partition or not batch.continues(held.next_offset):
                    _log.warning(
                        "a delivery does not continue the last one, fetched again", offset=batch.first
                    )
                    self._delivery.reposition()
                    return None
                try:
                    left = await self._process(cast(P, partition), batch)
                except WaitInterruptedError:
                    # The state is ahead of what is written. Whoever has the partition next takes it from the store.
                    await self._partitions.release([batch.tp], store=False)
                    self._delivery.reposition()
                    return None
            took = time.perf_counter() - begin
            self._partitions.seconds += took
            self._batch_seconds.observe(took)
            # Large deliveries follow each other without a pause: what is written beside them needs a turn.
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 whatever it is, Faust must not see it and go on; River's panics are none of Exception
            self._fail(error)
        return left

    def _took(self, events: int, seconds: float) -> None:
        """Note how long events were processed in one go; the next piece has as many as fit the time, at most twice as many."""
        fewest, most = _PIECE_EVENTS
        self._piece = min(max(int(events * _PIECE_SECONDS / seconds), fewest), 2 * self._piece, most)

    async def _process(self, partition: P, batch: RecordBatch) -> RecordBatch | None:
        if REDIS in self._outages.away:
            # Without it nothing can be written, and what is kept in memory meanwhile would have no bound.
            await self._outages.retry_until_available(self._partitions.verify)
        if batch.first != partition.next_offset:
            await self._outages.retry_until_available(
                lambda: self._partitions.check_gap(partition, batch.first)
            )
        if batch.unread is not None:
            await self._pass(partition, batch.unread)
            return None
        known = partition.next_offset
        records = batch.records
        if batch.first < known:
            records = [record for record in records if record.offset >= known]
        if not records:
            return None

        prepare = self._prepare_records
        if prepare is not None:
            await self._outages.retry_until_available(lambda: prepare(records))
        partition.headers = {record.offset: record.headers for record in records if record.headers}
        own = self._outputs.among(partition.headers)
        take = partial(self._take_others, own=own) if own else self._take
        count, bad = await take(partition, records)

        # Only here, after all effects are safe or wait for the next checkpoint, may the position move past the batch.
        left = records[count:]
        partition.next_offset = left[0].offset if left else batch.last + 1
        self._events.inc(count)
        self._metrics.last_event.labels(self.stream).set_to_current_time()
        self._limit.count(bad)
        if not left:
            return None
        self._piece = max(min(self._piece, count), _PIECE_EVENTS[0])
        return RecordBatch(batch.tp, left, batch.seek, partition.next_offset)

    async def _take_others(
        self, partition: P, records: list[Any], *, own: set[int]
    ) -> tuple[int, list[bool]]:
        """Take the records that are not our own, see `_take`; our own count as bad."""
        others = [record for record in records if record.offset not in own]
        count, bad = await self._take(partition, others) if others else (0, [])
        if count < len(others):
            records = records[: records.index(others[count])]
        said = iter(bad)
        return len(records), [record.offset in own or next(said, False) for record in records]

    async def _pass(self, partition: P, bad: BadBatchError) -> None:
        """Write a dead letter about a batch that cannot be read, and go on behind it."""
        if bad.last < partition.next_offset:
            return
        letter = DeadLetter.of_batch(bad)
        await self._outages.retry_until_available(lambda: self._write_letters(partition, [letter]))
        partition.next_offset = bad.last + 1
        self._metrics.refused.labels(self.stream, letter.reason.value).inc()
        _log.warning("a batch that cannot be read is left out", reason=str(bad))

    @abstractmethod
    async def _write_letters(self, partition: P, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters; when it returns they are safe."""

    @abstractmethod
    async def _take(self, partition: P, records: list[Any]) -> tuple[int, list[bool]]:
        """Decode, restore, monitor and write records, at least the first; those at the end may be left for the next call.

        Returns
        -------
        count : int
            How many were taken.
        bad : list of bool
            Of those that are counted among the bad or good ones, whether they could not be decoded.
        """

    @abstractmethod
    async def _prepare(self, partition: OwnedPartition) -> None:
        """Write what has to be there before a checkpoint is; writing it again is safe. The partition's lock is held."""

    @abstractmethod
    async def _write_waiting(self) -> None:
        """Write a part of what waits and is due, beside deliveries."""

    @abstractmethod
    async def _write_last(self, partition: OwnedPartition) -> None:
        """Write all that waits of a partition that is about to be given up."""

    async def run(self) -> None:
        """Store and write beside deliveries, until cancelled; a failure halts the worker."""
        while not self._halted:
            try:
                await self._keep_up(idle=not (self._worked or self.busy))
            except Exception as error:  # noqa: BLE001 as in __call__
                self._fail(error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _keep_up(self, *, idle: bool) -> None:
        """Store what changed if it is time, and write what waits. Where that can't be done now it is due still."""
        async with self._upkeep:
            self._worked = False
            with contextlib.suppress(WaitInterruptedError):
                if self._partitions.due(self.topic, idle=idle):
                    await self._outages.retry_until_available(
                        lambda: self._partitions.checkpoint(self.topic, self._prepare)
                    )
                await self._write_waiting()

    def close(self) -> None:
        """Take no more batches; what is in hand is finished."""
        self._closed = True

    async def revoke(self, partitions: Collection[TP]) -> None:
        """Store partitions a last time and give them up; a failure halts the worker.

        What can't be stored, because a server is away or somebody else has the partition by now, is processed again
        by whoever has it next.
        """
        for tp in partitions:
            # What is not in hand yet comes again, here or elsewhere.
            while lane := self._lanes.get(tp):
                self._in_hand -= lane.pop().size
        self._room.set()
        try:
            async with self._upkeep:
                try:
                    if not self._halted and REDIS not in self._outages.away:
                        for held in [held for held in self._mine() if held.tp in partitions]:
                            await self._write_last(held)
                            await self._partitions.release([held.tp], store=True, prepare=self._prepare)
                except (StoreUnavailableError, FencedError, WaitInterruptedError) as error:
                    _log.warning(
                        "given up without a last checkpoint",
                        topic=self.topic,
                        reason=str(error) or "stopping",
                    )
                finally:
                    await self._partitions.release(partitions, store=False)
        except Exception as error:  # noqa: BLE001 as in __call__
            self._fail(error)

    def _mine(self) -> list[OwnedPartition]:
        return [partition for partition in self._partitions.all() if partition.tp.topic == self.topic]

    @property
    def busy(self) -> bool:
        """Whether a batch is in hand."""
        return bool(self._lanes)

    def owned(self) -> list[TP]:
        """Partitions of the topic in this worker's hands."""
        return [partition.tp for partition in self._mine()]

    def progress(self) -> list[tuple[TP, int | None, int]]:
        """Of each partition of the topic in this worker's hands: its name, next offset and number of sources."""
        return [(p.tp, p.next_offset, len(p)) for p in self._mine()]

    def _fail(self, error: BaseException) -> None:
        self._halted = True
        self._room.set()
        if not isinstance(error, StreamgaugeError):
            _log.error("processing failed", stream=self.stream, exc_info=error)
        self._halt(error)

    def _letters(
        self, records: list[Any], rejected: list[tuple[Any, Rejected]], refusals: Sequence[Refusal]
    ) -> list[DeadLetter]:
        """Make the dead letters of a delivery, and count what was refused."""
        letters = [DeadLetter.of(record, problem.reason, problem.message) for record, problem in rejected]
        for record, problem in rejected:
            self._refusals.note(record, problem.reason, problem.message)
        if refusals:
            by_offset = {record.offset: record for record in records}
            told: set[int] = set()
            for refusal in refusals:
                self._refusals.note(by_offset[refusal.offset], refusal.reason, refusal.message)
                # A duplicate says nothing that is not known already: counted, not kept. Of the events of one message the first
                # that is refused has it kept.
                if refusal.reason is not Reason.DUPLICATE and refusal.offset not in told:
                    told.add(refusal.offset)
                    letters.append(DeadLetter.of(by_offset[refusal.offset], refusal.reason, refusal.message))
        return letters
