"""Session events a second from Kafka to Redis, through one worker process; and where its time goes.

The events wait in the topic. The time runs from when the worker has its partitions to when it has stored everything and
stopped, the first fetch included. Entities are drawn at random: of 100,000 nearly every event of a
delivery changes another log, which is the hardest case. With DATA the two shops' whole records are taken, too.

usage: python benchmarks/features/writing.py [DATA] [--events 200000] [--profile]

With --profile it prints the functions of the worker that take most time, and the rates are lower for it.
"""

import argparse
import asyncio
import cProfile
import io
import json
import pstats
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from harness import Progress, call, harness
from shops import SHOPS

from stream_app.kafka import ensure_topics, start_producer
from stream_app.runtime.worker import Worker
from stream_app.settings import load_settings
from stream_app.store import connect

PARTITIONS = 4
NOW = 1_700_000_000.0


def streams(amount: str) -> str:
    """Return what the monitor file says: ten features over up to 90 days."""
    return f"""
[streams.sessions]
kind = "sessions"

[[streams.sessions.views]]
name = "purchases"

[streams.sessions.views.features]
lines_30m = {{ count = "*", window = "30m" }}
spent_30m = {{ sum = "{amount}", window = "30m" }}
lines_session = {{ count = "*", session = "30m" }}
spent_session = {{ sum = "{amount}", session = "30m" }}
spent_7d = {{ sum = "{amount}", window = "7d" }}
spent_30d = {{ sum = "{amount}", window = "30d" }}
spent_90d = {{ sum = "{amount}", window = "90d" }}
lines_7d = {{ count = "*", window = "7d" }}
lines_90d = {{ count = "*", window = "90d" }}
pause = {{ time_since_last = "*", window = "90d" }}
"""


async def record(settings, topic, events, entities):
    """Fill the topic with purchases of random entities, a thousandth of a second apart."""
    await ensure_topics(settings.kafka, {topic: PARTITIONS}, create=True)
    producer = await start_producer(settings.kafka)
    draw = random.Random(1)
    for i in range(events):
        entity = str(draw.randrange(entities))
        event = {
            "entity": entity,
            "ts": NOW + i / 1000,
            "type": "purchase",
            "values": {"amount": round(draw.lognormvariate(2, 1), 2), "quantity": 1},
            "attributes": {"item": str(draw.randrange(4000))},
            "id": str(i),
        }
        await producer.send(topic, value=json.dumps(event).encode(), key=entity.encode())
    await producer.stop()


async def work(file, events, *, profile):
    """Run one worker in this process until it has stored the events, and print the figures for whoever called."""
    settings = load_settings(file)
    store = await connect(settings.redis)
    progress = Progress(settings, store, PARTITIONS)
    worker = Worker(settings)
    profiler = cProfile.Profile() if profile else None
    task = asyncio.create_task(worker.run())
    ready = asyncio.create_task(worker.ready.wait())
    await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
    before = await store.client.info("cpu")
    begin, processor = time.perf_counter(), time.process_time()
    with profiler or nullcontext():
        while True:
            await asyncio.sleep(0.02)
            if task.done() or worker.metrics.processed() >= events:
                break
        worker.stop()
        await task
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    after = await store.client.info("cpu")
    redis = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))
    stored = await progress.stored()
    memory = (await store.client.info("memory"))["used_memory"]
    entities = await store.client.zcard(store.keys.view_entities("purchases", 1))
    await store.close()
    if stored != events:
        raise SystemExit(f"{stored:,} of {events:,} events are stored")
    if profiler:
        text = io.StringIO()
        pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(40)
        print(text.getvalue(), file=sys.stderr)
    print(json.dumps([seconds, processor, redis, entities, memory]))


async def measure(name, amount, fill, *, profile):
    """Fill a topic of its own, let a fresh process work on it, and print a line of the table."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as folder:
        file = Path(folder) / "streamgauge.toml"
        file.write_text(streams(amount))
        async with harness() as settings:
            store = await connect(settings.redis)
            progress = Progress(settings, store, PARTITIONS)
            await fill(settings, progress.topic)
            events = await progress.ends()
            await store.close()
            chosen = ["--profile"] if profile else []
            process = await asyncio.create_subprocess_exec(
                sys.executable, __file__, "--work", file, "--events", str(events), *chosen,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await process.communicate()
            if process.returncode:
                raise SystemExit(f"the worker on {name} failed")
    seconds, processor, redis, entities, _ = json.loads(out.splitlines()[-1])
    print(
        f"| {name} | {events:,} | {entities:,} | {events / seconds:,.0f} | {processor / events * 1e6:.1f} "
        f"| {redis / events * 1e6:.1f} |",
        flush=True,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        await work(given.work, given.events, profile=given.profile)
        return
    print(
        "| events of | events | entities stored | events/s | worker CPU µs an event | Redis CPU µs an event |"
    )
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for entities in (1000, 100_000):

        async def drawn(settings, topic, entities=entities):
            await record(settings, topic, given.events, entities)

        await measure(f"{entities:,} random entities", "amount", drawn, profile=given.profile)
    for shop in SHOPS:
        file = given.data / shop.file if given.data else None
        if file is None or not file.is_file():
            print(f"skipped {shop.name}: {file or 'no DATA'} is not there")
            continue

        async def replayed(_settings, _topic, file=file):
            with tempfile.TemporaryDirectory() as folder:
                await call("replay", "sessions", file, "--quiet", "--state", Path(folder) / "state.json")

        await measure(shop.name, shop.amount, replayed, profile=given.profile)


if __name__ == "__main__":
    asyncio.run(main())
