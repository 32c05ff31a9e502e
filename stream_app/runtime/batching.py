"""Batch delivery: a Faust agent gets all records of a partition that one fetch brought, as one event.

Faust hands agents one record at a time, which costs about 60 µs a record whatever the agent does: three
turns of the event loop each. Here the consumer hands on **one message a partition a fetch** instead. Its value
is a :class:`RecordBatch`, its offset is the last record's. Agents stay plain::

    app = faust.App("monitor", broker="kafka://localhost:9092", stream_buffer_maxsize=2)
    app.transport = BatchTransport(app, topics={"sensor.readings"})

    @app.agent(batched_topic(app, "sensor.readings"))
    async def watch(stream):
        async for batch in stream:
            for record in batch.records: ...

What it changes in Faust, and nothing else:

- ``_wait_next_records`` folds the records of batched topics; other topics are delivered as ever.
- ``_new_offset`` decides what may be committed. Faust's own looks for gaps among acknowledged offsets and would
  take the offsets inside a batch for lost ones. Here a partition's batches are a queue, and what may be
  committed ends where the first unfinished batch begins.
- A poll's records are shared among the partitions.
- With `Positions`, reading starts where they say, and nothing is committed beyond what they have stored. While
  they or Kafka can't be reached, nothing is fetched; Faust would wait a while and then read on from anywhere.
- A commit that fails is a warning, and takes some seconds at most: with `Positions` it is a hint for others.
- A worker that has no partition stays a member of its group for as long as it says so (`BatchConsumer.stay`);
  aiokafka takes one for dead that does not fetch.

A batch counts against ``stream_buffer_maxsize`` as one message, so keep that small: it bounds the memory.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, cast

import faust
import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from stream_app.errors import BrokerUnavailableError, StoreUnavailableError
from stream_app.runtime.fetching import FairThread

__all__ = ["BatchConsumer", "BatchTransport", "Positions", "RecordBatch", "batched_topic"]

_log = structlog.get_logger(__name__)

_RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition, in the order of their offsets.

    Parameters
    ----------
    tp : TP
        Topic and partition.
    records : list of aiokafka.ConsumerRecord
        At least one.
    seek : int
        Which seek of the consumer it was fetched after; see `BatchConsumer.is_current`.
    follows : int or None
        The offset from which it was fetched: where the delivery before it ended, or where the seek went. The first
        record may lie after it, because logs have holes. None where nobody said where to begin.
    """

    tp: TP
    records: list[Any]
    seek: int = 0
    follows: int | None = None

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset)

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return int(self.records[-1].offset)

    def is_followed_by(self, other: "RecordBatch") -> bool:
        """Whether another one of the partition was fetched right after this."""
        return other.seek == self.seek and other.follows == self.last + 1

    def joined(self, other: "RecordBatch") -> "RecordBatch":
        """Return both as one."""
        return RecordBatch(self.tp, self.records + other.records, self.seek, self.follows)

    def continues(self, next_offset: int | None) -> bool:
        """Whether nothing lies between `next_offset`, the first that is not processed yet, and this batch.

        Examples
        --------
        >>> RecordBatch(TP("t", 0), [], follows=7).continues(7), RecordBatch(TP("t", 0), [], follows=9).continues(7)
        (True, False)
        """
        if next_offset is None:
            return self.follows is None
        return (self.first if self.follows is None else self.follows) <= next_offset


class Positions(Protocol):
    """Who knows how far each partition has been processed, other than Kafka."""

    async def load(self, partitions: Collection[TP]) -> Mapping[TP, int | None]:
        """Return where to read on, for each partition; None where nothing is known of it.

        Called at each assignment, and whenever Faust goes back to the committed offsets. An error stops the app.
        """
        ...

    def stored(self, partition: TP) -> int | None:
        """Offset up to which everything is safely stored, or None; nothing beyond it is committed."""
        ...


class _BatchSchema(faust.Schema[Any, Any]):
    """A batch is its own value, and its keys stay with its records."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:  # noqa: ARG002 the signature is Faust's
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 as above
        return message.value


def batched_topic(app: Any, name: str) -> Any:
    """Make the topic for an agent that takes batches.

    Parameters
    ----------
    app : faust.App
        Its transport is a `BatchTransport` that names the topic.
    name : str
        The topic.
    """
    return app.topic(name, schema=_BatchSchema())


class BatchConsumer(Consumer):
    """Faust's aiokafka consumer, with batches for the topics that its transport names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unfinished: defaultdict[TP, deque[int]] = defaultdict(deque)
        self._seeks = 0
        self._placed: frozenset[TP] = frozenset()
        self._placing = asyncio.Lock()
        self._expected: dict[TP, int] = {}
        self._room = asyncio.Event()
        self.fetched_at = monotonic()
        """When a delivery came last, on the monotonic clock."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return FairThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _batched(self) -> frozenset[str]:
        return cast(BatchTransport, self.transport).topics

    @property
    def _positions(self) -> Positions | None:
        return cast(BatchTransport, self.transport).positions

    def is_current(self, batch: RecordBatch) -> bool:
        """Whether a batch was fetched after the last seek; those before it come again."""
        return batch.seek == self._seeks

    def reposition(self) -> None:
        """Ask `Positions` again where to read on, before anything more is fetched."""
        self._placed = frozenset()

    @property
    def placed(self) -> bool:
        """Whether reading goes on from where `Positions` said, in all partitions."""
        return self._positions is None or self._placed.issuperset(self._own_partitions())

    def stay(self) -> None:
        """Remain a member of the group for another `max_poll_interval`, although nothing may be fetched."""
        cast(FairThread, self._thread).stay()

    def next_fetch(self, partition: TP) -> int | None:
        """Offset of a partition that would be fetched next; None where there is none."""
        return cast(FairThread, self._thread).next_fetch(partition)

    def on_buffer_drop(self, tp: TP) -> None:
        """Hear that an agent has room for deliveries of a partition."""
        super().on_buffer_drop(tp)
        self._room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Read on in partitions that were paused."""
        super().resume_partitions(tps)
        self._room.set()

    def _own_partitions(self) -> set[TP]:
        return {tp for tp in self.assignment() if tp.topic in self._batched}

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 the signature is Faust's
        if self.flow_active and not self.placed:
            await self.perform_seek()
            if not self.placed:
                await self.sleep(_RETRY_SECONDS)
                return {}, set()
        if self.flow_active and not self._get_active_partitions():
            # Faust would sleep for a second, though the agent may have room again in a moment.
            self._room.clear()
            await self.wait(self._room, timeout=timeout)  # type: ignore[arg-type] # any event will do
            return {}, set()
        seek = self._seeks
        records, active = await super()._wait_next_records(timeout)
        if self._positions is not None and seek != self._seeks:
            # A seek came while this was fetched, and nobody can say whether before or after: fetch it again.
            self.reposition()
            return {}, set()
        if records:
            self.fetched_at = monotonic()
            records = {
                tp: [self._batch(tp, found)] if tp.topic in self._batched else found
                for tp, found in records.items()
            }
        return records, active

    def _batch(self, tp: TP, records: list[Any]) -> RecordBatch:
        batch = RecordBatch(tp, records, self._seeks, self._expected.get(tp))
        self._expected[tp] = batch.last + 1
        return batch

    def _to_message(self, tp: TP, record: Any) -> Any:
        if not isinstance(record, RecordBatch):
            return super()._to_message(tp, record)
        last = record.records[-1]
        self._unfinished[tp].append(last.offset)
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000.0,
            timestamp_type=last.timestamp_type,
            headers=[],
            key=None,
            value=cast(bytes, record),  # Faust hands it through unseen
            checksum=last.checksum,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self._batched:
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self._batched:
            return super()._new_offset(tp)
        finished = self._acked_index[tp]
        unfinished = self._unfinished[tp]
        done: int | None = None
        while unfinished and unfinished[0] in finished:
            done = unfinished.popleft()
            finished.discard(done)
        self._acked[tp].clear()
        if self._positions is not None:
            return self._positions.stored(tp)
        return None if done is None else done + 1

    async def perform_seek(self) -> None:
        """Go back to the stored positions; what was delivered before no longer counts.

        Where they can't be had now, nothing is fetched until they can.
        """
        async with self._placing:
            self._seeks += 1
            self._placed = frozenset()
            self._expected.clear()
            for tp in list(self._unfinished):
                del self._unfinished[tp]
                self._acked.pop(tp, None)
                self._acked_index.pop(tp, None)
            try:
                await super().perform_seek()
            except (BrokerUnavailableError, StoreUnavailableError, TimeoutError) as error:
                _log.warning("cannot tell yet where to read on", reason=str(error) or "no answer in time")
            except IllegalStateError:
                _log.info("the group is rebalancing again")
            except KafkaError as error:
                if not error.retriable:
                    raise
                _log.warning("cannot tell yet where to read on", reason=repr(error))

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to what `Positions` say, and to Kafka's committed offsets where they say nothing."""
        if self._positions is None:
            return await super().seek_to_committed()
        own = self._own_partitions()
        # Whoever was paused for long may have lost its partitions without knowing; claiming them again would shut
        # out their new owner.
        if own and not await cast(FairThread, self._thread).is_member():
            raise BrokerUnavailableError("the group does not count this worker among its members now")
        try:
            loaded = await self._positions.load(own)
        except (BrokerUnavailableError, StoreUnavailableError):
            raise
        except Exception as error:
            # Faust would log it and idle for ever.
            await self.crash(error)
            raise
        known = {tp: offset for tp, offset in loaded.items() if offset is not None}
        committed = await cast(FairThread, self._thread).seek_some_to_committed(
            self.assignment() - known.keys()
        )
        if known:
            await self.seek_wait(known)
        self._expected.update(known)
        self._placed = frozenset(own)
        return {**committed, **known}


class BatchTransport(Transport):
    """Faust's aiokafka transport, with batch delivery for some topics.

    Parameters
    ----------
    app : faust.App
        Set its ``transport`` to this.
    topics : collection of str
        Delivered in batches.
    positions : Positions, optional
        Where to read on and how far to commit; Kafka's committed offsets and Faust's acknowledgements if None.
    """

    Consumer = BatchConsumer

    def __init__(self, app: Any, *, topics: Collection[str], positions: Positions | None = None) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.topics = frozenset(topics)
        self.positions = positions

    def is_current(self, batch: RecordBatch) -> bool:
        """Whether a batch was fetched after the last seek; those before it come again."""
        return cast(BatchConsumer, self.app.consumer).is_current(batch)

    def reposition(self) -> None:
        """Ask `Positions` again where to read on, before anything more is fetched."""
        cast(BatchConsumer, self.app.consumer).reposition()
