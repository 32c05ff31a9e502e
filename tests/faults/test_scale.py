"""Many events, many sources, much at once."""

import asyncio
import time

import numpy as np
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from faults.log import Cycle

from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.store import CheckpointStore, Claim, unpack_state

_PIECE = 20_000


async def test_burst(make_harness, row, scale, seed):
    """Ten times the load, in a burst."""
    rate, seconds, sources = 4000, scale.pick(8, 120), 20
    row.fault = f"10x burst for {seconds} s"
    feed = Cycle(sources=sources, seed=seed)
    harness = await make_harness(monitor="")
    worker = await harness.workers.start("worker-1")
    await worker.ready()
    sent = lag = 0

    async def send_at(speed, duration):
        nonlocal sent, lag
        begin = time.monotonic()
        done = 0
        while (elapsed := time.monotonic() - begin) < duration:
            due = int(speed * elapsed) - done
            if due > 0:
                await harness.send(feed.take(min(due, _PIECE)))
                done += min(due, _PIECE)
            lag = max(lag, sent + done - await harness.processed())
            await asyncio.sleep(0.05)
        sent += done
        return done / duration

    await send_at(rate, 5)
    await harness.caught_up()
    held = worker.memory.peak
    reached = await send_at(10 * rate, seconds)
    begin = time.monotonic()
    await send_at(rate, 5)
    result = await harness.settled(600)
    row.tell(result)
    row.recovery = worker.exits[-1].at - begin
    grown = worker.memory.peak - held
    row.remark(f"burst of {reached:,.0f} events/s, lag up to {lag:,}, {grown:.0f} MB more in memory")
    assert worker.starts == 1
    assert result.truth.events == sent
    assert reached > 5 * rate
    assert grown < 300.0
    assert not result.differences


async def test_recovery_of_many_sources(make_harness, row, scale, seed):
    """Recovery of 10,000 sources."""
    sources, each = scale.pick(2000, 10_000), 30
    row.fault = f"Recovery of {sources:,} sources"
    feed = Cycle(sources=sources, rows=each + 1, partitions=4, seed=seed)
    harness = await make_harness(monitor="", partitions=4)
    worker = await harness.workers.start("worker-1", restart=False)
    await harness.send(feed.take(sources * each))
    await harness.caught_up(600)
    await worker.kill()
    await harness.send(feed.take(sources))
    begin = time.monotonic()
    await harness.workers.start("worker-1", restart=False)
    await harness.caught_up(60)
    row.recovery = time.monotonic() - begin
    result = await harness.settled(60)
    row.tell(result)
    row.remark("from the start of the process until an event of every source is processed and stored")
    # The promise is of a machine that does nothing else; reduced, scenarios run beside each other.
    assert row.recovery < scale.pick(60.0, 10.0)
    assert not result.differences


async def test_soak(make_harness, row, scale, seed):
    """Soak."""
    total, sources = scale.pick(1_000_000, 20_000_000), 20
    row.fault = f"Soak of {total:,} events"
    feed = Cycle(sources=sources, seed=seed)
    harness = await make_harness(monitor="", topic={"segment.bytes": "67108864"})
    worker = await harness.workers.start("worker-1")
    admin = await harness.admin()
    readings: list[tuple[int, float]] = []
    sent = 0
    begin = time.monotonic()
    try:
        while (processed := await harness.processed()) < total:
            if sent < total and sent - processed < 500_000:
                count = min(_PIECE, total - sent)
                await harness.send(feed.take(count))
                sent += count
                # What is processed is not needed any more, and the disk is finite.
                if sent % 2_000_000 == 0:
                    done = await harness.positions()
                    await admin.delete_records(
                        {
                            TopicPartition(harness.topic, p): RecordsToDelete(before_offset=o)
                            for p, o in done.items()
                        }
                    )
            else:
                await asyncio.sleep(0.1)
            if worker.memory.samples:
                readings.append((processed, worker.memory.samples[-1][1]))
    finally:
        await admin.close()
    seconds = time.monotonic() - begin
    await harness.workers.stop()
    half = np.array([reading for reading in readings if reading[0] > total / 2], dtype=float)
    slope = float(np.polyfit(half[:, 0] / 1e6, half[:, 1], 1)[0])
    counted = await events_counted(harness, sources)
    row.events, row.processed = total, counted
    row.lost, row.duplicated = max(0, total - counted), max(0, counted - total)
    # What a worker holds under way goes up and down by 30 MB: in a short run that looks like a slope, too.
    limit = scale.pick(30.0, 1.0)
    row.verdict = "memory flat" if slope < limit else "memory grows"
    row.remark(
        f"{total / seconds:,.0f} events/s, peak {worker.memory.peak:.0f} MB, last half {slope:+.2f} MB per million events"
    )
    assert worker.starts == 1
    assert counted == total
    assert slope < limit


async def events_counted(harness, sources):
    """Sum of the events that the stored states have counted."""
    checkpoints = CheckpointStore(harness.store, harness.settings.worker.group)
    names = [f"pump-{i}" for i in range(sources)]
    counted = 0
    for partition in range(harness.partitions):
        claim = Claim(harness.settings.worker.group, harness.topic, partition, 0, "", None)
        states = await checkpoints.states(claim, names)
        monitor = SensorMonitor(SensorStream())
        for name, blob in states.items():
            monitor.restore(name, unpack_state(blob, name))
            counted += int(monitor.features(name)[1]["events"])
    return counted
