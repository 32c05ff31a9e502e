"""The agent of a stream whose sources are monitored independently: decoding, restoring, monitoring, writing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from stream_app.events import (
    JSON,
    SENSOR_LAYOUT,
    DeadLetter,
    Format,
    Layout,
    ReadingDecoder,
    Rejected,
    record_times,
)
from stream_app.monitors.base import Delivery
from stream_app.runtime.agents import StreamAgent
from stream_app.runtime.bad_input import BadInputLimit
from stream_app.runtime.effects import Effects, has_no_effects
from stream_app.runtime.live_features import AT_ONCE, Beside, LiveFeatures
from stream_app.runtime.moved_sources import MovedSources
from stream_app.runtime.outages import Outages
from stream_app.runtime.partition import OwnedPartition, Partition
from stream_app.runtime.partitions import Partitions
from stream_app.runtime.store_room import StoreRoom
from stream_app.store import FeatureWriter, HistoryWriter

__all__ = ["Decode", "Decoded", "SourceAgent", "reading_decoder"]

_FORGOTTEN_AT_ONCE = 1000
"""Sources that expired and are removed by one checkpoint; the others wait for the next."""

_MOST_BUCKETS = 20_000
"""Buckets of history that wait for a checkpoint in memory, of a partition: two megabytes with eight channels."""


@dataclass(slots=True)
class Decoded:
    """A batch after decoding.

    Parameters
    ----------
    events : Delivery
        The valid ones.
    rejected : list of (record, Rejected)
        The others.
    bad : list of bool
        For each record in order, whether it was rejected.
    """

    events: Delivery
    rejected: list[tuple[Any, Rejected]]
    bad: list[bool]

    def cut(self, records: list[Any], events: int) -> "tuple[list[Any], Decoded]":
        """Return the records before the valid one that so many precede, and what is decoded of them."""
        # A record may have several events, which stay together; of the first record all are taken, however many.
        end = max(int(self.events.offsets[events]), int(self.events.offsets[0]) + 1)
        before = [record for record in records if record.offset < end]
        rejected = [(record, why) for record, why in self.rejected if record.offset < end]
        return before, Decoded(
            self.events.at(np.flatnonzero(np.asarray(self.events.offsets) < end)),
            rejected,
            self.bad[: len(before)],
        )


Decode = Callable[[list[Any]], Decoded]
"""Decodes and validates records."""


def reading_decoder(
    translate: Callable[[bytes | None], bytes | None] | None = None,
    *,
    categories: Sequence[str] = (),
    layout: Layout = SENSOR_LAYOUT,
    wire: Format = JSON,
) -> Decode:
    """Make what decodes readings of sensors; it remembers the channels that each source names.

    Parameters
    ----------
    translate : callable, optional
        Returns the JSON of a reading for a record's value that has another form; anything else where there is none, which
        is rejected. Dead letters hold the record as it came.
    categories : sequence of str
        Channels whose values may be texts.
    layout : Layout
        Where the parts of readings are in a message.
    wire : Format
        What decodes the bytes of a message.
    """
    decoder = ReadingDecoder(categories, layout=layout, wire=wire)
    with_headers = layout.reads_records or wire is not JSON

    def decode(records: list[Any]) -> Decoded:
        values = [record.value for record in records]
        events, rejected = decoder.decode(
            values if translate is None else [translate(value) for value in values],
            [record.key for record in records],
            [record.offset for record in records],
            record_times(records),
            [record.headers for record in records] if with_headers else None,
        )
        bad = [False] * len(records)
        for place, _ in rejected:
            bad[place] = True
        return Decoded(events, [(records[place], why) for place, why in rejected], bad)

    return decode


class SourceAgent(StreamAgent[Partition]):
    """Processes the batches of a stream whose sources are monitored independently.

    For its other parameters see `StreamAgent`.

    Parameters
    ----------
    decode : callable
        Makes arrivals of records.
    effects : Effects
        Where alerts and dead letters go.
    features : FeatureWriter
        Where live features go.
    history : HistoryWriter
        Where the history of sources goes.
    moved : MovedSources
        Tells sources that come from another partition.
    beside : callable, optional
        Writes what else readers shall have of sources, with their features.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        partitions: Partitions,
        limit: BadInputLimit,
        *,
        decode: Decode,
        effects: Effects,
        features: FeatureWriter,
        history: HistoryWriter,
        moved: MovedSources,
        outages: Outages,
        beside: Beside | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(stream, topic, partitions, limit, outages=outages, **rest)
        self._effects = effects
        self._decode = decode
        self._moved = moved
        self._history = history
        self._store_room = StoreRoom(stream, effects, self._metrics)
        self._features = LiveFeatures(
            topic,
            partitions,
            features,
            history,
            outages,
            passed_over=self._metrics.features_passed_over.labels(stream),
            beside=beside,
        )

    async def _take(self, partition: Partition, records: list[Any]) -> tuple[int, list[bool]]:
        begin = time.perf_counter()
        decoded = self._decode(records)
        fitting = partition.fitting(decoded.events.sources, self._partitions.room)
        if fitting < len(decoded.events.sources):
            records, decoded = decoded.cut(records, fitting)
        events = decoded.events
        decoding = time.perf_counter() - begin
        await self._outages.retry_until_available(lambda: self._moved.note(partition, events.sources))
        absent = partition.absent(events.sources)
        if absent:
            await self._outages.retry_until_available(lambda: self._partitions.restore(partition, absent))
        begin = time.perf_counter()
        outcomes, no_room = partition.update(events) if len(events.offsets) else ([], [])
        self._store_room.refused(partition, len(no_room))
        self._took(len(records), decoding + time.perf_counter() - begin)
        refusals = [*no_room, *(refusal for outcome in outcomes for refusal in outcome.refusals)]
        letters = self._letters(records, decoded.rejected, refusals)
        if letters or not all(map(has_no_effects, outcomes)):
            await self._outages.retry_until_available(
                lambda: self._effects.write(partition, outcomes, letters)
            )
        if sum(map(len, partition.history)) > _MOST_BUCKETS:
            await self._outages.retry_until_available(lambda: self._write_history(partition))
        return len(records), decoded.bad

    async def _write_letters(self, partition: Partition, letters: Sequence[DeadLetter]) -> None:
        await self._effects.write(partition, [], letters)

    async def _write_history(self, partition: Partition) -> None:
        await self._history.write(partition.history, partition.fence)
        partition.history.clear()

    async def _prepare(self, partition: OwnedPartition) -> None:
        """Forget what is too old; its alerts end before its state is removed."""
        mine = cast(Partition, partition)
        mine.expire(_FORGOTTEN_AT_ONCE)
        self._store_room.measure(cast(list[Partition], self._mine()))
        await self._store_room.tell(mine)
        await self._effects.end_forgotten(mine)
        await self._write_history(mine)
        # A few do not hold up anything; of many the checkpoint says that they wait.
        waiting = [source for source in mine.waiting if source in mine.monitor]
        if len(waiting) <= AT_ONCE:
            await self._features.flush(mine, waiting)

    async def _write_waiting(self) -> None:
        share = self._partitions.share
        for partition in self._mine():
            # What is to leave memory would have to be read back for its features.
            leaving = cast(Partition, partition).surplus(share)
            if leaving:
                await self._features.flush(cast(Partition, partition), leaving)
        self._partitions.evict()
        await self._features.write(idle=lambda: not (self._worked or self.busy))

    async def _write_last(self, partition: OwnedPartition) -> None:
        await self._features.flush(cast(Partition, partition))
