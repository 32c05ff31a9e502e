"""Acting upon retraining triggers: one at a time, several at once as one, and never lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from stream_app.backoff import backoff
from stream_app.errors import (
    BrokerUnavailableError,
    ModelRegistryUnavailableError,
    StoreUnavailableError,
    StreamgaugeError,
)
from stream_app.events import RetrainingTrigger
from stream_app.kafka.clients import reach
from stream_app.kafka.options import consumer_options
from stream_app.settings import KafkaSettings

__all__ = ["Triggers", "act_on_triggers"]

_LOOK_MS = 200
_PATIENT = 10
"""Triggers that never pause are acted upon after so many times the debounce."""

_LONGEST_WORK_MS = 604_800_000
"""A week: a trial takes as long as it takes. A consumer that dies is found by its heartbeat."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 300.0
_AWAY = (BrokerUnavailableError, ModelRegistryUnavailableError, StoreUnavailableError)

Work = Callable[[RetrainingTrigger], Awaitable[None]]


class _Holding(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
    """Keeps partitions until the work that they asked for is done: else another process would begin it once more.

    Triggers that wait are forgotten then: whoever has the partition next reads them again.
    """

    def __init__(self, working: asyncio.Lock, forget: Callable[[], None]) -> None:
        self._working = working
        self._forget = forget

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002 aiokafka's interface
        async with self._working:
            self._forget()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        pass


class Triggers:
    """Triggers of one model that nobody has acted upon yet.

    Parameters
    ----------
    stream, source : str
        The model; triggers of others are passed over.
    debounce : float
        Seconds without a trigger after which those that came are due.

    Examples
    --------
    >>> triggers = Triggers("models", "digits", debounce=60.0)
    >>> triggers.due(now=0.0) is None
    True
    """

    def __init__(self, stream: str, source: str, debounce: float) -> None:
        self._model = stream, source
        self._debounce = debounce
        self._found: list[RetrainingTrigger] = []
        self._first = self._last = 0.0

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._found)

    def add(self, trigger: RetrainingTrigger, now: float) -> None:
        """Take one, at a time of a steady clock."""
        if (trigger.stream, trigger.source) == self._model:
            self._first = now if not self._found else self._first
            self._last = now
            self._found.append(trigger)

    def due(self, now: float) -> RetrainingTrigger | None:
        """Return the newest one, for all, once no other has come for a while."""
        quiet = now - self._last >= self._debounce or now - self._first >= _PATIENT * self._debounce
        return self._found[-1] if self._found and quiet else None

    def clear(self) -> None:
        """Forget those that were acted upon."""
        self._found.clear()


async def act_on_triggers(
    kafka: KafkaSettings,
    topic: str,
    group: str,
    triggers: Triggers,
    work: Work,
    *,
    session_timeout: float,
    note: Callable[[str], None],
) -> None:
    """Do some work for each trigger, until cancelled.

    What comes while the work runs waits on the topic, and is acted upon as one afterwards. The position is committed
    after the work: a process that is killed takes the trigger up again. Processes of one group share the partitions,
    and all triggers of a model are on one of them, so that one process at a time works for it.

    Parameters
    ----------
    kafka : KafkaSettings
    topic, group : str
    triggers : Triggers
    work : callable
        Takes the newest trigger. If a server is away it is called again, with growing pauses; any other failure is noted,
        and ends it.
    session_timeout : float
        Seconds after which a process that was killed is given up.
    note : callable
        Told what goes on.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or refuses.
    """
    working = asyncio.Lock()

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **consumer_options(kafka),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=round(1000 * session_timeout),
            heartbeat_interval_ms=round(1000 * session_timeout / 4),
            max_poll_interval_ms=_LONGEST_WORK_MS,
            rebalance_timeout_ms=_LONGEST_WORK_MS,
        )

    read: dict[TopicPartition, int] = {}

    def forget() -> None:
        triggers.clear()
        read.clear()

    consumer = await reach(kafka, make, lambda one: one.stop())
    consumer.subscribe([topic], listener=_Holding(working, forget))
    try:
        while True:
            async with working:
                await _take(consumer, triggers, read, note)
                trigger = triggers.due(time.monotonic())
                if trigger is not None:
                    await _work(work, trigger, triggers.count, note)
                    triggers.clear()
                if read and not triggers.count:
                    await _commit(consumer, read, note)
            await asyncio.sleep(0)
    except KafkaError as error:
        raise BrokerUnavailableError(
            f"Kafka at {kafka.bootstrap}: {topic} cannot be read: {error}"
        ) from error
    finally:
        await consumer.stop()


async def _take(
    consumer: Any, triggers: Triggers, read: dict[TopicPartition, int], note: Callable[[str], None]
) -> None:
    found = await consumer.getmany(timeout_ms=_LOOK_MS)
    for tp, records in found.items():
        for record in records:
            read[tp] = record.offset + 1
            try:
                event = msgspec.json.decode(record.value or b"", type=dict[str, Any])
                triggers.add(RetrainingTrigger.from_cloudevent(event), time.monotonic())
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValidationError):
                note(f"{tp.topic}/{tp.partition}, offset {record.offset}: no retraining trigger; passed over")


async def _commit(consumer: Any, read: dict[TopicPartition, int], note: Callable[[str], None]) -> None:
    mine = {tp: offset for tp, offset in read.items() if tp in consumer.assignment()}
    try:
        if mine:
            await consumer.commit(mine)
    except KafkaError as error:
        # They are read once more then, after the next start or by another process.
        note(f"the position could not be committed: {error!r}")
    read.clear()


async def _work(work: Work, trigger: RetrainingTrigger, count: int, note: Callable[[str], None]) -> None:
    more = f", with {count - 1} more" if count > 1 else ""
    note(f"trigger {trigger.id}{more}: {trigger.summary}")
    for wait in backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS):
        try:
            await work(trigger)
        except _AWAY as error:
            note(f"{error}; trying again in {wait:.0f} s")
            await asyncio.sleep(wait)
        except StreamgaugeError as error:
            note(f"retraining failed: {error}")
            return
        else:
            return
