"""The way of an event, top to bottom: decode, restore, monitor, write, checkpoint.

`StreamAgent` is what the kinds of streams have in common, `SourceAgent` is that of those whose sources are watched each
on its own; for sessions see `sessions`. One agent a stream takes batches (see `batching`). Nothing it calls lets an error reach Faust, which would
acknowledge the batch and go on: any failure is handed to `halt`, and from then on nothing is processed,
stored or committed any more. A server that is away is no failure: it is waited for (see `outages`).
"""

import asyncio
import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

import structlog
from faust.types import TP

from stream_app.errors import FencedError, StoreUnavailableError, StreamgaugeError
from stream_app.events import DeadLetter, Reason, Rejected, decode_predictions, decode_readings
from stream_app.monitors.form import SourceArrivals, SourceRefusal
from stream_app.monitors.predictions import Arrivals as Answers
from stream_app.monitors.sensors import Arrivals as Readings
from stream_app.runtime.batching import BatchTransport, RecordBatch
from stream_app.runtime.effects import Effects
from stream_app.runtime.limits import BadInputLimit
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import REDIS, GaveUpError, Outages
from stream_app.runtime.partition import Held, Partition
from stream_app.runtime.partitions import Partitions

__all__ = ["Decode", "Decoded", "SourceAgent", "StreamAgent", "Waiting", "predictions", "readings"]

_log = structlog.get_logger(__name__)

_FORGOTTEN_AT_ONCE = 1000
"""Sources that expired or are too many and are removed by one checkpoint; the others wait for the next."""


@dataclass(slots=True)
class Decoded:
    """A batch after decoding.

    Parameters
    ----------
    arrivals : dict of str to SourceArrivals
        Valid events by source.
    rejected : list of (record, Rejected)
        The others.
    bad : list of bool
        For each record in order, whether it was rejected.
    """

    arrivals: dict[str, SourceArrivals] = field(default_factory=dict)
    rejected: list[tuple[Any, Rejected]] = field(default_factory=list)
    bad: list[bool] = field(default_factory=list)


Decode = Callable[[list[Any]], Decoded]
"""Decodes and validates records, and sorts them by source."""


def readings(records: list[Any]) -> Decoded:
    """Decode readings of sensors."""
    return _by_source(records, decode_readings([record.value for record in records]), Readings)


def predictions(records: list[Any]) -> Decoded:
    """Decode answers of models, and the truth about them."""
    return _by_source(records, decode_predictions([record.value for record in records]), Answers)


def _by_source(records: list[Any], rows: Sequence[Any], fresh: Callable[[], SourceArrivals]) -> Decoded:
    decoded = Decoded(bad=[type(row) is Rejected for row in rows])
    arrivals = decoded.arrivals
    for record, row in zip(records, rows, strict=True):
        if type(row) is Rejected:
            decoded.rejected.append((record, row))
            continue
        group = arrivals.get(row.source)
        if group is None:
            group = arrivals[row.source] = fresh()
        group.rows.append(row)
        group.offsets.append(record.offset)
        # Very old records have no time of their own: nothing then is too far in the future.
        timestamp = record.timestamp
        group.record_ts.append(timestamp / 1000.0 if timestamp >= 0 else math.inf)
    return decoded


class Waiting(Protocol):
    """Effects that may wait a little before they are written."""

    async def write_features(self, *, force: bool) -> None:
        """Write what is due; all that waits, with `force`."""

    def forget(self) -> None:
        """Drop what waits."""


P = TypeVar("P", bound=Held)


class StreamAgent(ABC, Generic[P]):
    """Processes the batches of one stream.

    Parameters
    ----------
    stream : str
        Name of the stream in the settings.
    topic : str
        What it reads.
    partitions : Partitions
        Owned partitions and their state.
    effects : Waiting
        Where results go.
    limit : BadInputLimit
        When bad input stops the worker.
    outages : Outages
        Waits for servers that are away.
    delivery : BatchTransport
        Where the batches come from.
    halt : callable
        Takes the error that stops the worker.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        partitions: Partitions,
        effects: Waiting,
        limit: BadInputLimit,
        *,
        outages: Outages,
        delivery: BatchTransport,
        metrics: Metrics,
        halt: Callable[[BaseException], None],
    ) -> None:
        self.stream = stream
        self.topic = topic
        self._partitions = partitions
        self._waiting = effects
        self._limit = limit
        self._outages = outages
        self._delivery = delivery
        self._metrics = metrics
        self._halt = halt
        self._halted = False
        self._busy = self._worked = False

    async def __call__(self, batch: RecordBatch) -> None:
        """Process one batch; a failure halts the worker and is not raised."""
        if self._halted:
            return
        self._busy = self._worked = True
        try:
            async with self._partitions.lock:
                # Looked at under the lock: after a seek, what was delivered before it comes once more.
                if not self._delivery.is_current(batch):
                    return
                partition = self._partitions.get(batch.tp)
                if partition is None or not batch.continues(partition.next_offset):
                    _log.warning(
                        "a delivery does not continue the last one, fetched again", offset=batch.first
                    )
                    self._delivery.reposition()
                    return
                try:
                    await self._process(cast(P, partition), batch)
                except GaveUpError:
                    # The state is ahead of what is written. Whoever has the partition next takes it from the store.
                    await self._partitions.release([batch.tp], store=False)
                    self._delivery.reposition()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 whatever it is, Faust must not see it and go on; River's panics are none of Exception
            self._fail(error)
        finally:
            self._busy = False

    async def _process(self, partition: P, batch: RecordBatch) -> None:
        begin = time.perf_counter()
        await self._outages.ride_out(lambda: self._partitions.check_gap(partition, batch.first))
        known = partition.next_offset
        records = batch.records
        if batch.first < known:
            records = [record for record in records if record.offset >= known]
        if not records:
            return

        bad = await self._take(partition, records)

        # Only here, after all effects are safe or wait for the next checkpoint, may the position move past the batch.
        partition.next_offset = batch.last + 1
        if self._partitions.due(self.topic):
            await self.store()

        self._metrics.events.labels(self.stream).inc(len(records))
        self._metrics.batch_seconds.labels(self.stream).observe(time.perf_counter() - begin)
        self._limit.count(bad)

    @abstractmethod
    async def _take(self, partition: P, records: list[Any]) -> list[bool]:
        """Decode, restore, monitor and write; say of each record whether it could not be decoded."""

    async def store(self) -> None:
        """Write what waits, then a checkpoint; in this order, so that a crash between them repeats and loses nothing.

        Where that can't be done now it is due still.
        """
        with contextlib.suppress(GaveUpError):
            await self._outages.ride_out(self._prepare)
            await self._outages.ride_out(lambda: self._partitions.checkpoint(self.topic))

    async def _prepare(self) -> None:
        """Write what has to be there before a checkpoint is; writing it again is safe."""
        await self._waiting.write_features(force=True)

    async def tick(self) -> None:
        """Write what is due although no event came; a failure halts the worker."""
        if self._halted:
            return
        idle, self._worked = not (self._worked or self._busy), False
        try:
            async with self._partitions.lock:
                with contextlib.suppress(GaveUpError):
                    await self._outages.ride_out(lambda: self._waiting.write_features(force=False))
                if self._partitions.due(self.topic, idle=idle):
                    await self.store()
        except Exception as error:  # noqa: BLE001 as in __call__
            self._fail(error)

    async def revoke(self, partitions: Collection[TP]) -> None:
        """Store partitions a last time and give them up; a failure halts the worker.

        What can't be stored, because a server is away or somebody else has the partition by now, is processed again
        by whoever has it next.
        """
        try:
            async with self._partitions.lock:
                try:
                    if not self._halted and REDIS not in self._outages.away:
                        await self._prepare()
                        await self._partitions.release(partitions, store=True)
                except (StoreUnavailableError, FencedError) as error:
                    _log.warning("given up without a last checkpoint", topic=self.topic, reason=str(error))
                finally:
                    self._waiting.forget()
                    await self._partitions.release(partitions, store=False)
        except Exception as error:  # noqa: BLE001 as in __call__
            self._fail(error)

    @property
    def busy(self) -> bool:
        """Whether a batch is in hand."""
        return self._busy

    def owned(self) -> list[TP]:
        """Partitions of the topic in this worker's hands."""
        return [partition.tp for partition in self._partitions.all() if partition.tp.topic == self.topic]

    def progress(self) -> list[tuple[TP, int | None, int]]:
        """Of each partition of the topic in this worker's hands: its name, next offset and number of sources."""
        return [(p.tp, p.next_offset, len(p)) for p in self._partitions.all() if p.tp.topic == self.topic]

    def _fail(self, error: BaseException) -> None:
        self._halted = True
        if not isinstance(error, StreamgaugeError):
            _log.error("processing failed", stream=self.stream, exc_info=error)
        self._halt(error)

    def _letters(
        self, records: list[Any], rejected: list[tuple[Any, Rejected]], refusals: Sequence[SourceRefusal]
    ) -> list[DeadLetter]:
        """Make the dead letters of a delivery, and count what was refused."""
        letters = [DeadLetter.of(record, problem.reason, problem.message) for record, problem in rejected]
        for _, problem in rejected:
            self._metrics.refused.labels(self.stream, problem.reason.value).inc()
        if refusals:
            by_offset = {record.offset: record for record in records}
            for refusal in refusals:
                self._metrics.refused.labels(self.stream, refusal.reason.value).inc()
                # A duplicate says nothing that is not known already: counted, not kept.
                if refusal.reason is not Reason.DUPLICATE:
                    letters.append(DeadLetter.of(by_offset[refusal.offset], refusal.reason, refusal.message))
        return letters


class SourceAgent(StreamAgent[Partition]):
    """Processes the batches of a stream whose sources are watched each on its own.

    For its other parameters see `StreamAgent`.

    Parameters
    ----------
    decode : callable
        Makes arrivals of records.
    effects : Effects
        Where results go.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        partitions: Partitions,
        effects: Effects,
        limit: BadInputLimit,
        *,
        decode: Decode = readings,
        **rest: Any,
    ) -> None:
        super().__init__(stream, topic, partitions, effects, limit, **rest)
        self._effects = effects
        self._decode = decode

    async def _take(self, partition: Partition, records: list[Any]) -> list[bool]:
        decoded = self._decode(records)
        await self._outages.ride_out(lambda: self._partitions.restore(partition, decoded.arrivals))
        outcomes = partition.update(decoded.arrivals)
        refusals = [refusal for outcome in outcomes for refusal in outcome.refusals]
        letters = self._letters(records, decoded.rejected, refusals)
        await self._outages.ride_out(lambda: self._effects.write(partition, outcomes, letters))
        return decoded.bad

    async def _prepare(self) -> None:
        """Forget what is too old or too much; its alerts end before its state is removed."""
        for held in self._partitions.all():
            if held.tp.topic == self.topic and held.changed:
                partition = cast(Partition, held)
                partition.shed(_FORGOTTEN_AT_ONCE)
                await self._effects.end_forgotten(partition)
        await super()._prepare()
