"""Seconds from the claim of partitions until the states of all their sources are back from Redis.

Sources that have learned are stored, and are taken over by a new owner, that of a worker which crashed. Then one
event of each source comes: all states are read, verified, unpacked and put in place before it is counted.

    python benchmarks/recovery.py [--sources 10000] [--events 3000] [--channels 8]
"""

import argparse
import asyncio
import gc
import resource
import time

import numpy as np
import structlog
from faust.types import TP
from rich.console import Console
from rich.table import Table

from stream_app.backtesting import InputRows
from stream_app.embedded import EmbeddedStore
from stream_app.kafka.offsets import LogRange
from stream_app.monitors.sensors import SensorMonitor
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partitions import Partitions
from stream_app.settings import RedisSettings, SensorStream
from stream_app.store import Checkpoint, CheckpointStore, connect, pack_state

TOPIC = "sensor.readings"
PARTITIONS = 4


class WholeLogs:
    """Logs that have everything, in a topic without an id."""

    async def ranges(self, partitions, /):
        """Return that all is there."""
        return dict.fromkeys(partitions, LogRange(0, 10**12))

    async def lives(self, topics, /):  # noqa: ARG002 as `Logs` has it
        """Return that no id is known."""
        return {}


def partitions_of(store, sources, key):
    config = SensorStream(expected_sources=sources)
    return Partitions(
        CheckpointStore(store, "recovery"),
        {TOPIC: lambda: SensorMonitor(config)},
        interval=0.0,
        metrics=Metrics(),
        logs=WholeLogs(),
        max_state_bytes=10**12,
        key=key,
    )


async def fill(store, options, key):
    """Store what one source has learned under the names of all; a thousand at a time, to leave no memory behind."""
    checkpoints = CheckpointStore(store, "recovery")
    names = [f"channel-{j}" for j in range(options.channels)]
    values = np.random.default_rng(0).normal(20.0, 3.0, (options.events, options.channels))
    learned = SensorMonitor(SensorStream(expected_sources=options.sources))
    times = 1.6e9 + np.arange(options.events)
    learned.update(InputRows.of("pump", times, tuple(names), values).readings())
    state = learned.state("pump")
    taken = stored = 0.0
    for number in range(PARTITIONS):
        claim = await checkpoints.claim(TOPIC, number)
        sources = [f"pump-{i}" for i in range(number, options.sources, PARTITIONS)]
        base = None
        for first in range(0, len(sources), 1000):
            states = {
                source: pack_state(state, key=key, bound_to=checkpoints.name(claim, source))
                for source in sources[first : first + 1000]
            }
            position = first + len(states)
            begin = time.perf_counter()
            await checkpoints.write(Checkpoint(claim, base, position, states))
            taken += time.perf_counter() - begin
            stored += sum(map(len, states.values()))
            base = position
    return taken, stored


async def recover(store, options, key):
    partitions = partitions_of(store, options.sources, key)
    tps = [TP(TOPIC, number) for number in range(PARTITIONS)]
    longest = 0.0

    async def watch():
        nonlocal longest
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - begin)

    watching = asyncio.create_task(watch())
    begin, processor = time.perf_counter(), time.process_time()
    await partitions.load(tps)
    claimed = time.perf_counter() - begin
    for number, tp in enumerate(tps):
        sources = [f"pump-{i}" for i in range(number, options.sources, PARTITIONS)]
        await partitions.restore(partitions.get(tp), sources)
    restored, processor = time.perf_counter() - begin, time.process_time() - processor
    watching.cancel()
    count = sum(len(partitions.get(tp).monitor) for tp in tps)
    if count != options.sources:
        raise SystemExit(f"{count} of {options.sources} sources are back")
    return claimed, restored, processor, longest


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--channels", type=int, default=8)
    options = parser.parse_args()
    # As a worker does.
    gc.set_threshold(100_000, 50, 100)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    table = Table(
        title=f"{options.sources:,} sources with {options.channels} channels, {PARTITIONS} partitions"
    )
    for heading in (
        "states", "MB stored", "KB a source", "storing s", "claims s", "all back after s", "processor s", "loop held ms", "peak memory MB",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for name, key in (("with checksum", None), ("signed", b"k" * 32)):
        server = EmbeddedStore()
        try:
            store = await connect(RedisSettings(url=server.start()))
            taken, stored = await fill(store, options, key)
            claimed, restored, processor, longest = await recover(store, options, key)
            await store.close()
        finally:
            server.stop()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table.add_row(
            name, f"{stored / 1e6:.0f}", f"{stored / options.sources / 1e3:.0f}", f"{taken:.1f}", f"{claimed:.2f}",
            f"{restored:.1f}", f"{processor:.1f}", f"{longest * 1e3:.0f}", f"{memory:.0f}",
        )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    asyncio.run(main())
