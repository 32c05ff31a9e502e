"""Batch delivery: a Faust agent gets all records that one fetch brought of its topic, as one event.

Faust hands agents one record at a time, which costs about 60 µs a record whatever the agent does: three
turns of the event loop each. Here the consumer hands on **one message a topic a fetch** instead. Its value
is a tuple of :class:`RecordBatch`, one a partition. Agents stay plain::

    app = faust.App("monitor", broker="kafka://localhost:9092", stream_buffer_maxsize=2)
    finished = FinishedBatches()
    app.transport = BatchTransport(app, topics={"sensor.readings"}, positions=finished)

    @app.agent(batched_topic(app, "sensor.readings"))
    async def watch(stream):
        async for batches in stream:
            for batch in batches:
                ...
                finished.add(batch)

What it changes in Faust, and nothing else:

- ``_wait_next_records`` folds the records of batched topics; other topics are delivered as ever.
- A batch on Kafka that cannot be read stops the app, or is delivered as an `UnreadBatch`, as the transport is told.
- Reading starts where `Positions` say, and what they have stored is committed, whatever Faust has acknowledged. While
  they or Kafka can't be reached, nothing is fetched; Faust would wait a while and then read on from anywhere.
- A commit that fails is a warning, and takes some seconds at most: it is a hint for others.
- A worker that has no partition stays a member of its group for as long as it says so (`BatchConsumer.stay`);
  aiokafka takes one for dead that does not fetch.

A message counts as one against ``stream_buffer_maxsize``, so keep that small: it bounds the memory.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from time import monotonic
from typing import Any, cast

import faust
import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from stream_app.errors import BadBatchError, BrokerUnavailableError, DataError, StoreUnavailableError
from stream_app.kafka.fetching import record_bytes
from stream_app.runtime.batches import Positions, RecordBatch, UnreadBatch
from stream_app.runtime.consumer import LoopConsumer

__all__ = ["BatchConsumer", "BatchTransport", "batched_topic"]

_log = structlog.get_logger(__name__)

_RETRY_SECONDS = 0.5


class _BatchSchema(faust.Schema[Any, Any]):
    """Batches are their own value, and their keys stay with their records."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:  # noqa: ARG002 the signature is Faust's
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 as above
        return message.value


def batched_topic(app: Any, name: str) -> Any:
    """Make the topic for an agent that takes tuples of batches.

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
        self._seeks = 0
        self._placed: frozenset[TP] = frozenset()
        self._placing = asyncio.Lock()
        self._expected: dict[TP, int] = {}
        self._room = asyncio.Event()
        self.fetched_at = monotonic()
        """When a delivery came last, on the monotonic clock."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        transport = cast(BatchTransport, self.transport)
        return LoopConsumer(
            self,
            loop=self.loop,
            beacon=self.beacon,
            on_bad_batch=transport.on_bad_batch,
            on_missing=lambda tp, count: transport.on_missing(tp.topic, count),
        )

    @property
    def _batched(self) -> frozenset[str]:
        return cast(BatchTransport, self.transport).topics

    @property
    def _positions(self) -> Positions:
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
        return self._placed.issuperset(self._own_partitions())

    def stay(self) -> None:
        """Remain a member of the group for another `max_poll_interval`, although nothing may be fetched."""
        cast(LoopConsumer, self._thread).stay()

    def next_fetch(self, partition: TP) -> int | None:
        """Offset of a partition that would be fetched next; None where there is none."""
        return cast(LoopConsumer, self._thread).next_fetch(partition)

    @property
    def connected(self) -> bool:
        """Whether it has begun to start, and can be asked."""
        return self._thread is not None and cast(LoopConsumer, self._thread).connected

    def look_for(self, topics: Collection[str]) -> Collection[str]:
        """Look for topics again, and return those that were not known; the group is joined anew when they are found."""
        return cast(LoopConsumer, self._thread).look_for(topics)

    def group_error(self) -> BaseException | None:
        """Why the client has given up joining the group; None while it has not."""
        return cast(LoopConsumer, self._thread).group_error() if self._thread is not None else None

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
        if seek != self._seeks:
            # A seek came while this was fetched, and nobody can say whether before or after: fetch it again.
            self.reposition()
            return {}, set()
        if records:
            self.fetched_at = monotonic()
            records = self._folded(records)
        return records, active

    def _folded(self, records: Mapping[TP, list[Any]]) -> dict[TP, list[Any]]:
        """Make one message of all records of a batched topic, under the first of its partitions."""
        folded: dict[TP, list[Any]] = {}
        batches: dict[str, list[RecordBatch]] = {}
        for tp, found in records.items():
            if tp.topic in self._batched:
                batches.setdefault(tp.topic, []).append(self._batch(tp, found))
            else:
                folded[tp] = found
        return folded | {some[0].tp: [tuple(some)] for some in batches.values()}

    def _batch(self, tp: TP, records: list[Any]) -> RecordBatch:
        batch = RecordBatch(tp, records, self._seeks, self._expected.get(tp), sum(map(record_bytes, records)))
        self._expected[tp] = batch.last + 1
        return batch

    def _to_message(self, tp: TP, record: Any) -> Any:
        if tp.topic not in self._batched:
            return super()._to_message(tp, record)
        last = record[0].records[-1]
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000.0,
            timestamp_type=last.timestamp_type,
            headers=[],
            key=None,
            value=cast(bytes, record),  # Faust hands the batches through unseen
            checksum=last.checksum,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self._batched:
            await super()._add_gap(tp, offset_from, offset_to)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        # Faust acknowledges a message under one of its partitions; what is stored says more, and of all of them.
        # Faust forgets what it has read of those that are revoked: their generation commits nothing any more.
        own = {
            tp
            for tp in self._placed & self._read_offset.keys()
            if topics is None or tp in topics or tp.topic in topics
        }
        return iter(own.union(super()._filter_tps_with_pending_acks(topics)))

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self._batched:
            return super()._new_offset(tp)
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        return self._positions.stored(tp)

    async def perform_seek(self) -> None:
        """Go back to the stored positions; what was delivered before no longer counts.

        Where they can't be had now, nothing is fetched until they can.
        """
        async with self._placing:
            self._seeks += 1
            self._placed = frozenset()
            self._expected.clear()
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
        own = self._own_partitions()
        # Whoever was paused for long may have lost its partitions without knowing; claiming them again would shut
        # out their new owner.
        if own and not await cast(LoopConsumer, self._thread).is_member():
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
        committed = await cast(LoopConsumer, self._thread).seek_some_to_committed(
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
    positions : Positions
        Where to read on and how far to commit.
    isolation_level : str
        ``read_committed`` or ``read_uncommitted``.
    skip : collection of str
        Topics whose bad batches are delivered as `UnreadBatch` instead of stopping the app.
    skip_at : collection of (TP, int)
        Single bad batches, by their first offset, that are delivered so.
    on_missing : callable
        Takes a topic and how many of its records are missing in the log.
    """

    Consumer = BatchConsumer

    def __init__(
        self,
        app: Any,
        *,
        topics: Collection[str],
        positions: Positions,
        isolation_level: str = "read_committed",
        skip: Collection[str] = (),
        skip_at: Collection[tuple[TP, int]] = (),
        on_missing: Callable[[str, int], None] = lambda _topic, _count: None,
    ) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.topics = frozenset(topics)
        self.positions = positions
        self.isolation_level = isolation_level
        self.on_missing = on_missing
        self._skip = frozenset(skip)
        self._skip_at = frozenset(skip_at)

    def on_bad_batch(self, error: BadBatchError) -> UnreadBatch:
        """Return what stands for a batch that cannot be read and may be skipped.

        Raises
        ------
        DataError
            If it may not; says how to go on.
        """
        tp = TP(error.topic, error.partition)
        if error.topic in self._skip or (tp, error.first) in self._skip_at:
            return UnreadBatch(error)
        place = f"{error.topic}/{error.partition}/{error.first}"
        raise DataError(
            f"{error}. Find out who wrote it. `streamgauge worker --skip-batch {place}` goes on behind it and writes a dead "
            'letter about it; on_bad_batch = "skip" of its stream does so with every such batch'
        ) from error

    def is_current(self, batch: RecordBatch) -> bool:
        """Whether a batch was fetched after the last seek; those before it come again."""
        return cast(BatchConsumer, self.app.consumer).is_current(batch)

    def reposition(self) -> None:
        """Ask `Positions` again where to read on, before anything more is fetched."""
        cast(BatchConsumer, self.app.consumer).reposition()
