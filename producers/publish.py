"""Into Kafka: events of one source into one partition, in order, in large batches, acknowledged by all replicas."""

import asyncio
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import murmur2

from producers.batch import EventBatch, RoutedBatch, Rows
from stream_app.errors import BrokerError
from stream_app.kafka import client_options, reach
from stream_app.settings import KafkaSettings

__all__ = ["REPLAY_HEADER", "Acknowledged", "Numbered", "Publisher", "lanes_of", "partition_of", "unseen"]

IntArray: TypeAlias = npt.NDArray[np.int64]

REPLAY_HEADER = "streamgauge-replay"
"""Header of every record: ``replay id:number of the event in the replay``."""

BATCH_BYTES = 128 * 1024
"""Bytes of a Kafka batch. Larger ones gain nothing: 64 KiB to 256 KiB measure alike."""

PIECE = 500
"""Events encoded between two looks at the network."""

HANDSHAKE_SECONDS = 5.0
DELIVERY_SECONDS = 20.0
"""Without an acknowledgement for so long the broker counts as gone."""

CLOSE_SECONDS = 1.0


@functools.lru_cache(maxsize=65_536)
def partition_of(source: str, partitions: int) -> int:
    """Return the partition of a source, the same one that Kafka's default partitioner chooses.

    Examples
    --------
    >>> partition_of("pump-1", 4) == partition_of("pump-1", 4)
    True
    """
    return int((murmur2(source.encode()) & 0x7FFFFFFF) % partitions)


def lanes_of(topics: Mapping[str, int]) -> tuple[TopicPartition, ...]:
    """Return the partitions of all topics of a replay, in one order: a lane is the number of one of them.

    Parameters
    ----------
    topics : mapping of topic to partitions

    Examples
    --------
    >>> [tuple(lane) for lane in lanes_of({"a": 2, "b": 1})]
    [('a', 0), ('a', 1), ('b', 0)]
    """
    return tuple(TopicPartition(topic, p) for topic, count in topics.items() for p in range(count))


@dataclass(frozen=True, slots=True)
class Numbered:
    """Events with their numbers in the replay and where they go.

    Parameters
    ----------
    events : EventBatch
    number : ndarray of int (n,)
        Counted from 0 over the whole replay, growing.
    lane : ndarray of int (n,)
        Lane of each event, from `lanes_of`.
    """

    events: EventBatch
    number: IntArray
    lane: IntArray

    @classmethod
    def after(cls, begin: int, events: EventBatch, partitions: Sequence[int]) -> Self:
        """Give numbers to events, from `begin` on, given the number of partitions of each topic."""
        routes = events.routes if isinstance(events, RoutedBatch) else (0,) * len(events.names)
        by_name = np.array(
            [
                sum(partitions[:route]) + partition_of(name, partitions[route])
                for name, route in zip(events.names, routes, strict=True)
            ],
            dtype=np.int64,
        )
        return cls(events, np.arange(begin, begin + len(events), dtype=np.int64), by_name[events.source])

    @property
    def ts(self) -> npt.NDArray[np.float64]:
        """Event time of each event."""
        return self.events.ts

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: Rows) -> Self:
        """Return some of the events, in order."""
        return type(self)(self.events.take(rows), self.number[rows], self.lane[rows])


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How far one partition has got: the number of the last event there and the offset after it."""

    number: int
    next_offset: int


@dataclass(slots=True)
class Publisher:
    """A producer for the topics of a replay; make it with `Publisher.connect`.

    At most two batches of a partition are on their way, one at the broker and one behind it, so memory is bounded
    and a partition's events arrive in order. After a failed delivery nothing more is sent.

    Attributes
    ----------
    idempotent : bool
        Whether a retry can never repeat a batch.
    acknowledged : dict of TopicPartition to Acknowledged
    events, size : int
        Acknowledged events and their bytes.
    """

    kafka: KafkaSettings
    lanes: Sequence[TopicPartition]
    replay_id: str
    idempotent: bool
    acknowledged: dict[TopicPartition, Acknowledged] = field(default_factory=dict)
    events: int = 0
    size: int = 0
    _producer: Any = None
    _open: dict[int, "_Batch"] = field(default_factory=dict)
    _sent: set["asyncio.Future[Any]"] = field(default_factory=set)
    _failed: BaseException | None = None

    @classmethod
    async def connect(
        cls,
        kafka: KafkaSettings,
        lanes: Sequence[TopicPartition],
        replay_id: str,
        *,
        note: Callable[[str], None],
    ) -> "Publisher":
        """Connect, as an idempotent producer if the broker knows how.

        Parameters
        ----------
        kafka : KafkaSettings
        lanes : sequence of TopicPartition
            See `lanes_of`; their topics must be there.
        replay_id : str
            Stamped on every record.
        note : callable
            Told when the broker has no idempotent producers.

        Raises
        ------
        BrokerError
            When no broker answers.
        """
        make = functools.partial(
            AIOKafkaProducer,
            **client_options(kafka),
            acks="all",
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(DELIVERY_SECONDS * 1000),
        )
        # A plain producer first: it tells a broker that is absent from one that refuses idempotence.
        plain = await reach(kafka, make, lambda p: p.stop())
        careful = make(enable_idempotence=True)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await careful.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await careful.stop()
            reason = str(error) or type(error).__name__
            note(f"the broker has no idempotent producers ({reason}); a retry may repeat a batch")
            return cls(kafka, lanes, replay_id, idempotent=False, _producer=plain)
        await plain.stop()
        return cls(kafka, lanes, replay_id, idempotent=True, _producer=careful)

    async def send(self, chunk: Numbered, *, at_once: bool) -> None:
        """Put events on their way; waits while too many are.

        Parameters
        ----------
        chunk : Numbered
        at_once : bool
            Send now, rather than when a batch is full.

        Raises
        ------
        BrokerError
            When this or an earlier delivery failed.
        """
        # In pieces, so that the broker works on one while the next is encoded.
        for begin in range(0, len(chunk), PIECE):
            await self._add(chunk.take(slice(begin, begin + PIECE)))
        if at_once:
            await self._ship_all()
        self._check()

    async def _add(self, chunk: Numbered) -> None:
        now = int(time.time() * 1000)
        events = chunk.events
        keys = [name.encode() for name in events.names]
        rows = zip(
            events.encode(),
            events.source.tolist(),
            chunk.lane.tolist(),
            chunk.number.tolist(),
            strict=True,
        )
        for value, source, lane, number in rows:
            stamp = [(REPLAY_HEADER, b"%b:%d" % (self.replay_id.encode(), number))]
            batch = self._open.get(lane)
            if batch is not None and batch.add(now, keys[source], value, stamp, number):
                continue
            if batch is not None:
                await self._ship(lane)
            fresh = self._open[lane] = _Batch(self._producer.create_batch())
            if not fresh.add(now, keys[source], value, stamp, number):
                raise BrokerError(
                    f"topic {self.lanes[lane].topic}: event {number} has {len(value)} bytes, too large for a batch"
                )

    async def flush(self) -> None:
        """Send what is waiting and wait until all is acknowledged.

        Raises
        ------
        BrokerError
            When a delivery failed.
        """
        await self._ship_all()
        while self._sent:
            # An idempotent producer retries for ever, so the patience must be ours.
            arrived, _ = await asyncio.wait(
                self._sent, timeout=DELIVERY_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not arrived:
                raise self._broken(KafkaTimeoutError())
        self._check()

    async def close(self) -> None:
        """Disconnect; what cannot be delivered is given up."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.stop()
        except TimeoutError:
            # stop() waits for deliveries, so the sender is stopped first.
            await self._producer._sender.close()  # noqa: SLF001 there is no public way to give up
            await self._producer.client.close()

    async def _ship_all(self) -> None:
        for lane in list(self._open):
            await self._ship(lane)

    async def _ship(self, lane: int) -> None:
        self._check()
        batch, tp = self._open.pop(lane), self.lanes[lane]
        try:
            future = await self._producer.send_batch(batch.builder, tp.topic, partition=tp.partition)
        except (KafkaError, OSError) as error:
            raise self._broken(error) from None
        self._sent.add(future)
        future.add_done_callback(functools.partial(self._arrived, tp, batch))

    def _arrived(self, tp: TopicPartition, batch: "_Batch", future: "asyncio.Future[Any]") -> None:
        self._sent.discard(future)
        if future.cancelled() or future.exception() is not None:
            self._failed = self._failed or future.exception()
            return
        count = batch.builder.record_count()
        self.acknowledged[tp] = Acknowledged(batch.last, future.result().offset + count)
        self.events += count
        self.size += batch.size

    def _check(self) -> None:
        if self._failed is not None:
            raise self._broken(self._failed)

    def _broken(self, error: BaseException) -> BrokerError:
        if isinstance(error, KafkaTimeoutError):
            reason = f"no acknowledgement for {DELIVERY_SECONDS:g} s"
        else:
            reason = str(error) or type(error).__name__
        topics = ", ".join(dict.fromkeys(lane.topic for lane in self.lanes))
        return BrokerError(f"{self.kafka.bootstrap}: topic {topics}: events were not delivered: {reason}")


@dataclass(slots=True)
class _Batch:
    """A Kafka batch that is being filled."""

    builder: Any
    last: int = -1
    size: int = 0

    def add(self, now: int, key: bytes, value: bytes, stamp: list[tuple[str, bytes]], number: int) -> bool:
        if self.builder.append(timestamp=now, key=key, value=value, headers=stamp) is None:
            return False
        self.last = number
        self.size += len(value)
        return True


def unseen(chunk: Numbered, done: Mapping[int, int]) -> Numbered:
    """Leave out what the topics have already: events up to the last number of their lane."""
    if not done:
        return chunk
    last = np.full(max([*done, int(chunk.lane.max(initial=0))]) + 1, -1, dtype=np.int64)
    for lane, number in done.items():
        last[lane] = number
    return chunk.take(chunk.number > last[chunk.lane])
