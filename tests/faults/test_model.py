"""Random sequences of faults: each ends equal to the oracle, or stopped with its reason."""

import asyncio
import shutil
import time
from collections import Counter
from random import Random

import pytest
from aiokafka import AIOKafkaProducer
from faults.clock import FAKETIME, SetClock
from faults.harness import SHARED
from faults.log import Feed
from faults.model import FAILOVER, JUMP, RULES, LogHarness, World, draw
from servers.sentinel import WatchedRedis


async def test_random_sequences(request, own_redis, kafka_server, folder, row, scale, seed):
    """Random sequences of faults."""
    # Reduced: two that are over soon.
    numbers, only = scale.pick(range(2, 4), range(200)), request.config.getoption("--faults-sequence")
    if FAKETIME is None:
        pytest.skip("libfaketime is not installed; on Debian: sudo apt-get install faketime")
    server = await own_redis()
    counted: Counter[str] = Counter()
    row.events = row.processed = row.lost = row.duplicated = 0
    failed = []
    for i in numbers if only is None else [only]:
        chance = Random(f"{seed}:{i}")
        steps = draw(chance)
        name = f"model-{seed}-{i}"
        begin = time.monotonic()
        try:
            ended = await run(
                steps, chance, name, folder / name, f"127.0.0.1:{kafka_server.port}", server, row
            )
        except AssertionError as error:
            failed.append(f"--faults-seed {seed} --faults-sequence {i} ({', '.join(steps)}): {error}")
            ended = failed[-1]
        else:
            counted["stopped clearly" if ended else "equal"] += 1
            shutil.rmtree(folder / name)
        counted.update(steps)
        with (folder / "sequences.txt").open("a") as file:
            print(
                i,
                f"{time.monotonic() - begin:.1f} s",
                ", ".join(steps),
                ended or "equal",
                sep="; ",
                file=file,
            )
    row.verdict = f"{counted.pop('equal', 0)} equal, {counted.pop('stopped clearly', 0)} stopped clearly"
    row.remark(", ".join(f"{count} {step}" for step, count in counted.most_common()))
    assert not failed, "\n".join(failed)


async def run(steps, chance, name, place, kafka, server, row):
    """Run one sequence on topics and keys of its own; give what ended it before its time."""
    store, url, options = server, f"redis://127.0.0.1:{server.port}/0", {}
    if FAILOVER in steps:
        store, options = WatchedRedis(place / "redis"), {"sentinel": "gauge"}
        url = await asyncio.to_thread(store.start)
    harness = LogHarness(name, kafka, url, place, monitor=SHARED, redis_options=options, max_batch=200)
    await harness.open()
    clock = SetClock(place / "clock") if JUMP in steps else None
    if clock is not None:
        harness.workers.env |= clock.environment
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=name)
    await producer.start()
    try:
        feed = Feed(sources=4, length=2000, seed=chance.randrange(1000))
        world = World(harness, store, clock, feed, chance, producer)
        await world.begin()
        for step in steps:
            await RULES[step][1](world)
        if not world.ended:
            result = await world.end()
            assert not result.differences, result.differences
            row.events += result.truth.events
            row.processed += result.processed
            row.lost += result.lost
            row.duplicated += result.duplicated
        assert all("Traceback" not in worker.said for worker in harness.workers.workers)
        return world.ended
    finally:
        await harness.workers.discard()
        await producer.stop()
        admin = await harness.admin()
        await admin.delete_topics([t for t in await admin.list_topics() if t.startswith(f"{name}.")])
        await admin.close()
        await harness.store.client.flushdb()
        await harness.close()
        if store is not server:
            store.stop()
