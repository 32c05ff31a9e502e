"""What an agent with batch delivery gets, and how it says where to read on and what is finished."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import TP

from stream_app.errors import BadBatchError

__all__ = ["FinishedBatches", "Positions", "RecordBatch", "UnreadBatch"]


@dataclass(frozen=True, slots=True)
class UnreadBatch:
    """A batch on Kafka that cannot be read, in the place of its records.

    Parameters
    ----------
    error : BadBatchError
        Where it is, and what is wrong with it.
    """

    error: BadBatchError
    key: None = None
    value: None = None
    timestamp: int = -1
    timestamp_type: int = 0
    checksum: None = None

    @property
    def offset(self) -> int:
        """Its last offset."""
        return self.error.last


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
        Which seek of the consumer it was fetched after; see `stream_app.runtime.delivery.BatchConsumer.is_current`.
    follows : int or None
        The offset from which it was fetched: where the delivery before it ended, or where the seek went. The first
        record may lie after it, because logs have holes. None where nobody said where to begin.
    size : int
        Bytes that it takes in memory, about; 0 where nobody counted.
    """

    tp: TP
    records: list[Any]
    seek: int = 0
    follows: int | None = None
    size: int = 0

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset) if self.unread is None else self.unread.first

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return int(self.records[-1].offset)

    @property
    def unread(self) -> BadBatchError | None:
        """What is wrong with the batch on Kafka in whose place this one stands, alone; None where it has records."""
        only = self.records[0]
        return only.error if isinstance(only, UnreadBatch) else None

    def is_followed_by(self, other: "RecordBatch") -> bool:
        """Whether another one of the partition was fetched right after this, and both can be processed as one."""
        return (
            other.seek == self.seek
            and other.follows == self.last + 1
            and self.unread is None
            and other.unread is None
        )

    def joined(self, other: "RecordBatch") -> "RecordBatch":
        """Return both as one."""
        return RecordBatch(
            self.tp, self.records + other.records, self.seek, self.follows, self.size + other.size
        )

    def split(self, records: int) -> "tuple[RecordBatch, RecordBatch | None]":
        """Return its first records, at most so many, and the rest, which follows them.

        Examples
        --------
        >>> from types import SimpleNamespace as Record
        >>> batch = RecordBatch(TP("t", 0), [Record(offset=n) for n in (3, 5, 6)], follows=2)
        >>> first, rest = batch.split(2)
        >>> first.follows, first.last, rest.follows, rest.last
        (2, 5, 6, 6)
        >>> rest.split(2)[1] is None
        True
        """
        if len(self.records) <= records:
            return self, None
        first = RecordBatch(self.tp, self.records[:records], self.seek, self.follows)
        return first, RecordBatch(self.tp, self.records[records:], self.seek, first.last + 1)

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
        """Return where to read on, for each partition; None where nothing is known of it and Kafka's committed offset counts.

        Called at each assignment, and whenever Faust goes back to the committed offsets. An error stops the app.
        """

    def stored(self, partition: TP) -> int | None:
        """Offset up to which everything is safely stored, or None; nothing beyond it is committed."""


class FinishedBatches:
    """Positions of an agent that stores nothing: it reads on from Kafka's committed offset, and says which batches are finished.

    Examples
    --------
    >>> from types import SimpleNamespace as Record
    >>> finished = FinishedBatches()
    >>> finished.add(RecordBatch(TP("t", 0), [Record(offset=7), Record(offset=8)]))
    >>> finished.stored(TP("t", 0)), finished.stored(TP("t", 1))
    (9, None)
    """

    def __init__(self) -> None:
        self._next: dict[TP, int] = {}

    def add(self, batch: RecordBatch) -> None:
        """Note that a batch and all before it in its partition are processed, so that they are committed."""
        self._next[batch.tp] = batch.last + 1

    async def load(self, partitions: Collection[TP]) -> Mapping[TP, None]:
        """Return nothing for each partition, so that Kafka's committed offsets count."""
        for tp in partitions:
            self._next.pop(tp, None)
        return dict.fromkeys(partitions)

    def stored(self, partition: TP) -> int | None:
        """Return the offset after the last finished batch, or None."""
        return self._next.get(partition)
