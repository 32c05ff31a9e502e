"""Workers that die, sleep, come and go."""

import asyncio
import signal
import time

import pytest
from conftest import eventually
from faults.log import Feed
from faults.monitor import RedisMonitor, writes
from faults.tripwire import CHECKPOINT, Tripwire

from stream_app.settings import WorkerSettings

_INSTANTS = ("any", "mid-checkpoint", "mid-pipeline")


async def test_kill_9_at_random_instants(make_harness, redis_server, row, scale, seed, chance):
    """kill -9 at random instants.

    A third of them at any time, a third while Redis works on a checkpoint, a third within a pipeline: before Redis
    saw it, when it had half of it, or when its answer was on the way.
    """
    kills, piece = scale.pick((9, 800), (200, 400))
    feed = Feed(sources=4, length=kills * piece // 4, seed=seed)
    wire = Tripwire("127.0.0.1", redis_server.port)
    port = await wire.start()
    harness = await make_harness(
        worker_redis=f"redis://127.0.0.1:{port}/0", max_batch=100, checkpoint_interval=0.02
    )
    instants = dict.fromkeys(_INSTANTS, 0)
    slowest = 0.0
    worker = await harness.workers.start("worker-1")
    for i in range(kills):
        done, begin = await harness.processed(), time.monotonic()
        await harness.send(feed.take(piece // 2))
        await harness.reached(done + 1)
        slowest = max(slowest, time.monotonic() - begin)
        instant = _INSTANTS[i % 3]
        ends = len(worker.exits)
        # The trap is set before the rest comes, so that there is work in hand for it.
        if instant != "any":
            request = CHECKPOINT if instant == "mid-checkpoint" else b"FCALL"
            moment = chance.choice(("before", "torn", "after"))
            wire.set(request, chance.randint(1, 3), moment, lambda: worker.send(signal.SIGKILL))
        await harness.send(feed.take(piece - piece // 2))
        if instant != "any":
            try:
                await eventually(lambda before=ends: len(worker.exits) > before, timeout=2.0)
                instants[instant] += 1
                continue
            except AssertionError:
                wire.clear()  # all was done before the trap could spring
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        await worker.kill()
        instants["any"] += 1
    assert [end.code for end in worker.exits] == [-signal.SIGKILL] * kills, worker.said[-2000:]
    result = await harness.settled(600)
    await wire.stop()
    row.tell(result)
    row.recovery = slowest
    row.remark(", ".join(f"{count} {instant}" for instant, count in instants.items()))
    assert not result.differences
    assert result.truth.alerts
    assert wire.sprung >= kills // 3


async def test_sigterm_in_mid_batch(make_harness, row, scale, seed, chance):
    """SIGTERM in mid-batch."""
    rounds, piece = scale.pick(2, 10), 8000
    feed = Feed(length=(rounds + 1) * piece // 4, seed=seed)
    harness = await make_harness(max_batch=100, checkpoint_interval=0.02)
    longest, behind = 0.0, 0
    for i in range(rounds):
        done = await harness.processed()
        await harness.send(feed.take(piece))
        worker = await harness.workers.start("worker-1", restart=False)
        await harness.reached(done + 1)
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        longest = max(longest, await worker.stop())
        behind += await harness.processed() < (i + 1) * piece
    row.remark(f"longest stop {longest:.1f} s, {behind} of {rounds} with events left")
    await harness.send(feed.take())
    await harness.workers.start("worker-1")
    result = await harness.settled()
    row.tell(result)
    assert longest < 5.0
    assert behind
    assert not result.differences
    assert result.truth.alerts


async def test_zombie(make_harness, folder, redis_server, row, scale, seed, chance):
    """SIGSTOP, take-over, SIGCONT.

    The worker is stopped with a request on its way to Redis, which arrives when its partitions are another's.
    """
    rounds, piece = scale.pick(2, 10), 1600
    feed = Feed(sources=4, length=(2 * rounds + 1) * piece // 4, seed=seed)
    harness = await make_harness(max_batch=100, checkpoint_interval=0.05)
    wires, slowest, written = [], 0.0, []

    async def worker(name):
        wire = Tripwire("127.0.0.1", redis_server.port)
        wires.append(wire)
        url = f"redis://127.0.0.1:{await wire.start()}/0"
        return wire, await harness.workers.start(name, named=False, restart=False, STREAMGAUGE_REDIS=url)

    wire, zombie = await worker("worker-0")
    await harness.send(feed.take(piece))
    await harness.reached(1)
    for i in range(rounds):
        # A piece is at least one checkpoint of each of the two partitions.
        wire.set(
            CHECKPOINT if i % 2 else b"FCALL",
            chance.randint(1, 2),
            "held",
            lambda one=zombie: one.send(signal.SIGSTOP),
        )
        await harness.send(feed.take(piece))
        await eventually(lambda one=wire: one.sprung, timeout=20)
        stopped, before, done = time.monotonic(), await harness.epochs(), await harness.processed()
        next_wire, heir = await worker(f"worker-{i + 1}")

        async def taken_over(before=before):
            return all(epoch > before[p] for p, epoch in (await harness.epochs()).items())

        await eventually(taken_over, timeout=60)
        await harness.send(feed.take(piece // 2))
        await harness.reached(done + 1)
        slowest = max(slowest, time.monotonic() - stopped)
        monitor = RedisMonitor(redis_server.port, folder / f"monitor-{i}.log")
        await monitor.start()
        wire.release()
        zombie.send(signal.SIGCONT)
        await harness.send(feed.take(piece - piece // 2))
        await harness.caught_up()
        await zombie.stop_anyhow()
        written += writes(await monitor.stop(), wire.ports)
        wire, zombie = next_wire, heir
    await harness.send(feed.take())
    result = await harness.settled()
    for each in wires:
        await each.stop()
    row.tell(result)
    row.recovery = slowest
    row.remark(f"{rounds} zombies, {len(written)} writes of theirs taken")
    assert not written
    assert not result.differences
    assert result.truth.alerts


@pytest.mark.parametrize("most", [3, 4])
async def test_workers_come_and_go_under_load(make_harness, row, scale, seed, most):
    """Workers 1→3→1 under load."""
    row.fault = f"workers 1→{most}→1 under load"
    # Faust gives a worker ceil(partitions / workers) at most: only where that divides evenly does each get a share.
    partitions = 2 * most
    feed = Feed(sources=8, length=scale.pick(3600, 10_000), partitions=partitions, seed=seed)
    harness = await make_harness(partitions=partitions, max_batch=400)
    first = await harness.workers.start(named=False, restart=False)
    async with harness.load(feed, 100, 0.2) as moved:
        await first.ready()
        await moved()
        others = [await harness.workers.start(named=False, restart=False) for _ in range(most - 1)]
        # One that is ready may still wait for its share: the group may have settled without it.
        await eventually(lambda: all("partition claimed" in worker.said for worker in others), timeout=60)
        await moved()
        for worker in others:
            await worker.stop()
            await moved()
    result = await harness.settled()
    row.tell(result)
    assert not result.differences
    assert result.truth.alerts


async def test_rolling_restart(make_harness, row, scale, seed):
    """Rolling restart of three workers under load."""
    feed = Feed(sources=6, length=scale.pick(4800, 10_000), partitions=3, seed=seed)
    harness = await make_harness(partitions=3, max_batch=300)
    names = ["worker-a", "worker-b", "worker-c"]
    running = {name: await harness.workers.start(name, restart=False) for name in names}
    slowest = longest = 0.0
    async with harness.load(feed, 60, 0.2) as moved:
        for worker in running.values():
            await worker.ready()
        for name in names * scale.pick(1, 3):
            longest = max(longest, await running[name].stop())
            begin = time.monotonic()
            running[name] = await harness.workers.start(name, restart=False)
            await running[name].ready()
            await moved()
            slowest = max(slowest, time.monotonic() - begin)
    result = await harness.settled()
    row.tell(result)
    row.recovery = slowest
    row.remark(f"longest stop {longest:.1f} s")
    assert longest < 5.0
    assert not result.differences
    assert result.truth.alerts


async def test_idle_spare_takes_over(make_harness, row, seed):
    """A spare that was idle beyond max_poll_interval takes over."""
    if "max_poll_interval" not in WorkerSettings.model_fields:
        pytest.skip("workers have no setting max_poll_interval")
    feed = Feed(sources=3, length=2000, partitions=1, seed=seed)
    harness = await make_harness(partitions=1, max_batch=500, max_poll_interval=5.0)
    first = await harness.workers.start("owner", named=False, restart=False)
    await first.ready()
    await harness.send(feed.take(2000))
    await harness.caught_up()
    await harness.workers.start("spare", named=False)
    idle = 12.0
    await asyncio.sleep(idle)  # the fault itself: more than twice the interval without a partition
    await first.kill()
    done, begin = await harness.processed(), time.monotonic()
    await harness.send(feed.take())
    await harness.reached(done + 1)
    row.recovery = time.monotonic() - begin
    row.remark(f"idle for {idle:.0f} s with an interval of 5 s")
    result = await harness.settled()
    row.tell(result)
    assert not result.differences
    assert result.truth.alerts
