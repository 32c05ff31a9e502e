"""Where a subscriber begins in a partition, how far it is, and what its group knows of that."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, cast

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from stream_app.errors import SettingsError

__all__ = ["ANSWER_SECONDS", "Progress", "Start", "begin_at", "start_of"]

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""For which a broker's answer is waited, where one can do without."""

_TAKEN = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
"""Errors of a commit of partitions that another member has by now."""

Start: TypeAlias = Literal["latest", "earliest"] | float | datetime
"""Where to begin: at the end, at the beginning, or with what was published since a time (epoch seconds)."""


def start_of(start: Start) -> Literal["latest", "earliest"] | float:
    """Check where to begin; a time becomes epoch seconds, UTC where it says nothing.

    Raises
    ------
    SettingsError
        If it is neither a word that is known nor a time.
    """
    if start in {"latest", "earliest"}:
        return cast(Literal["latest", "earliest"], start)
    if isinstance(start, datetime):
        return (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp()
    if isinstance(start, int | float) and not isinstance(start, bool) and 0 <= start < float("inf"):
        return float(start)
    raise SettingsError(f'start: {start!r} is neither "latest", "earliest", epoch seconds nor a datetime')


async def begin_at(
    consumer: Any, tp: TopicPartition, start: Literal["latest", "earliest"] | float, known: int | None
) -> tuple[int, int]:
    """Return the first offset of a partition, and the one to begin with.

    Parameters
    ----------
    consumer : AIOKafkaConsumer
        Started consumer that is asked for offsets.
    tp : TopicPartition
        The partition.
    start : str or float
        Where to begin if nothing is known.
    known : int or None
        Offset up to which everything is done.
    """
    first = (await consumer.beginning_offsets([tp]))[tp]
    end = (await consumer.end_offsets([tp]))[tp]
    if known is None:
        if start == "latest":
            return first, end
        if start == "earliest":
            return first, first
        found = (await consumer.offsets_for_times({tp: int(start * 1000)}))[tp]
        return first, end if found is None else found.offset
    if known < first:
        _log.error(
            "%s/%d: alerts from offset %d to %d were removed before they were read",
            tp.topic, tp.partition, known, first - 1,
        )  # fmt: skip
        return first, first
    if known > end:
        _log.error(
            "%s/%d ends at offset %d, before %d, which was reached: it was made anew, and is read from its beginning",
            tp.topic, tp.partition, end, known,
        )  # fmt: skip
        return first, first
    return first, known


class Progress:
    """How far a subscriber is in each of its partitions.

    Attributes
    ----------
    next : dict of TopicPartition to int
        Offset after what was handed on or left out.
    current : (TopicPartition, int) or None
        The alert whose body runs, by its offset.
    """

    def __init__(self) -> None:
        self.next: dict[TopicPartition, int] = {}
        self.current: tuple[TopicPartition, int] | None = None
        self._committed: dict[TopicPartition, int] = {}

    def finished(self) -> dict[TopicPartition, int]:
        """Return the offsets up to which everything is done."""
        offsets = dict(self.next)
        if self.current is not None and self.current[0] in offsets:
            offsets[self.current[0]] = self.current[1]
        return offsets

    def forget(self, tp: TopicPartition) -> None:
        """Forget a partition that goes to another member."""
        self.next.pop(tp, None)
        self._committed.pop(tp, None)

    async def commit(self, consumer: Any, offsets: Mapping[TopicPartition, int]) -> bool:
        """Commit what is new of some offsets; return whether the group knows them now, or does not want them from us.

        Parameters
        ----------
        consumer : AIOKafkaConsumer
            A member of the group.
        offsets : mapping of TopicPartition to int
            Up to which everything is done.
        """
        owned = consumer.assignment()
        fresh = {tp: at for tp, at in offsets.items() if tp in owned and self._committed.get(tp) != at}
        if not fresh:
            return True
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.commit(fresh)
        except _TAKEN as error:
            _log.info("the partitions are another member's by now: %s", type(error).__name__)
            return True
        except (KafkaError, TimeoutError) as error:
            _log.warning("the group's position cannot be committed now: %s", type(error).__name__)
            return False
        self._committed |= fresh
        return True
