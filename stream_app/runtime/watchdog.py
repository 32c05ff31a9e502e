"""Looks every few seconds whether the servers answer and whether what they have arrives.

A consumer can lose its broker, its coordinator or one partition and never say so. The watchdog asks Kafka over a
connection of its own where the logs end: a worker that has nothing in hand and gets nothing for a while although an
event waits is stuck, and ends, for its supervisor to start it anew. The time counts from the look that found the event.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol, cast

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from stream_app.errors import BrokerError, StoreUnavailableError
from stream_app.kafka.offsets import PartitionOffsets
from stream_app.runtime.agents import StreamAgent
from stream_app.runtime.delivery import BatchConsumer
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import KAFKA, REDIS, Outages

__all__ = ["ReadingProgress", "Subject", "Watchdog"]

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 4.0
_STUCK_SECONDS = 20.0
_MISSING_LOOKS = 3


class Subject(Protocol):
    """What is watched: the part of a worker that reads."""

    def progress(self) -> Sequence[tuple[TP, int | None, int]]:
        """Partitions in hand, the next offset of each and its number of sources."""
        ...

    def note_ends(self, ends: Mapping[TP, int]) -> None:
        """Take note of where the logs end; a consumer that is held up does not hear of it."""
        ...

    def idle_since(self) -> float | None:
        """Since when nothing arrived and nothing was in hand, on the monotonic clock; None while something is."""
        ...

    def unplaced_since(self) -> float | None:
        """Since when it has been neither reading nor waiting for partitions, on the monotonic clock."""
        ...

    def position(self, tp: TP) -> int | None:
        """Offset that the consumer would fetch next, where it knows."""
        ...

    def look_for(self, topics: Collection[str]) -> Collection[str]:
        """Let the consumer look again for topics that are there; return those that it did not know."""
        ...


class Watchdog:
    """Watches the servers and the consumer of one worker.

    Parameters
    ----------
    inputs, outputs : collection of str
        The topics that must be there, to be read and to be written.
    offsets : PartitionOffsets
        Asks Kafka.
    subject : Subject
        Who reads.
    verify : callable
        Asks Redis whether what is stored is still ours; raises `StoreUnavailableError` when it does not answer, and
        anything else when the worker must stop.
    note_lives : callable
        Takes the ids of topics; raises where one is not what it was.
    rebalance_timeout : float
        Seconds that a rebalance may take.
    clock : callable
        Tells seconds, monotonic.
    """

    def __init__(
        self,
        inputs: Collection[str],
        outputs: Collection[str],
        offsets: PartitionOffsets,
        subject: Subject,
        *,
        verify: Callable[[], Awaitable[Any]],
        note_lives: Callable[[Mapping[str, str]], None],
        outages: Outages,
        rebalance_timeout: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._inputs = frozenset(inputs)
        self._topics = frozenset((*inputs, *outputs))
        self._offsets = offsets
        self._subject = subject
        self._verify = verify
        self._note_lives = note_lives
        self._outages = outages
        self._patience = 2 * rebalance_timeout + _STUCK_SECONDS
        self._missing = 0
        self._unknown: frozenset[str] = frozenset()
        self._clock = clock
        self._answering_since = clock()
        self._waiting: dict[TP, tuple[int, float]] = {}
        # By partition: the next offset while an event there waits, and since when it has been seen to.
        self.stuck: str | None = None
        """Why the consumer seems stuck, before it is sure."""

    async def run(self) -> None:
        """Look again and again.

        Raises
        ------
        BrokerError
            A topic is gone, or the consumer is stuck.
        StreamgaugeError
            What `verify` raises.
        """
        try:
            while True:
                begin = monotonic()
                await self.look()
                await asyncio.sleep(max(0.5, begin + LOOK_SECONDS - monotonic()))
        finally:
            await self._offsets.close()

    async def look(self) -> None:
        """Look once."""
        await asyncio.gather(self._look_at_redis(), self._look_at_kafka())

    async def _look_at_redis(self) -> None:
        try:
            await self._verify()
        except StoreUnavailableError as error:
            self._outages.mark_down(REDIS, str(error))
        else:
            self._outages.mark_up(REDIS)

    async def _look_at_kafka(self) -> None:
        progress = {tp: offset for tp, offset, _ in self._subject.progress()}
        try:
            missing, ends, lives = await self._offsets.ends(self._topics, progress)
        except (KafkaError, OSError, TimeoutError) as error:
            self._outages.mark_down(KAFKA, str(error) or "no answer in time")
            self._answering_since = self._clock()
            return
        self._outages.mark_up(KAFKA)
        self._subject.note_ends(ends)
        self._note_lives(lives)
        # One that was away while the group was joined would be known with the next look at all topics, after 20 s.
        unknown = frozenset(self._subject.look_for(self._inputs - missing))
        # At a start, the consumer may not have the answer to its first look yet.
        if unknown & self._unknown:
            _log.warning(
                "the consumer does not know a topic that is there; it looks again", topics=sorted(unknown)
            )
        self._unknown = unknown
        if missing and not self._missing:
            _log.warning("topics are missing", topics=sorted(missing))
        # Once is not enough: brokers that are starting do not know all their topics yet.
        self._missing = self._missing + 1 if missing else 0
        if self._missing >= _MISSING_LOOKS:
            lost = missing & self._inputs
            raise BrokerError(
                f"the topic {', '.join(sorted(missing))} is gone"
                + (
                    "; what was in it and not processed is lost. Make it anew, and the worker goes on from its beginning"
                    if lost
                    else "; make it anew, or start the worker again with worker.create_topics = true. Nothing is lost"
                )
            )
        if not missing:
            self._look_at_consumer(progress, ends)

    def _look_at_consumer(self, progress: Mapping[TP, int | None], ends: Mapping[TP, int]) -> None:
        now = self._clock()
        unplaced = self._subject.unplaced_since()
        if unplaced is not None and now - max(unplaced, self._answering_since) > self._patience:
            raise BrokerError(
                f"the consumer group has not settled for {now - unplaced:.0f} s, though Kafka answers; the worker "
                "ends, to be started anew"
            )
        self.stuck = None
        self._waiting = {
            tp: (offset, self._waiting[tp][1] if self._waiting.get(tp, (-1,))[0] == offset else now)
            for tp, offset in ((tp, progress[tp] or 0) for tp in ends)
            if self._has_events(tp, offset, ends[tp])
        }
        idle = None if unplaced is not None else self._subject.idle_since()
        if idle is None:
            return
        for tp, (offset, since) in self._waiting.items():
            quiet = now - max(idle, self._answering_since, since)
            if quiet < LOOK_SECONDS:
                continue
            behind = ends[tp] - offset
            self.stuck = f"{tp.topic}/{tp.partition}: nothing arrived for {quiet:.0f} s, {behind} events wait"
            if quiet > _STUCK_SECONDS:
                raise BrokerError(
                    f"the consumer is stuck ({self.stuck}), though Kafka answers; the worker ends, to be started anew"
                )
            _log.warning("nothing arrives", partition=f"{tp.topic}/{tp.partition}", waiting=behind)

    def _has_events(self, tp: TP, offset: int, end: int) -> bool:
        """Whether an event of a partition waits: the last offsets may be a transaction's marks, which only the position passes."""
        position = self._subject.position(tp)
        return offset < end and (position is None or position < end)


class ReadingProgress:
    """The consumer and the agents of one worker, seen from outside.

    Parameters
    ----------
    app : faust.App
        Started.
    agents : list of StreamAgent
        Who takes its batches.
    metrics : Metrics
        Gets lag and sources.
    """

    def __init__(self, app: Any, agents: Sequence[StreamAgent[Any]], metrics: Metrics) -> None:
        self._app = app
        self._agents = agents
        self._metrics = metrics
        self._busy_at = self._unsettled_at = self._settled_at = monotonic()
        self._was_settled = False
        self._ends: dict[TP, int] = {}
        self.lag = 0.0
        self.sources = 0

    @property
    def _consumer(self) -> BatchConsumer:
        return cast(BatchConsumer, self._app.consumer)

    @property
    def _connected(self) -> bool:
        return self._app.consumer is not None and self._consumer.connected

    def measure(self) -> None:
        """Take note of where things are; call it a few times a second."""
        if not self._connected:
            return
        now = monotonic()
        self._consumer.stay()
        if any(agent.busy for agent in self._agents):
            self._busy_at = now
        settled = self.settled
        if settled and not self._was_settled:
            self._settled_at = now
        elif self._was_settled and not settled:
            self._unsettled_at = now
        self._was_settled = settled
        assigned = self._consumer.assignment()
        self.lag = 0.0
        self.sources = 0
        for agent in self._agents:
            progress = agent.progress()
            held = sum(sources for _, _, sources in progress)
            self._metrics.sources.labels(agent.stream).set(held)
            self.sources += held
            for tp, next_offset, _ in progress:
                end = max(
                    self._ends.get(tp, 0), (self._consumer.highwater(tp) if tp in assigned else None) or 0
                )
                if end:
                    behind = max(0, end - (next_offset or 0))
                    # What is left may be marks of transactions, which the consumer has passed.
                    if not agent.busy and (self._consumer.next_fetch(tp) or 0) >= end:
                        behind = 0
                    self._metrics.lag.labels(tp.topic, tp.partition).set(behind)
                    self.lag += behind

    @property
    def settled(self) -> bool:
        """Whether the group has settled and reading goes on from the stored positions."""
        return self._connected and not self._app.rebalancing and self._consumer.placed

    def progress(self) -> list[tuple[TP, int | None, int]]:
        """Partitions in hand, the next offset of each and its number of sources."""
        return [entry for agent in self._agents for entry in agent.progress()]

    def note_ends(self, ends: Mapping[TP, int]) -> None:
        """Take note of where the logs end; a consumer that is held up does not hear of it."""
        self._ends = dict(ends)

    def idle_since(self) -> float | None:
        """Since when nothing arrived and nothing was in hand, on the monotonic clock; None while something is."""
        if any(agent.busy for agent in self._agents):
            return None
        return max(self._busy_at, self._settled_at, self._consumer.fetched_at)

    def unplaced_since(self) -> float | None:
        """Since when it has been neither reading nor waiting for partitions, on the monotonic clock."""
        return None if self.settled else self._unsettled_at

    def position(self, tp: TP) -> int | None:
        """Offset that the consumer would fetch next, where it knows."""
        return self._consumer.next_fetch(tp)

    def look_for(self, topics: Collection[str]) -> Collection[str]:
        """Let the consumer look again for topics that are there; return those that it did not know."""
        return self._consumer.look_for(topics) if self._connected else ()

    def group_error(self) -> BaseException | None:
        """Why Kafka does not let this worker into its group, where the client has given up."""
        return None if self._app.consumer is None else self._consumer.group_error()

    def describe(self) -> str:
        """Say in words what the consumer does."""
        if self._app.rebalancing:
            return "joining the group"
        if not self._consumer.placed:
            return "asking for its positions"
        return "reading" if self._consumer.assignment() else "spare, without partitions"
