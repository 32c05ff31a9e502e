"""Random sequences of what befalls a log, its workers and their store.

Each rule is one thing that happens; none waits until the workers have coped with it, unless it says so.
"""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

import redis
from aiokafka import AIOKafkaProducer
from conftest import eventually
from faults.clock import SetClock
from faults.harness import Harness
from faults.log import Event, Feed, scan
from faults.oracle import Comparison
from faults.poison import POISONS
from faults.supervisor import WorkerProcess
from servers.redis import RedisServer, cut_off
from servers.sentinel import WatchedRedis

__all__ = ["FAILOVER", "JUMP", "RULES", "LogHarness", "World", "draw"]

FAILOVER = "Redis fails over"
"""Needs a store with a replica."""

JUMP = "clock jumps"
"""Needs workers whose clock can be set."""

_AHEAD_SECONDS = 72_000.0
_SESSION_SECONDS = 6.0


class LogHarness(Harness):
    """A harness whose log may end with what no consumer gets: aborted events and the marks of transactions."""

    async def ends(self) -> dict[int, int]:
        """Of each partition, the offset after the last committed record."""
        ends = dict.fromkeys(range(self.partitions), 0)
        async for _, partition, records in scan(self.kafka, [self.topic]):
            if records:
                ends[partition] = records[-1].offset + 1
        return ends


@dataclass
class World:
    """What the rules act on.

    Parameters
    ----------
    harness : Harness
        Of this sequence alone.
    store : RedisServer or WatchedRedis
        The store, with a replica where it is to fail over; rules kill it.
    clock : SetClock or None
        Of the workers, where it is to jump.
    feed : Feed
        Good events.
    chance : Random
        All random choices.
    producer : AIOKafkaProducer
        A transactional one.
    """

    harness: Harness
    store: RedisServer | WatchedRedis
    clock: SetClock | None
    feed: Feed
    chance: Random
    producer: AIOKafkaProducer
    added: list[Feed] = field(default_factory=list)
    """Events of sources that came with a partition."""
    workers: list[WorkerProcess] = field(default_factory=list)
    ended: str = ""
    """What the last worker said when a rule left it nothing to do but to stop."""

    async def begin(self) -> None:
        """Start the first worker."""
        self.workers.append(await self.harness.workers.start("worker-1"))

    async def end(self) -> Comparison:
        """Wait until all is processed, and compare."""
        await self.harness.caught_up()
        for worker in self.workers:
            await worker.ready()
        return await self.harness.settled()

    def some(self, most: int = 800) -> list[Event]:
        """Take a random number of good events, of each partition that was added as many."""
        count = self.chance.randint(1, most)
        events = self.feed.take(count)
        for number, feed in enumerate(self.added):
            events += [replace(event, partition=self.feed.partitions + number) for event in feed.take(count)]
        return events

    @property
    def server(self) -> RedisServer:
        """The only one."""
        assert isinstance(self.store, RedisServer)
        return self.store

    async def send_in_transaction(self, events: list[Event], *, commit: bool) -> None:
        """Produce events in one transaction, and end it."""
        await self.producer.begin_transaction()
        for event in events:
            await self.producer.send(
                self.harness.topic,
                event.value,
                key=event.key,
                partition=event.partition,
                timestamp_ms=event.timestamp_ms,
            )
        await (self.producer.commit_transaction() if commit else self.producer.abort_transaction())


Rule = Callable[[World], Awaitable[None]]


async def _produce(world: World) -> None:
    await world.harness.send(world.some())


async def _commit(world: World) -> None:
    await world.send_in_transaction(world.some(200), commit=True)


async def _abort(world: World) -> None:
    events = [_changed(event, values={"flow": 9999.0}) for event in world.some(50)]
    await world.send_in_transaction(events, commit=False)


async def _bad_events(world: World) -> None:
    kinds = list(POISONS.values())
    events = world.some(20)
    bad = [
        Event(e.partition, e.key, world.chance.choice(kinds)(e.value or b""), e.timestamp_ms) for e in events
    ]
    await world.harness.send([event for pair in zip(events, bad, strict=True) for event in pair])


async def _clock_ahead(world: World) -> None:
    for event in world.some(world.chance.choice([1, 12])):
        reading = json.loads(event.value or b"")
        await world.harness.send([event, _changed(event, ts=reading["ts"] + _AHEAD_SECONDS)])


async def _wait(world: World) -> None:
    await world.harness.caught_up()


async def _kill_worker(world: World) -> None:
    await world.chance.choice(world.workers).kill()


async def _pause_worker(world: World) -> None:
    worker = world.chance.choice(world.workers)
    worker.send(signal.SIGSTOP)
    await world.harness.send(world.some())
    await asyncio.sleep(world.chance.choice([0.5, _SESSION_SECONDS + 2.0]))
    worker.send(signal.SIGCONT)


async def _another_worker(world: World) -> None:
    if len(world.workers) == 1:
        world.workers.append(await world.harness.workers.start("worker-2"))
    else:
        leaving = world.workers.pop(world.chance.randrange(2))
        await leaving.ready()
        await leaving.stop()


async def _kill_redis(world: World) -> None:
    await asyncio.to_thread(world.server.kill)
    await world.harness.send(world.some())
    await asyncio.sleep(world.chance.uniform(0.0, 2.0))
    await asyncio.to_thread(world.server.start)


async def _redis_forgets(world: World) -> None:
    """Lose up to what was written in the last second, as a failed machine or a failover does."""
    (file,) = (world.server.directory / "appendonlydir").glob("*.incr.aof")
    length = file.stat().st_size
    await world.harness.send(world.some())
    await asyncio.sleep(world.chance.uniform(0.2, 1.0))
    await asyncio.to_thread(world.server.kill)
    with file.open("r+b") as opened:
        opened.truncate(length)
    await asyncio.to_thread(world.server.repair)
    await asyncio.to_thread(world.server.start)


async def _fail_over(world: World) -> None:
    """Kill a primary that acknowledged what its replica does not have."""
    watched = world.store
    assert isinstance(watched, WatchedRedis)
    await eventually(watched.in_step, timeout=60.0)
    primary, replica = watched.servers
    cut_off(primary, replica)
    await world.harness.send(world.some())
    await asyncio.sleep(world.chance.uniform(0.2, 1.0))
    await asyncio.to_thread(primary.kill)
    replica.send(signal.SIGCONT)
    with redis.Redis(port=replica.port) as client:
        await eventually(lambda: client.info("replication")["role"] == "master", timeout=60.0)
    # It comes back as the replica of the other one: Sentinel sees to that.
    await asyncio.to_thread(primary.start)
    watched.servers = (replica, primary)


async def _clock_jumps(world: World) -> None:
    assert world.clock is not None
    world.clock.set(world.chance.choice([-3600, 0, 3600]))
    await world.harness.send(world.some())


async def _add_partition(world: World) -> None:
    """Add a partition with a source of its own; those that are there stay where they are."""
    if world.added:
        return
    number = world.harness.partitions
    await world.harness.add_partitions(number + 1)

    async def is_known() -> bool:
        await world.producer.client.force_metadata_update()
        return number in await world.producer.partitions_for(world.harness.topic)

    await eventually(is_known)
    world.added.append(
        Feed(sources=1, length=2000, partitions=1, seed=world.chance.randrange(1000), name="added")
    )


async def _delete_topic(world: World) -> None:
    """Nothing is left to do: the workers must say so and end."""
    worker = world.workers[0]
    await world.harness.caught_up()
    await worker.ready()
    admin = await world.harness.admin()
    await admin.delete_topics([world.harness.topic])
    await admin.close()

    def reasons() -> list[str]:
        # A worker that is started again may make the topic that it misses.
        words = ("is gone", "made anew")
        return [
            line
            for worker in world.harness.workers.workers
            for line in worker.said.splitlines()
            if world.harness.topic in line and any(word in line for word in words)
        ]

    # What happened before may end the worker first, for another reason.
    (world.ended, *_) = await eventually(reasons, timeout=60.0)


def _changed(event: Event, **changes: object) -> Event:
    value = json.dumps(json.loads(event.value or b"") | changes).encode()
    return Event(event.partition, event.key, value, event.timestamp_ms)


RULES: Mapping[str, tuple[int, Rule]] = {
    "produce": (6, _produce),
    "commit": (3, _commit),
    "abort": (3, _abort),
    "bad events": (1, _bad_events),
    "clock ahead": (2, _clock_ahead),
    "wait": (3, _wait),
    "kill worker": (3, _kill_worker),
    "pause worker": (1, _pause_worker),
    "another worker": (1, _another_worker),
    "kill Redis": (2, _kill_redis),
    "Redis forgets": (2, _redis_forgets),
    FAILOVER: (1, _fail_over),
    JUMP: (2, _clock_jumps),
    "add partition": (1, _add_partition),
    "delete topic": (1, _delete_topic),
}
"""By name, how often a rule is drawn and what it does."""


def draw(chance: Random) -> list[str]:
    """Draw the names of a sequence's steps; what deletes the topic is the last.

    A store that fails over is not killed otherwise: Sentinel might fail over then, too, or not.
    """
    names, weights = list(RULES), [weight for weight, _ in RULES.values()]
    steps = ["produce", *chance.choices(names, weights, k=chance.randint(3, 8))]
    if FAILOVER in steps:
        steps = [step for step in steps if step not in {"kill Redis", "Redis forgets"}]
    last = steps.index("delete topic") + 1 if "delete topic" in steps else len(steps)
    return steps[:last]
