"""The thread in which aiokafka's consumer runs: fair polls, bounded commits, membership without partitions."""

import asyncio
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Any

import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.types import TP
from mode.threads import WorkerThread

from stream_app.runtime.patience import be_patient

__all__ = ["FairThread"]

_log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 10.0
"""How long Kafka may take over committed offsets. The thread does two things at a time at most, so that one which
waits for a broker that is away must not wait for ever."""

_FETCH_SECONDS = 0.1
"""How long Kafka may keep a fetch that finds nothing. Faust says 1.5 s; until the answer comes nothing else is fetched,
neither after a seek nor of a partition that was paused when Kafka was asked."""


class _ExpendableThread(WorkerThread):
    """A thread that the end of the program does not wait for: without its broker it takes minutes to end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True

    def run(self) -> None:
        try:
            super().run()
        except BaseException as error:  # noqa: BLE001 the last thing a thread does; what it leaves the watchdog sees
            _log.warning("Kafka's thread did not end well", reason=repr(error))


class FairThread(AIOKafkaConsumerThread):
    """Faust's consumer thread, with what it needs to outlive a broker that is away."""

    Worker = _ExpendableThread
    mundane_level = "debug"  # that a thread of ours starts and stops is no news

    async def on_start(self) -> None:
        """Connect."""
        await super().on_start()
        be_patient(self._ensure_consumer()._client)  # noqa: SLF001 there is no other way to it

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = int(_FETCH_SECONDS * 1000)  # noqa: SLF001 as above, before it starts
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 the signature is Faust's
        max_records: int | None = None,
    ) -> Any:
        # Each partition gets its share of a poll; aiokafka would empty one partition's fetch after the other.
        fetched = consumer._fetcher._records  # noqa: SLF001 asking for one that has nothing takes turns of the loop
        ready = [tp for tp in sorted(active_partitions or ()) if ensure_aiokafka_TP(tp) in fetched]
        if max_records is not None and len(ready) > 1:
            share = max(1, max_records // len(ready))
            records: dict[TP, Any] = {}
            for tp in ready:
                records |= await super()._fetch_records(consumer, {tp}, timeout=0, max_records=share)
            if records:
                return records
        return await super()._fetch_records(
            consumer, active_partitions, timeout=timeout, max_records=max_records
        )

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
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
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

    def stay(self) -> None:
        """Count as alive in the group, as a fetch would make it; safe to call from any thread.

        aiokafka takes a member for dead that has not fetched for `max_poll_interval`; one without partitions never
        fetches, and then could not even join again (aio-libs/aiokafka#1187).
        """
        if self._consumer is not None:
            self._consumer._subscription._last_fetch_ended = monotonic()  # noqa: SLF001 there is no other way to it
