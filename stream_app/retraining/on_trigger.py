"""Acting upon retraining triggers: one at a time, several at once as one, and never lost."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from stream_app.backoff import backoff
from stream_app.errors import (
    BrokerUnavailableError,
    FencedError,
    ModelRegistryUnavailableError,
    RegistryUnavailableError,
    StoreError,
    StoreUnavailableError,
    StreamgaugeError,
)
from stream_app.events import RetrainingTrigger
from stream_app.kafka.clients import reach
from stream_app.kafka.options import consumer_options
from stream_app.kafka.topics import ensure_topics
from stream_app.settings import KafkaSettings
from stream_app.store import Lease

__all__ = ["Triggers", "act_on_triggers"]

_LOOK_MS = 200
_PATIENT = 10
"""Triggers that never pause are acted upon after so many times the debounce."""

_LOOKS = 4
"""How often a lease is kept before it would end."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 300.0
_AWAY = (
    BrokerUnavailableError,
    ModelRegistryUnavailableError,
    RegistryUnavailableError,
    StoreUnavailableError,
)

Work = Callable[[RetrainingTrigger], Awaitable[None]]


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
    lease: Lease,
    *,
    lease_seconds: float,
    note: Callable[[str], None],
) -> None:
    """Do some work for each trigger, until cancelled.

    What comes while the work runs waits on the topic, and is acted upon as one afterwards. The position is committed
    after the work: a process that is killed takes the trigger up again, and so does another one that waits for its lease.

    Parameters
    ----------
    kafka : KafkaSettings
    topic : str
        The triggers.
    group : str
        Under whose name the position is committed.
    triggers : Triggers
    work : callable
        Takes the newest trigger. If a server is away it is called again, with growing pauses; any other failure is noted,
        and ends it.
    lease : Lease
        Who holds it acts; others wait.
    lease_seconds : float
        Seconds after which a process that was killed is given up.
    note : callable
        Told what goes on.

    Raises
    ------
    BrokerError, StoreError
        If a server cannot be reached, or refuses.
    """
    while not await lease.take(lease_seconds):
        note("another process acts upon these triggers; waiting for its end")
        await asyncio.sleep(lease_seconds / _LOOKS)
    task = asyncio.ensure_future(_act(kafka, topic, group, triggers, work, note))
    held = time.monotonic()
    try:
        while not (await asyncio.wait([task], timeout=lease_seconds / _LOOKS))[0]:
            try:
                kept = await lease.take(lease_seconds)
            except StoreUnavailableError:
                if time.monotonic() - held >= lease_seconds:
                    raise
                continue
            if not kept:
                raise FencedError(
                    "another process acts upon these triggers now; this one was away for too long"
                )
            held = time.monotonic()
        task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await lease.release()


async def _act(
    kafka: KafkaSettings, topic: str, group: str, triggers: Triggers, work: Work, note: Callable[[str], None]
) -> None:
    partitions = await ensure_topics(kafka, {topic: 1}, create=False)

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **consumer_options(kafka), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
        )

    consumer = await reach(kafka, make, lambda one: one.stop())
    # Without membership: the lease says who reads, and no rebalance can come between a trigger and its work.
    consumer.assign([TopicPartition(topic, partition) for partition in range(partitions[topic])])
    read: dict[TopicPartition, int] = {}
    try:
        while True:
            await _take(consumer, triggers, read, note)
            trigger = triggers.due(time.monotonic())
            if trigger is not None:
                await _work(work, trigger, triggers.count, note)
                triggers.clear()
            if read and not triggers.count:
                await _commit(consumer, read, note)
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
    try:
        await consumer.commit(read)
    except KafkaError as error:
        # They are read once more then, after the next start.
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
