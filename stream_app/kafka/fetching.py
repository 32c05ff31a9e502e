"""What was fetched is decoded a part at a time, of a bounded number of bytes, and a batch that cannot be read is named.

aiokafka holds what a fetch brought as it came, and decodes one batch after the other when somebody asks. Asked without a bound it
decodes all: forty batches of two kilobytes become gigabytes. So each poll ends at a number of bytes, each partition
gets its share of it, and while a large batch is being read no other is begun.

Offsets are dense in a log: a batch begins where the one before it ended, marks of transactions among them, and has a record
for each of its offsets. What is not there compaction has removed; it is counted here, where every batch is seen.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.record.memory_records import MemoryRecords

from stream_app.errors import BadBatchError
from stream_app.kafka.decompression import bound_decompression, last_decompressed

__all__ = ["POLL_BYTES", "bound_fetches", "record_bytes"]

POLL_BYTES = 4_194_304
"""A poll ends with the record that reaches this size: a twentieth of a second's work of a busy worker."""

_LEAST_SHARE = 65_536
_RECORD_BYTES = 600
"""What a record takes beside its key and value."""

_MOST_HELD = 33_554_432
"""Bytes of decompressed batches that are read in turn; beyond them no other is begun."""

_LOG_OVERHEAD = 12
_MAGIC_AT, _DELTA_AT, _COUNT_AT = 16, 23, 57
_FIRST_MAGIC_WITH_DELTA = 2


def record_bytes(record: Any) -> int:
    """Return the bytes that a record takes in memory, about."""
    return _RECORD_BYTES + len(record.key or b"") + len(record.value or b"")


def bound_fetches() -> None:
    """Make all consumers of this process decode what they fetch in parts; doing it again changes nothing."""
    bound_decompression()
    consumer.Fetcher = _BoundedFetcher
    fetcher.FetchResult = _Result
    fetcher.MemoryRecords = _Batches


class _Batches:
    """The batches of a fetch, as aiokafka reads them, with the offsets of the one that was given last.

    Parameters
    ----------
    data : bytes
        As the broker sent them; the last one may be cut off.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._batches = MemoryRecords(data)
        self.first = self.last = self.size = 0
        self.expected: int | None = None
        """Where the next batch begins if nothing is missing; None where that is not known."""
        self.holes: list[tuple[int, int]] = []
        """Of batches that were read whole: the last offset, and how many up to there are missing."""
        self._missing = 0
        self._ended = False
        self._missing = 0

    def has_next(self) -> bool:
        """Whether another batch is there as a whole."""
        return bool(self._batches.has_next())

    def size_in_bytes(self) -> int:
        """Bytes of all batches."""
        return int(self._batches.size_in_bytes())

    def next_batch(self) -> Any:
        """Return the next batch."""
        self.finish()
        data, at = self._data, self._at
        self.first, length = struct.unpack_from(">qi", data, at)
        self.size = _LOG_OVERHEAD + length
        self._at = end = at + self.size
        self.last = self.first
        expected, self.expected = self.expected, None
        if self.size >= _COUNT_AT + 4 and data[at + _MAGIC_AT] >= _FIRST_MAGIC_WITH_DELTA:
            self.last += max(0, struct.unpack_from(">i", data, at + _DELTA_AT)[0])
            self.expected = self.last + 1
            # One that is read from its middle on was counted by whoever read its beginning.
            if expected is not None and expected <= self.first:
                self._missing = self.expected - expected - struct.unpack_from(">i", data, at + _COUNT_AT)[0]
        if len(data) >= end + _LOG_OVERHEAD:
            # The header of a damaged batch may be what is damaged.
            self.last = max(self.first, min(self.last, struct.unpack_from(">q", data, end)[0] - 1))
        return self._batches.next_batch()

    def finish(self) -> None:
        """Note that the last batch was read; what a damaged one says of itself is not believed."""
        if self._missing > 0:
            self.holes.append((self.last, self._missing))
        self._missing = 0


class _Result(FetchResult):  # type: ignore[misc] # aiokafka has no types
    """What a fetch brought of one partition."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._partition_records: Any = kwargs["partition_records"]
        self._batches: _Batches = self._partition_records._records  # noqa: SLF001 there is no other way to it
        self._batches.expected = self._partition_records.next_fetch_offset
        self.held = 0
        """Bytes of the decompressed batch in which reading stopped."""
        self.bad: BadBatchError | None = None
        """The batch at which reading stopped."""

    def has_more(self) -> bool:
        """Whether there is something left."""
        return self.bad is not None or super().has_more()

    def part(self, most: int, size: int, longest: int | None) -> tuple[list[Any], int]:
        """Return the next records and their bytes; as many as were asked for, or until they have so many bytes.

        A value that is longer than `longest` bytes is cut off there.
        """
        records: list[Any] = []
        if self.bad is not None or not self.check_assignment(self._topic_partition) or not self.has_more():
            return records, 0
        before, taken = last_decompressed(), 0
        source = self._partition_records
        batches = self._batches
        try:
            for record in source:
                if longest is not None and record.serialized_value_size > longest:
                    record.value = record.value[:longest]
                taken += record_bytes(record)
                records.append(record)
                if len(records) >= most or taken >= size:
                    break
            else:
                self._partition_records = None
                batches.finish()
        except Exception as error:  # noqa: BLE001 parsers of a batch's bytes raise whatever they trip over
            self.bad = self._bad(batches, source.next_fetch_offset, error)
        self._assignment.state_value(self._topic_partition).consumed_to(source.next_fetch_offset)
        if self._partition_records is None or self.bad is not None:
            self.held = 0
        elif records[-1].offset >= batches.last:
            # The batch is done with; a new walk over the next ones does not hold it.
            source._records_iterator = source._unpack_records()  # noqa: SLF001 as above
            self.held = 0
        elif last_decompressed() != before:
            self.held = last_decompressed()[1]
        return records, taken

    def missing(self, after: int) -> tuple[int, int]:
        """Return how many offsets behind one were found missing since the last call, and the last offset that is known of."""
        found = [(last, count) for last, count in self._batches.holes if last > after]
        self._batches.holes.clear()
        return sum(count for _, count in found), max((last for last, _ in found), default=after)

    def _bad(self, batches: _Batches, position: int, error: Exception) -> BadBatchError:
        tp = self._topic_partition
        first = max(batches.first, position)
        end = self._assignment.state_value(tp).highwater
        last = max(first, batches.last if not end else min(batches.last, end - 1))
        reason = str(error) or type(error).__name__
        return BadBatchError(tp.topic, tp.partition, first, last, batches.size, reason)


class _BoundedFetcher(Fetcher):  # type: ignore[misc] # as above
    """aiokafka's fetcher, which hands on a part at a time."""

    longest_value: int | None = None
    """Bytes of a value that are kept; all where None."""

    on_missing: Callable[[TopicPartition, int], None] | None = None
    """Hears how many records are missing in a partition's log, each once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._polls = 0
        self._served: Counter[TopicPartition] = Counter()
        self._missing_until: dict[TopicPartition, int] = {}

    async def fetched_records(
        self,
        partitions: Any,
        timeout: float = 0,  # noqa: ASYNC109 the signature is aiokafka's
        max_records: int | None = None,
    ) -> dict[TopicPartition, list[Any]]:
        """Return the next records of some partitions, of all where none are named; wait for them up to so many seconds.

        Raises
        ------
        BadBatchError
            If what comes next in a partition cannot be read; its records before that were returned.
        """
        deadline = monotonic() + timeout
        while True:
            if self._subscriptions.reassignment_in_progress:
                await self._subscriptions.wait_for_assignment()
            found = self._poll(partitions, max_records)
            left = deadline - monotonic()
            if found or left <= 0:
                return found
            waiter = self._create_fetch_waiter()
            done, _ = await asyncio.wait([waiter], timeout=left)
            if not done or self._closed:
                waiter.cancel()
                return {}
            waiter.result()

    def _poll(self, partitions: Any, max_records: int | None) -> dict[TopicPartition, list[Any]]:
        ready = self._ready(partitions)
        most = POLL_BYTES if max_records is None else max_records
        share, room = max(1, most // max(1, len(ready))), max(_LEAST_SHARE, POLL_BYTES // max(1, len(ready)))
        held = sum(getattr(self._records[tp], "held", 0) for tp in ready)
        found: dict[TopicPartition, list[Any]] = {}
        size = 0
        self._polls += 1
        for tp in ready:
            if found and (most <= 0 or size >= POLL_BYTES):
                break
            result = self._records[tp]
            if found and held > _MOST_HELD and not getattr(result, "held", 0):
                continue
            problem = not isinstance(result, _Result)
            if not problem:
                held -= result.held
                records, taken = result.part(min(share, most), room, self.longest_value)
                held += result.held
                problem = result.bad is not None and not records
                self._note_missing(tp, result)
                if records:
                    found[tp] = records
                    size, most = size + taken, most - len(records)
                    self._served[tp] = self._polls
            if problem and found:
                continue  # said by the next poll
            if problem or not result.has_more():
                del self._records[tp]
                self._notify(self._wait_consume_future)
            if problem:
                if isinstance(result, _Result) and result.bad is not None:
                    raise result.bad
                result.check_raise()
        return found

    def _note_missing(self, tp: TopicPartition, result: _Result) -> None:
        count, self._missing_until[tp] = result.missing(self._missing_until.get(tp, -1))
        if count and self.on_missing is not None:
            self.on_missing(tp, count)

    def _ready(self, partitions: Any) -> list[TopicPartition]:
        """Return the partitions that have something: first those with a batch in hand, then those that were served longest ago."""
        for tp in [tp for tp in self._records if not self._subscriptions.is_assigned(tp)]:
            del self._records[tp]
        ready = [tp for tp in self._records if not partitions or tp in partitions]
        return sorted(ready, key=lambda tp: (not getattr(self._records[tp], "held", 0), self._served[tp]))
