"""Where a subscriber begins in a partition, and what it may call done."""

import logging
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, cast

from aiokafka import TopicPartition

from stream_app.errors import SettingsError

__all__ = ["Start", "begin_at", "start_of"]

_log = logging.getLogger(__name__)

Start: TypeAlias = Literal["latest", "earliest"] | float | datetime
"""Where to begin: at the end, at the beginning, or with what was told since a time (epoch seconds)."""


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
        To ask.
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
