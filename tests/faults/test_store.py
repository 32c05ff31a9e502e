"""Redis that is away, loses what it had, loses replies, or takes no more writes."""

import asyncio
import contextlib
import resource
import time
from dataclasses import dataclass

import pytest
from conftest import eventually
from faults.log import Feed
from faults.tripwire import CHECKPOINT
from servers.proxy import Proxy

_PASSWORD = "a-long-secret-of-the-worker"


async def test_redis_is_down(make_harness, own_redis, row, scale, seed):
    """Redis is down.

    Far more events come meanwhile than the worker may hold.
    """
    seconds, before, meanwhile = scale.pick(10, 60), 20_000, scale.pick(100_000, 1_000_000)
    sources = 8
    feed = Feed(sources=sources, length=(before + meanwhile) // sources, seed=seed, faults=6)
    server = await own_redis()
    harness = await make_harness(redis=f"redis://127.0.0.1:{server.port}/0", monitor="")
    worker = await harness.workers.start("worker-1")
    await harness.send(feed.take(before))
    await harness.caught_up()
    await worker.green()
    held = worker.memory.peak
    await asyncio.to_thread(server.stop)
    begin = time.monotonic()
    red = asyncio.create_task(worker.red_after())
    await harness.send(feed.take())
    await asyncio.sleep(max(0.0, seconds - (time.monotonic() - begin)))
    grown = worker.memory.peak - held
    await asyncio.to_thread(server.start)
    begin = time.monotonic()
    await harness.reached(before + 1)
    row.recovery = time.monotonic() - begin
    result = await harness.settled(600)
    row.tell(result)
    row.fault = f"Redis is down for {seconds} s"
    row.remark(f"red after {await red:.1f} s; {grown:.0f} MB more in memory, {worker.starts - 1} restarts")
    assert worker.starts == 1, worker.said[-2000:]
    assert grown < 150.0
    assert not result.differences
    assert result.truth.alerts


@pytest.mark.parametrize("lost", ["nothing", "the last second"])
async def test_redis_is_killed(make_harness, own_redis, row, scale, seed, chance, lost):
    """Redis kill -9 with AOF everysec.

    A killed process loses nothing that it had handed to the system; a machine that fails loses what was not synced.
    For that the file is cut to where it ended a second before, and mended as docs/operations.md says.
    """
    row.fault = f"Redis kill -9 with AOF everysec, {lost} lost"
    rounds, piece = scale.pick(2, 8), 2000
    feed = Feed(sources=4, length=rounds * piece // 4 + 500, seed=seed)
    server = await own_redis()
    harness = await make_harness(
        redis=f"redis://127.0.0.1:{server.port}/0", max_batch=100, checkpoint_interval=0.1
    )
    worker = await harness.workers.start("worker-1")
    await harness.send(feed.take(500))
    slowest, cut = 0.0, 0
    for _ in range(rounds):
        await harness.caught_up()
        done = await harness.processed()
        await harness.send(feed.take(piece // 2))
        await harness.reached(done + 1)
        (file,) = (server.directory / "appendonlydir").glob("*.incr.aof")
        length = file.stat().st_size
        beyond = await harness.processed() + 1
        await harness.send(feed.take(piece - piece // 2))
        await asyncio.sleep(chance.uniform(0.5, 1.0))
        await harness.reached(beyond)
        position = await harness.processed()
        await asyncio.to_thread(server.kill)
        if lost == "the last second":
            cut += file.stat().st_size - length
            with file.open("r+b") as opened:
                opened.truncate(length - chance.randint(0, 200))
            await asyncio.to_thread(server.repair)
        await asyncio.to_thread(server.start)
        begin = time.monotonic()
        if lost == "the last second":
            assert await harness.processed() < position
        await harness.send(feed.take(8))
        await harness.reached(position + 1)
        slowest = max(slowest, time.monotonic() - begin)
    await harness.send(feed.take())
    result = await harness.settled()
    row.tell(result)
    row.recovery = slowest
    row.remark(f"{rounds} kills, {cut / 1000:.0f} kB lost, {worker.starts - 1} restarts")
    assert not result.differences
    assert result.truth.alerts


async def test_reply_is_lost_after_the_script_ran(make_harness, redis_server, row, scale, seed):
    """The reply is lost after the script ran."""
    losses, piece = scale.pick(10, 50), 500
    feed = Feed(sources=4, length=losses * piece // 4, seed=seed)
    with Proxy(redis_server.port) as proxy:
        harness = await make_harness(
            worker_redis=f"redis://127.0.0.1:{proxy.port}/0", max_batch=100, checkpoint_interval=0.05
        )
        worker = await harness.workers.start("worker-1")
        await worker.ready()
        for i in range(losses):
            wanted = (CHECKPOINT, b"FCALL")[i % 2]
            proxy.drop_replies(1, requests=lambda data, wanted=wanted: wanted in data)
            await harness.send(feed.take(piece))
            await eventually(lambda i=i: proxy.replies_lost == i + 1, timeout=30)
            await harness.caught_up(60)
        result = await harness.settled()
        row.tell(result)
        row.remark(f"{proxy.replies_lost} replies lost, {worker.starts - 1} restarts")
    assert worker.starts == 1, worker.said[-2000:]
    assert not result.differences
    assert result.truth.alerts


@dataclass(frozen=True)
class Refusal:
    """How Redis is made to refuse writes, how that ends, and what it says."""

    fault: str
    code: str
    says: str

    async def begin(self, client, server):
        """Make it refuse."""
        match self.code:
            case "OOM":
                await client.config_set("maxmemory", 1)
            case "READONLY":
                await client.replicaof("127.0.0.1", "1")
            case "NOPERM":
                await client.acl_setuser("worker", enabled=True, keys=["nothing"], reset_keys=True)
            case "MISCONF":
                (file,) = (server.directory / "appendonlydir").glob("*.incr.aof")
                limit(server.pid, file.stat().st_size + 100)

    async def end(self, client, server):
        """Make it take writes again."""
        match self.code:
            case "OOM":
                await client.config_set("maxmemory", 0)
            case "READONLY":
                await client.replicaof("NO", "ONE")
            case "NOPERM":
                await client.acl_setuser("worker", enabled=True, keys=["*"], reset_keys=True)
            case "MISCONF":
                limit(server.pid, resource.RLIM_INFINITY)
                await eventually(lambda: writable(client), timeout=10)


def limit(pid, size):
    """Let the files of a process grow to a size only; for the process that is as a full disk."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


async def writable(client):
    """Whether Redis takes a write."""
    with contextlib.suppress(Exception):
        return await client.set("probe", 1)


REFUSALS = [
    Refusal("Redis out of memory", "OOM", "maxmemory"),
    Refusal("Redis read-only", "READONLY", "read only replica"),
    Refusal("Redis ACL without the right", "NOPERM", "no permissions"),
    Refusal("disk full at Redis", "MISCONF", "AOF file"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
async def test_redis_refuses(make_harness, own_redis, row, seed, refusal):
    """Redis refuses writes."""
    row.fault = refusal.fault
    feed = Feed(sources=4, length=1500, seed=seed)
    server = await own_redis()
    harness = await make_harness(
        redis=f"redis://127.0.0.1:{server.port}/0",
        worker_redis=f"redis://worker:{_PASSWORD}@127.0.0.1:{server.port}/0",
        max_batch=400,
    )
    client = harness.store.client
    await client.acl_setuser(
        "worker", enabled=True, passwords=[f"+{_PASSWORD}"], keys=["*"], channels=["*"], categories=["+@all"]
    )
    worker = await harness.workers.start("worker-1", restart=False)
    await harness.send(feed.take(3000))
    await harness.reached(1)
    await refusal.begin(client, server)
    begin = time.monotonic()
    await harness.send(feed.take(1000))
    end = await worker.ended(30.0)
    took = end.at - begin
    half = await harness.half_written()
    await refusal.end(client, server)
    row.remark(f"stopped after {took:.1f} s")
    assert end.code == 1
    assert refusal.says in worker.last_line
    assert "Traceback" not in worker.said
    assert _PASSWORD not in worker.said
    assert not half
    # And nothing is lost: with the cause gone, the next worker goes on.
    await harness.workers.start("worker-1")
    await harness.send(feed.take())
    result = await harness.settled()
    row.tell(result)
    row.verdict = f"stopped clearly; then {result.verdict}"
    assert not result.differences
    assert result.truth.alerts
