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
- With `Positions`, reading starts where they say, and nothing is committed beyond what they have stored.

A batch counts against ``stream_buffer_maxsize`` as one message, so keep that small: it bounds the memory.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from stream_app.runtime.patience import be_patient

__all__ = ["BatchConsumer", "BatchTransport", "Positions", "RecordBatch", "batched_topic"]


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition, in the order of their offsets.

    Parameters
    ----------
    tp : TP
        Topic and partition.
    records : list of aiokafka.ConsumerRecord
        At least one.
    """

    tp: TP
    records: list[Any]

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset)

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return int(self.records[-1].offset)


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


class _FairThread(AIOKafkaConsumerThread):
    """Gives each partition its share of a poll; aiokafka would empty one partition's fetch after the other."""

    async def on_start(self) -> None:
        await super().on_start()
        be_patient(self._ensure_consumer()._client)  # noqa: SLF001 there is no other way to it

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 the signature is Faust's
        max_records: int | None = None,
    ) -> Any:
        if max_records is not None and len(active_partitions or ()) > 1:
            share = max(1, max_records // len(active_partitions))
            records: dict[TP, Any] = {}
            for tp in sorted(active_partitions):
                records |= await super()._fetch_records(consumer, {tp}, timeout=0, max_records=share)
            if records:
                return records
        return await super()._fetch_records(
            consumer, active_partitions, timeout=timeout, max_records=max_records
        )


class BatchConsumer(Consumer):
    """Faust's aiokafka consumer, with batches for the topics that its transport names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unfinished: defaultdict[TP, deque[int]] = defaultdict(deque)

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _FairThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _batched(self) -> frozenset[str]:
        return cast(BatchTransport, self.transport).topics

    @property
    def _positions(self) -> Positions | None:
        return cast(BatchTransport, self.transport).positions

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 the signature is Faust's
        records, active = await super()._wait_next_records(timeout)
        if records:
            batched = self._batched
            records = {
                tp: [RecordBatch(tp, found)] if tp.topic in batched else found
                for tp, found in records.items()
            }
        return records, active

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
        """Go back to the stored positions; what was delivered before no longer counts."""
        for tp in list(self._unfinished):
            del self._unfinished[tp]
            self._acked.pop(tp, None)
            self._acked_index.pop(tp, None)
        await super().perform_seek()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to what `Positions` say, and to Kafka's committed offsets where they say nothing."""
        committed: Mapping[TP, int] = await super().seek_to_committed()
        if self._positions is None:
            return committed
        try:
            loaded = await self._positions.load({tp for tp in self.assignment() if tp.topic in self._batched})
            known = {tp: offset for tp, offset in loaded.items() if offset is not None}
            await self.seek_wait(known)
        except Exception as error:
            # Faust would log it and idle for ever.
            await self.crash(error)
            raise
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
