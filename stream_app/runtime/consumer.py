"""aiokafka's consumer as Faust sees it: in the loop of the agents, with fair polls, bounded commits, membership without partitions.

Its fetches are throttled. Kafka holds a fetch that finds nothing for `fetch_max_wait_ms`. Some brokers that speak its protocol answer
right away, and a consumer at the end of the log would ask thousands of times a second: an empty answer that came at once is
kept for some milliseconds. And Kafka answers as soon as there is one record: of ten thousand events a second each fetch would
bring a few dozen, and fetching and delivering them costs ten times what the events do. A fetch that brought something is
therefore followed by a pause that grows with it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import Any, cast

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.protocol.fetch import FetchRequest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.types import TP
from mode import Service
from mode.utils.futures import maybe_async

from stream_app.errors import BadBatchError
from stream_app.runtime.batches import UnreadBatch

__all__ = ["PAUSE_SECONDS", "LoopConsumer", "throttle_fetches"]

_log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 10.0
"""How long Kafka may take over committed offsets; a broker that is away would be waited for without a bound."""

_FETCH_SECONDS = 0.1
"""How long Kafka may keep a fetch that finds nothing. Faust says 1.5 s; until the answer comes nothing else is fetched,
neither after a seek nor of a partition that was paused when Kafka was asked."""

_FETCH_BYTES = 16_777_216
"""How much Kafka may send at once, over all partitions; it waits as it came until it is decoded."""

_LONGEST_VALUE = 4_194_304
"""Bytes that are kept of a value: events are refused at a fraction of it, and a small batch may hold one of 64 MB."""

PAUSE_SECONDS = 0.01
"""How long an empty fetch takes at least; a new event waits so long at most."""

APART_SECONDS = 0.01
"""How long the pause after a fetch is at most; half of it is what many events wait longer on average."""

_BYTES_PER_SECOND = 1_500_000.0
"""The pause after a fetch is as long as its records would take at this rate. Streams that bring more get the longest pause,
those that bring a fifth of it hardly any."""


class LoopConsumer(AIOKafkaConsumerThread):
    """Faust's access to aiokafka's consumer, in the event loop of the agents instead of a thread of its own.

    Two threads share one interpreter: each fetch would cross from one to the other and back, and its answer would wait for up
    to 5 ms until the other thread gives the interpreter up. Heartbeats need a turn of the loop every few seconds, so
    whatever runs in it has to be cut into pieces (`stream_app.runtime.agents`).
    """

    mundane_level = "debug"  # that it starts and stops is no news
    wait_for_shutdown = False  # a thread's, to say that it has ended

    def __init__(
        self,
        consumer: Any,
        *,
        loop: asyncio.AbstractEventLoop,
        on_bad_batch: Callable[[BadBatchError], UnreadBatch],
        on_missing: Callable[[TopicPartition, int], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, **kwargs)
        self._on_bad_batch = on_bad_batch
        self._on_missing = on_missing

    # What a thread does in ways of its own is done as by any other service.
    maybe_start = Service.maybe_start
    start = Service.start
    stop = Service.stop
    crash = Service.crash  # type: ignore[assignment] # the parameter has another name
    _stopped_set = Service._stopped_set  # noqa: SLF001 as are those that follow
    _stop_children = Service._stop_children  # noqa: SLF001
    _stop_futures = Service._stop_futures  # noqa: SLF001
    _stop_exit_stacks = Service._stop_exit_stacks  # noqa: SLF001

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call something of the consumer's, which may or may not be a coroutine function."""
        return await maybe_async(fun(*args, **kwargs))

    async def on_start(self) -> None:
        """Connect."""
        await super().on_start()
        consumer = self._ensure_consumer()
        throttle_fetches(consumer._client)  # noqa: SLF001 there is no other way to it
        consumer._fetcher.longest_value = _LONGEST_VALUE  # noqa: SLF001 as above
        consumer._fetcher.on_missing = self._on_missing  # noqa: SLF001 as above

    async def on_stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no settings for these; they are read when the consumer starts.
        consumer._fetch_max_bytes = _FETCH_BYTES  # noqa: SLF001 as above
        consumer._fetch_max_wait_ms = int(_FETCH_SECONDS * 1000)  # noqa: SLF001 as above
        consumer._isolation_level = transport.isolation_level  # noqa: SLF001 as above
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 the signature is Faust's
        max_records: int | None = None,
    ) -> Any:
        try:
            return await super()._fetch_records(
                consumer, active_partitions, timeout=timeout, max_records=max_records
            )
        except BadBatchError as error:
            unread = self._on_bad_batch(error)
            tp = TopicPartition(error.topic, error.partition)
            consumer.seek(tp, error.last + 1)
            return {tp: [unread]}

    async def seek_some_to_committed(self, partitions: Collection[TP]) -> Mapping[TP, int]:
        """Seek some partitions to Kafka's committed offsets.

        Raises
        ------
        TimeoutError
            If Kafka does not tell them in time.
        """
        if not partitions:
            return {}
        found: Mapping[TP, int] = await self.call_thread(self._seek_to_committed, tuple(partitions))
        return found

    async def _seek_to_committed(self, partitions: tuple[TP, ...]) -> Any:
        consumer = self._ensure_consumer()
        wanted = [ensure_aiokafka_TP(tp) for tp in partitions]
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await consumer.seek_to_committed(*wanted)

    async def is_member(self) -> bool:
        """Ask whether the group counts this consumer among its members now; a paused one may have been dropped."""
        return bool(await self.call_thread(self._heartbeat))

    async def _heartbeat(self) -> bool:
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 heartbeats by themselves are seconds apart
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return bool(await coordinator._do_heartbeat())  # noqa: SLF001 as above
        except (KafkaError, TimeoutError):
            return False

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust stops the app over a commit that fails, and waits without a bound for a broker that is away.
        consumer = self._ensure_consumer()
        assigned = self.assignment()
        mine = {ensure_aiokafka_TP(tp): offset for tp, offset in offsets.items() if tp in assigned}
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await consumer.commit(mine)
        except (CommitFailedError, IllegalStateError) as error:
            _log.info("not committed, the group is rebalancing", reason=str(error))
        except TimeoutError:
            _log.warning("not committed, Kafka does not answer", seconds=_ANSWER_SECONDS)
        except KafkaError as error:
            _log.warning("not committed", reason=repr(error))
        else:
            return True
        return False

    def next_fetch(self, partition: TP) -> int | None:
        """Offset of a partition that would be fetched next; None where there is none."""
        tp = ensure_aiokafka_TP(partition)
        consumer = self._consumer
        subscription = None if consumer is None else consumer._subscription.subscription  # noqa: SLF001 `position` may wait
        assignment = None if subscription is None else subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return None
        state = assignment.state_value(tp)
        return int(state.position) if state.has_valid_position else None

    @property
    def connected(self) -> bool:
        """Whether there is a client to ask."""
        return self._consumer is not None

    def look_for(self, topics: Collection[str]) -> Collection[str]:
        """Look for topics again, and return those that were not known; the group is joined anew when they are found."""
        client = self._ensure_consumer()._client  # noqa: SLF001 as above
        unknown = [topic for topic in topics if not client.cluster.partitions_for_topic(topic)]
        if unknown:
            client.force_metadata_update()
        return unknown

    def group_error(self) -> BaseException | None:
        """Why aiokafka has given up joining the group; None while it has not. It says so only to who fetches."""
        consumer = self._consumer
        coordinator = None if consumer is None else consumer._coordinator  # noqa: SLF001 as above
        if coordinator is None:
            return None
        task = coordinator._coordination_task  # noqa: SLF001 as above
        if task.done() and not task.cancelled() and task.exception() is not None:
            return cast(BaseException, task.exception())
        return cast(BaseException | None, coordinator._pending_exception)  # noqa: SLF001 as above

    def highwater(self, tp: TP) -> int:
        """Return where a partition's log ends for this consumer: before open transactions, where it reads committed ones."""
        consumer, partition = self._ensure_consumer(), ensure_aiokafka_TP(tp)
        if consumer._isolation_level == "read_committed":  # noqa: SLF001 as above
            stable = consumer.last_stable_offset(partition)
            return -1 if stable is None else int(stable)
        return int(consumer.highwater(partition) or 0)

    def stay(self) -> None:
        """Count as alive in the group, as a fetch would make it.

        aiokafka takes a member for dead that has not fetched for `max_poll_interval`; one without partitions never
        fetches, and then could not even join again (aio-libs/aiokafka#1187).
        """
        if self._consumer is not None:
            self._consumer._subscription._last_fetch_ended = monotonic()  # noqa: SLF001 there is no other way to it


def throttle_fetches(client: Any) -> None:
    """Make a client hold empty answers to fetches for a moment, and pause after others.

    Parameters
    ----------
    client : aiokafka.client.AIOKafkaClient
        Changed in place.
    """
    send = client.send
    earliest: dict[int, float] = {}

    async def throttled(node_id: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await send(node_id, request, **options)
        pause = earliest.get(node_id, 0.0) - monotonic()
        if pause > 0.0:
            await asyncio.sleep(pause)
        begin = monotonic()
        response = await send(node_id, request, **options)
        if _is_empty(response):
            await asyncio.sleep(max(0.0, PAUSE_SECONDS - (monotonic() - begin)))
        else:
            earliest[node_id] = monotonic() + min(_size(response) / _BYTES_PER_SECOND, APART_SECONDS)
        return response

    client.send = throttled


def _is_empty(response: Any) -> bool:
    # Of each partition: number, error, high watermark, further fields by version, and last the records.
    return all(
        error == 0 and not records
        for _, partitions in response.topics
        for _, error, _, *_, records in partitions
    )


def _size(response: Any) -> int:
    return sum(len(records or b"") for _, partitions in response.topics for *_, records in partitions)
