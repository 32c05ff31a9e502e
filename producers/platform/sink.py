"""Records of a platform into Kafka as they come: what is sent is done only when Kafka has it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from producers.connection import ensure_topics
from producers.platform.records import Record, Scrape
from producers.progress import Progress, Silent, shown
from stream_app.errors import BrokerError
from stream_app.kafka import start_producer
from stream_app.settings import KafkaSettings

__all__ = ["Feed", "Sending", "SendingSummary", "Sink", "send_on"]

_PATIENCE_SECONDS = 30.0
_LAST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Sending:
    """Where records go.

    Parameters
    ----------
    platform : str
        Source of all records, and their key.
    kafka : KafkaSettings
    topic : str
        Created when missing.
    partitions : int or None
        Of the topic; None is whatever it has, 4 for a new one.
    limit : int or None
        End after so many records, about.
    """

    platform: str
    kafka: KafkaSettings
    topic: str
    partitions: int | None = None
    limit: int | None = None


@dataclass(slots=True)
class SendingSummary:
    """What a run did.

    Parameters
    ----------
    topic : str
    partitions : int
    platform : str
    records : int
        That Kafka acknowledged.
    samples : int
        In them: of metrics, or queries.
    bytes : int
    failures : int
        Times that a source could not be read.
    left_out : dict of reason to int
        What came and was not sent on.
    seconds : float
    interrupted : bool
    """

    topic: str
    partitions: int
    platform: str
    records: int = 0
    samples: int = 0
    bytes: int = 0
    failures: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False


class Sink:
    """What a source of live records sends to.

    Parameters
    ----------
    plan : Sending
    producer : AIOKafkaProducer
    summary : SendingSummary
        Counted in.
    note : callable
        Told what a user should know, the first time.

    Attributes
    ----------
    full : asyncio.Event
        Set when the limit is reached.
    """

    def __init__(
        self,
        plan: Sending,
        producer: AIOKafkaProducer,
        summary: SendingSummary,
        note: Callable[[str], None],
    ) -> None:
        self.full = asyncio.Event()
        self.note = note
        self._plan, self._producer, self._summary = plan, producer, summary
        self._last: dict[str, str] = {}

    async def send(self, records: Sequence[Record], *, patience: float | None = None) -> None:
        """Send records, and come back when Kafka has all of them.

        Parameters
        ----------
        records : sequence of Record
        patience : float, optional
            Seconds after which it is given up; by default it is told and waited on.

        Raises
        ------
        BrokerError
            If Kafka refuses.
        TimeoutError
            If patience is at its end; Kafka may get the records even so.
        """
        raws = [record.encode(self._plan.platform, 0.0) for record in records]
        async with asyncio.timeout(patience):
            waiting = [await self._put(raw) for raw in raws]
            for one in waiting:
                await self._arrived(one)
        self._summary.records += len(records)
        self._summary.samples += sum(
            len(record.samples) if isinstance(record, Scrape) else 1 for record in records
        )
        self._summary.bytes += sum(map(len, raws))
        if self._plan.limit is not None and self._summary.records >= self._plan.limit:
            self.full.set()

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what is not sent on, and tell the reason once."""
        if reason not in self._summary.left_out:
            self.note(f"left out: {reason}")
        self._summary.left_out[reason] = self._summary.left_out.get(reason, 0) + count

    def failed(self, where: str, reason: str) -> None:
        """Count that a source could not be read, and tell it once until it can be read again."""
        self._summary.failures += 1
        if self._last.get(where) != reason:
            self._last[where] = reason
            self.note(f"{reason}; trying again")

    def recovered(self, where: str) -> None:
        """Tell that a source can be read again, if it could not."""
        if self._last.pop(where, None) is not None:
            self.note(f"{where} can be read again")

    async def _put(self, raw: bytes) -> "asyncio.Future[object]":
        key = self._plan.platform.encode()
        while True:
            try:
                return await self._producer.send(self._plan.topic, raw, key=key)  # type: ignore[no-any-return]
            except KafkaTimeoutError:
                self.note("Kafka takes no records now; trying again")
            except KafkaError as error:
                raise self._refused(error) from error

    async def _arrived(self, record: "asyncio.Future[object]") -> None:
        while not record.done():
            await asyncio.wait({record}, timeout=_PATIENCE_SECONDS)
            if not record.done():
                self.note(
                    f"Kafka at {self._plan.kafka.bootstrap} has acknowledged nothing for {_PATIENCE_SECONDS:.0f} s; waiting"
                )
        try:
            record.result()
        except KafkaError as error:
            raise self._refused(error) from error

    def _refused(self, error: KafkaError) -> BrokerError:
        return BrokerError(
            f"{self._plan.kafka.bootstrap}: topic {self._plan.topic}: records were not delivered: {error!r}"
        )


Feed: TypeAlias = Callable[[Sink, asyncio.Event], Coroutine[Any, Any, None]]
"""A source of live records: sends to the sink until the event is set."""


async def send_on(
    plan: Sending,
    feed: Feed,
    *,
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
) -> SendingSummary:
    """Run a source of live records until `stop` is set or the limit is reached.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached at the start, or refuses.
    SourceError
        If the source cannot be read at the start.
    """
    progress, stop = progress or Silent(), stop or asyncio.Event()
    found = await ensure_topics(plan.kafka, {plan.topic: plan.partitions}, progress.note)
    summary = SendingSummary(plan.topic, found[plan.topic], plan.platform)
    producer = await start_producer(plan.kafka)
    sink = Sink(plan, producer, summary, progress.note)
    ending, begun = asyncio.Event(), monotonic()
    try:
        progress.begin(plan.limit, 0)
        async with shown(progress, lambda: summary.records), _either(ending, stop, sink.full):
            await _until(ending, feed(sink, ending), progress.note)
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), _LAST_SECONDS)
    summary.seconds = round(monotonic() - begun, 3)
    summary.interrupted = stop.is_set()
    return summary


async def _until(
    ending: asyncio.Event, feeding: Coroutine[Any, Any, None], note: Callable[[str], None]
) -> None:
    """Run a feed to its end; once the event is set it has a few seconds for what is on its way."""
    task, waiting = asyncio.create_task(feeding), asyncio.create_task(ending.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=_LAST_SECONDS)
        if task.done():
            task.result()
        else:
            note("given up: what Kafka has not acknowledged; --resume goes on from there where a source can")
    finally:
        for one in (task, waiting):
            one.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


@asynccontextmanager
async def _either(ending: asyncio.Event, *events: asyncio.Event) -> AsyncIterator[None]:
    """Set an event when one of some is set, while the body runs."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    for one in waiting:
        one.add_done_callback(lambda _: ending.set())
    try:
        yield
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
