"""What reading live features costs, and how much memory their logs take in Redis.

100,000 entities of a view over up to 90 days are stored, each with as many events as the table says; then one client process
reads them at random. Beside it stand the plain ways to read what somebody computed beforehand, which is wrong as soon
as an event leaves its window: HGETALL of a hash of ten numbers, in one pipeline, and MGET of the same
strings without a look at what is in them. The ways take turns, and medians count: other programs slow all of them.

usage: python benchmarks/features/reading.py [--entities 100000] [--seconds 3]
"""

import argparse
import asyncio
import random
import statistics
import time
from itertools import cycle, islice

import numpy as np
import redis
from harness import harness
from log import NOW, TEN, TWENTY, events

from stream_app.client import FeatureClient
from stream_app.core.features import EntityLog, FeatureView, Layout
from stream_app.monitors.sessions import LogChange
from stream_app.store import FeatureLogWriter, ViewRegistry, connect

AT = NOW + 1.0
"""The instant that is asked for, after all events: those of the logs end in 2023."""
LOGS = 200
"""Different logs; entities beyond have one that another has, too."""


def logs_of(layout, count):
    """Make logs with so many events each, and the time of the newest."""
    made = []
    for seed in range(LOGS):
        log = EntityLog(layout)
        for offset, ts, ident, cells in events(count, layout, seed):
            log.add(0, offset, ts, ident, cells)
        log.settle()
        made.append((log.encode(), log.ts[-1] / 1e6))
    return made


async def fill(store, view, entities, count):
    """Store the logs as a worker does; return the bytes that Redis needs more for them."""
    made = logs_of(Layout(view), count)
    writer = FeatureLogWriter(store, [view])
    await ViewRegistry(store).register(view, now=time.time())
    before = (await store.client.info("memory"))["used_memory"]
    changes = (
        LogChange(f"customer-{i}", view.key, log, None, (0, count - 1), newest)
        for i, (log, newest) in zip(range(entities), cycle(made), strict=False)
    )
    while some := list(islice(changes, 2000)):
        await writer.write(some, written_ts=time.time())
    return (await store.client.info("memory"))["used_memory"] - before


def latencies(read, entities, count):
    """Seconds of single reads, in order."""
    draw = random.Random(2)
    read("customer-0")
    found = []
    for _ in range(count):
        entity = f"customer-{draw.randrange(entities)}"
        begin = time.perf_counter()
        read(entity)
        found.append(time.perf_counter() - begin)
    return sorted(found)


class Plain:
    """The plain ways: a hash of ten numbers an entity, and the strings as they are."""

    def __init__(self, settings, keys, view):
        # As fast as the library is: no retries, no checks.
        self._client = redis.Redis.from_url(settings.redis.url.get_secret_value())
        self._prefix = f"{settings.redis.key_prefix}:plain:"
        self._begin = keys.features(view.name, view.version, "")

    def fill(self, entities):
        """Store hashes of ten numbers."""
        for first in range(0, entities, 1000):
            with self._client.pipeline(transaction=False) as pipe:
                for i in range(first, min(first + 1000, entities)):
                    numbers = {f"feature_{j}": repr(1.1 * i + j) for j in range(10)}
                    pipe.hset(f"{self._prefix}customer-{i}", mapping=numbers)
                pipe.execute()

    def hgetall(self, entities):
        """Read hashes, and make numbers of them."""
        with self._client.pipeline(transaction=False) as pipe:
            for entity in entities:
                pipe.hgetall(self._prefix + entity)
            return [{name: float(value) for name, value in found.items()} for found in pipe.execute()]

    def mget(self, entities):
        """Read the strings that logs are stored in."""
        return self._client.mget([self._begin + entity for entity in entities])


def interleaved(ways, entities, size, seconds):
    """µs an entity of several ways to read, which take turns with the same entities: medians of time and of CPU time.

    Returns also the median ratio of each to the last, turn by turn.
    """
    draw = random.Random(1)
    took = []
    for way in ways:
        way(["customer-0"] * size)
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds * len(ways) or len(took) < 5:
        some = [f"customer-{draw.randrange(entities)}" for _ in range(size)]
        turn = []
        for way in ways:
            clock, processor = time.perf_counter(), time.process_time()
            way(some)
            turn.append((time.perf_counter() - clock, time.process_time() - processor))
        took.append(turn)
    turns = np.array(took)
    medians = np.median(turns, axis=0) / size * 1e6
    return medians, np.median(turns[:, :, 0] / turns[:, -1:, 0], axis=0)


def read_batches(settings, store, view, count, given):
    """Print lines on reading batches of entities, beside the plain ways."""
    plain = Plain(settings, store.keys, view)
    plain.fill(given.entities)
    asked = [f"{view.name}:*"]
    with FeatureClient(settings.redis) as client:
        for at, size in ((AT, 1), (AT, 100), (AT, 10_000), (NOW - 3600, 10_000)):

            def ours(some, at=at):
                return client.get_online_features(asked, some, at=at).to_numpy()

            medians, ratios = interleaved(
                (ours, plain.hgetall, plain.mget), given.entities, size, given.seconds
            )
            (mine, cost), (hashes, hash_cost), (strings, string_cost) = medians
            when = "live" if at == AT else "an hour back"
            print(
                f"| {len(view.features)} | {count} | {size:,} | {when} | {mine:.2f} | {cost:.2f} | {hashes:.2f} "
                f"| {hash_cost:.2f} | {strings:.2f} | {string_cost:.2f} | {ratios[0]:.2f} |",
                flush=True,
            )


def read_one(settings, view, count, given):
    """Print a line on reading one entity."""
    with FeatureClient(settings.redis) as client:
        asked = [f"{view.name}:*"]
        took = latencies(
            lambda one: client.get_online_features(asked, [one], at=AT), given.entities, given.reads
        )
    p50, p99 = (statistics.quantiles(took, n=100)[i] * 1e3 for i in (49, 98))
    print(f"| {len(view.features)} | {count} | {p50:.2f} | {p99:.2f} | {took[-1] * 1e3:.2f} |", flush=True)


async def section(heading, features, counts, given, show):
    print(heading)
    print("|" + "---:|" * (heading.count("|") - 1), flush=True)
    for count in counts:
        view = FeatureView("purchases", features)
        async with harness() as settings:
            store = await connect(settings.redis)
            size = await fill(store, view, given.entities, count)
            await show(settings, store, view, count, size)
            await store.close()
    print()


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each rate")
    parser.add_argument("--reads", type=int, default=10_000, help="for each latency")
    given = parser.parse_args()

    async def single(settings, _store, view, count, _size):
        # A thread, because the client is for programs without an event loop.
        await asyncio.to_thread(read_one, settings, view, count, given)

    async def batches(settings, store, view, count, _size):
        await asyncio.to_thread(read_batches, settings, store, view, count, given)

    async def memory(_settings, _store, view, count, size):
        each = size / given.entities
        print(f"| {len(view.features)} | {count} | {each:,.0f} | {each / 10:,.0f} |", flush=True)

    await section(
        "| features | events in the log | p50 ms | p99 ms | longest ms |", TWENTY, (10, 100), given, single
    )
    await section(
        "| features | events in the log | entities at once | when | µs an entity | CPU | by HGETALL | CPU | by MGET | CPU "
        "| ratio to MGET |",
        TEN, (10, 100), given, batches,
    )  # fmt: skip
    await section(
        "| features | events in the log | bytes an entity in Redis | MB for 100,000 |",
        TEN, (1, 3, 10, 30, 100), given, memory,
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
