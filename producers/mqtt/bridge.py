"""Messages from MQTT to Kafka, each at least once.

A message is acknowledged to its broker after Kafka's acknowledgement, in the order of arrival. What was not acknowledged, because
this program was killed or a connection was lost, the broker sends again, and Kafka may then have it twice.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from producers.connection import ensure_topics
from producers.mqtt.records import Arrived, key_of, record_bytes, topic_headers
from producers.mqtt.session import Session
from producers.progress import Progress, Silent, shown
from stream_app.errors import BrokerError
from stream_app.kafka import most_message_bytes, start_producer
from stream_app.settings import KafkaSettings, MqttSettings

__all__ = ["Bridge", "BridgeSummary", "bridge"]

MAX_RECORD_BYTES = 900_000
"""Of a record with its key and headers, where its topic takes so much: Kafka's default is a mebibyte."""

_BATCH_BYTES, _GZIP_BYTES = 262_144, 32

_PATIENCE_SECONDS = 30.0
_LAST_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """What is sent on, and where to.

    Parameters
    ----------
    mqtt : MqttSettings
    filters : sequence of str
        Topics in MQTT, with wildcards.
    kafka : KafkaSettings
    topic : str
        In Kafka; created when missing.
    partitions : int or None
        Of the topic; None is whatever it has, 4 for a new one.
    key_level : int or None
        Level of the topic in MQTT, counted from 1, that is the record's key; the whole topic where it is None.
    limit : int or None
        End after so many messages.
    """

    mqtt: MqttSettings
    filters: Sequence[str]
    kafka: KafkaSettings
    topic: str
    partitions: int | None = None
    key_level: int | None = None
    limit: int | None = None

    @property
    def client_id(self) -> str:
        """Name of the session: the same at each start, so that the broker knows it again."""
        return self.mqtt.client_id or f"streamgauge-{self.topic}"


@dataclass(slots=True)
class BridgeSummary:
    """What a run did.

    Parameters
    ----------
    topic : str
        In Kafka.
    partitions : int
    client_id : str
    messages : int
        That Kafka acknowledged in this run.
    bytes : int
        Of their payloads.
    repeated : int
        Of them, those that the broker had sent before; Kafka may have them twice.
    reconnects : int
    left_out : dict of reason to int
        Messages that were not sent on.
    seconds : float
    interrupted : bool
    """

    topic: str
    partitions: int
    client_id: str
    messages: int = 0
    bytes: int = 0
    repeated: int = 0
    reconnects: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    def leave_out(self, reason: str) -> None:
        """Count a message that is not sent on."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


async def bridge(
    plan: Bridge, *, progress: Progress | None = None, stop: asyncio.Event | None = None
) -> BridgeSummary:
    """Send messages on until `stop` is set or the limit is reached.

    Raises
    ------
    BrokerError
        When Kafka cannot be reached at the start, or refuses.
    SourceError
        When the MQTT broker cannot be reached at the start, or refuses.
    """
    progress, stop = progress or Silent(), stop or asyncio.Event()
    found = await ensure_topics(plan.kafka, {plan.topic: plan.partitions}, progress.note)
    summary = BridgeSummary(plan.topic, found[plan.topic], plan.client_id)
    begun = monotonic()
    session = Session(plan.mqtt, plan.client_id, plan.filters, note=progress.note)
    room = await _room(plan, progress)
    producer = await start_producer(plan.kafka, min(room, _BATCH_BYTES))
    try:
        await session.start()
        progress.begin(plan.limit, 0)
        sender = _Sender(plan, session, producer, summary, progress, room)
        async with shown(progress, lambda: summary.messages):
            await sender.run(stop)
    finally:
        await session.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), _LAST_SECONDS)
        summary.reconnects = session.reconnects
    summary.seconds = round(monotonic() - begun, 3)
    summary.interrupted = stop.is_set()
    return summary


async def _room(plan: Bridge, progress: Progress) -> int:
    """Return the most bytes of a record; the topic may take less than we do."""
    limit = await most_message_bytes(plan.kafka, plan.topic)
    if limit is None or limit >= MAX_RECORD_BYTES:
        return MAX_RECORD_BYTES
    progress.note(
        f"the topic {plan.topic} takes {limit:,} bytes (max.message.bytes): larger messages are left out"
    )
    # What does not become smaller by compression becomes a little larger.
    return max(1, limit - limit // 1000 - _GZIP_BYTES)


class _Sender:
    """The way of messages from the session to Kafka, and of acknowledgements back."""

    def __init__(
        self,
        plan: Bridge,
        session: Session,
        producer: AIOKafkaProducer,
        summary: BridgeSummary,
        progress: Progress,
        room: int,
    ) -> None:
        self._room = room
        self._plan, self._session, self._producer = plan, session, producer
        self._summary, self._progress = summary, progress
        self._sent: asyncio.Queue[tuple[Arrived, asyncio.Future[Any] | None] | None] = asyncio.Queue()

    async def run(self, stop: asyncio.Event) -> None:
        sending = asyncio.create_task(self._send_all())
        acknowledging = asyncio.create_task(self._acknowledge())
        stopping = asyncio.create_task(stop.wait())
        try:
            watched: set[asyncio.Future[Any]] = {acknowledging, stopping, self._session.failed}
            await asyncio.wait({sending, *watched}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and sending.exception() is None:
                # The limit is reached; Kafka may take long to acknowledge what was sent.
                await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                # What is on its way arrives; the rest stays with the broker.
                sending.cancel()
                self._sent.put_nowait(None)
                await asyncio.wait({acknowledging}, timeout=_LAST_SECONDS)
            for ended in (sending, acknowledging, self._session.failed):
                if ended.done() and not ended.cancelled():
                    ended.result()
        finally:
            for task in (sending, acknowledging, stopping):
                task.cancel()
            await asyncio.gather(sending, acknowledging, stopping, return_exceptions=True)

    async def _send_all(self) -> None:
        count = 0
        while self._plan.limit is None or count < self._plan.limit:
            message = await self._session.arrivals.get()
            reason = self._unwanted(message)
            if reason is not None:
                if reason not in self._summary.left_out:
                    self._progress.note(f"a message of {message.topic[:200]!r} is left out: {reason}")
                self._summary.leave_out(reason)
                self._sent.put_nowait((message, None))
                continue
            self._sent.put_nowait((message, await self._send(message)))
            count += 1
        self._sent.put_nowait(None)

    def _unwanted(self, message: Arrived) -> str | None:
        if message.retained:
            return "retained: a last value, and no event of now"
        if not self._session.wants(message.topic):
            return "of a topic that an earlier run had subscribed to"
        if record_bytes(message, self._plan.key_level) > self._room:
            return f"larger than {self._room} bytes"
        return None

    async def _send(self, message: Arrived) -> asyncio.Future[Any]:
        key = key_of(message.topic, self._plan.key_level)
        while True:
            try:
                sent: asyncio.Future[Any] = await self._producer.send(
                    self._plan.topic, message.payload, key=key, headers=topic_headers(message.topic)
                )
            except KafkaTimeoutError:
                self._progress.note("Kafka does not take messages now; trying again")
            except KafkaError as error:
                raise self._refused(error) from error
            else:
                return sent

    async def _acknowledge(self) -> None:
        """Wait for Kafka's acknowledgements one after the other: MQTT wants its own in the order of arrival."""
        while (sent := await self._sent.get()) is not None:
            message, record = sent
            if record is not None:
                await self._wait_for(record)
                self._summary.messages += 1
                self._summary.bytes += len(message.payload)
                self._summary.repeated += message.repeated
            self._session.done(message)

    async def _wait_for(self, record: asyncio.Future[Any]) -> None:
        while not record.done():
            await asyncio.wait({record}, timeout=_PATIENCE_SECONDS)
            if not record.done():
                # The producer tries for ever, and the broker keeps what we do not read.
                self._progress.note(
                    f"Kafka at {self._plan.kafka.bootstrap} has acknowledged nothing for {_PATIENCE_SECONDS:.0f} s; waiting"
                )
        try:
            record.result()
        except KafkaError as error:
            raise self._refused(error) from error

    def _refused(self, error: KafkaError) -> BrokerError:
        return BrokerError(
            f"{self._plan.kafka.bootstrap}: topic {self._plan.topic}: messages were not delivered: {error!r}; "
            "the MQTT broker sends them again to the next run"
        )
