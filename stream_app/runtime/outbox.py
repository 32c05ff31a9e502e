"""Publishes alerts and notices from the outboxes of the partitions to their topics, in order, at least once.

An alert is safe when it is in Redis; publishing follows behind. A broker that does not take alerts therefore holds up
nothing, until `limit` of them wait. What is acknowledged is removed from the outbox; after a crash between the two it is
published once more, under the same id.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer

from stream_app.backoff import backoff
from stream_app.errors import BrokerUnavailableError, FencedError, StateError, StoreUnavailableError
from stream_app.events import Alert, Topics
from stream_app.events.trigger import RetrainingTrigger
from stream_app.kafka.publishing import event_record, publish
from stream_app.runtime.metrics import Metrics
from stream_app.store import Claim, Notice, OutboxStore

__all__ = ["Claims", "Outbox"]

_log = structlog.get_logger(__name__)

_AT_ONCE = 200
_LOOK_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0
_PATIENCE_LOOKS = 5
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 5.0


class Claims(Protocol):
    """Who owns which partitions."""

    def __call__(self) -> Sequence[Claim]:
        """Return the claims of this worker."""
        ...


class Outbox:
    """Publishes what waits in the outboxes of this worker's partitions.

    Parameters
    ----------
    store : OutboxStore
        Where they are.
    producer : AIOKafkaProducer
        Idempotent, so that its retries neither repeat nor reorder.
    topics : Topics
        Names of the output topics.
    claims : callable
        The partitions of this worker.
    limit : int
        Alerts that may wait before processing does.
    metrics : Metrics
        Shows how many wait.
    """

    def __init__(
        self,
        store: OutboxStore,
        producer: AIOKafkaProducer,
        topics: Topics,
        claims: Claims,
        *,
        metrics: Metrics,
        limit: int = 10_000,
    ) -> None:
        self._store = store
        self._producer = producer
        self._topics = topics
        self._claims = claims
        self._metrics = metrics
        self._limit = limit
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self.backlog = 0
        """Alerts that wait, as far as is known."""
        self.failing_since: float | None = None
        """When publishing began to fail, on the monotonic clock; None while it succeeds."""
        self.failure = ""
        """What it failed with last."""

    def added(self, count: int) -> None:
        """Say that alerts were put into an outbox."""
        if count:
            self.backlog += count
            self._metrics.outbox.set(self.backlog)
            self._news.set()

    def check_room(self) -> None:
        """See that not too many alerts wait.

        Raises
        ------
        BrokerUnavailableError
            If they do.
        """
        if self.backlog >= self._limit:
            raise BrokerUnavailableError(
                f"{self.backlog} alerts wait for their topics, and no more may: {self.failure or 'Kafka is slow'}"
            )

    async def run(self) -> None:
        """Publish whatever comes, until cancelled; a server that is away is tried again and again.

        Raises
        ------
        BrokerError
            Kafka refuses alerts for good.
        FencedError
            Another worker owns a partition that we think is ours.
        StateError, StoreError
            The outbox cannot be read or trimmed.
        """
        waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        while True:
            self._news.clear()
            try:
                await self.drain()
            except (BrokerUnavailableError, StoreUnavailableError) as error:
                self._fails(str(error))
                await asyncio.sleep(next(waits))
                continue
            waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                # Partitions may have been claimed meanwhile.
                continue

    async def drain(self, claims: Sequence[Claim] | None = None) -> None:
        """Publish all that waits now, and return when it is acknowledged and removed.

        Parameters
        ----------
        claims : sequence of Claim, optional
            Of these partitions; of all that this worker owns where none are named. One that was given up may be
            among them, as long as nobody else has claimed it.

        Raises
        ------
        BrokerUnavailableError, StoreUnavailableError
            A server is away; what is not published stays where it is.
        BrokerError, FencedError, StateError, StoreError
            As `run`.
        """
        async with self._turn:
            for claim in self._claims() if claims is None else claims:
                await self._empty(claim)
            await self._record_deeds()
            await self._measure()
            if self.failing_since is not None:
                _log.info("alerts are published again")
            self.failing_since, self.failure = None, ""

    async def _empty(self, claim: Claim) -> None:
        while True:
            entries = await self._store.read(claim, count=_AT_ONCE)
            if not entries:
                return
            await self._send([entry.event for entry in entries])
            try:
                left = await self._store.remove(claim, entries[-1])
            except (FencedError, StateError):
                if claim in self._claims():
                    raise
                # It was given up meanwhile; its next owner publishes these once more.
                return
            if not left:
                return

    async def _record_deeds(self) -> None:
        """Append to the audit log what people did; several workers may do so at once: readers keep the first of an id."""
        while records := await self._store.deeds(count=_AT_ONCE):
            await self._send(records)
            await self._store.remove_deeds(records)

    async def _measure(self) -> None:
        self.backlog = await self._store.lengths(self._claims())
        self._metrics.outbox.set(self.backlog)

    def _fails(self, reason: str) -> None:
        if self.failing_since is None:
            self.failing_since = time.monotonic()
            _log.warning("alerts are not published, trying again", reason=reason)
        self.failure = reason

    async def _send(self, events: Sequence[Alert | Notice]) -> None:
        records = (event_record(_topic(self._topics, event), event) for event in events)
        sending = asyncio.ensure_future(publish(self._producer, records, what="alerts"))
        try:
            # An idempotent producer gives nothing up: what it was given goes out as soon as the broker is back. Patience
            # ends after several looks: of one that came due while the loop stood still, the answer may just not be read.
            looks = 0
            while not (await asyncio.wait((sending,), timeout=_PATIENCE_SECONDS / _PATIENCE_LOOKS))[0]:
                looks += 1
                if looks >= _PATIENCE_LOOKS:
                    self._fails("Kafka does not acknowledge alerts")
            sending.result()
        finally:
            sending.cancel()


def _topic(topics: Topics, told: Alert | Notice) -> str:
    """Say where an alert or a notice goes."""
    if isinstance(told, Alert):
        return topics.alerts(told.kind)
    return topics.triggers if isinstance(told, RetrainingTrigger) else topics.audit
