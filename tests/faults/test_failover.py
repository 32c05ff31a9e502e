"""Redis with a replica: the primary fails with writes that it had acknowledged and the replica does not have."""

import asyncio
import signal
import time

import redis
from conftest import eventually
from faults.log import Feed
from servers.redis import cut_off
from servers.redis_cluster import RedisCluster
from servers.sentinel import WatchedRedis


async def lose(harness, feed, primary, replica, piece):
    """Kill a primary that has acknowledged what its replica will never see; return the positions of both."""
    await harness.caught_up()
    known = await harness.processed()
    cut_off(primary, replica)
    await harness.send(feed.take(piece))
    await harness.reached(known + piece // 2, 30)
    stored = await harness.processed()
    await asyncio.to_thread(primary.kill)
    replica.send(signal.SIGCONT)
    return stored, known


async def recovered(harness, replica, beyond):
    """Wait until the replica is the primary and workers go on; return how long that took."""
    begin = time.monotonic()
    with redis.Redis(port=replica.port) as client:
        await eventually(lambda: client.info("replication")["role"] == "master", 30)
    await harness.reached(beyond, 60)
    return time.monotonic() - begin


def judge(row, result, worker, lost):
    row.tell(result)
    row.remark(
        f"{lost} acknowledged events lost with their alerts and processed again; {worker.starts - 1} restarts"
    )
    assert lost > 0, "nothing was lost, so nothing was tried"
    assert not result.differences
    assert result.truth.alerts


async def test_sentinel_failover_that_loses_writes(make_harness, folder, row, scale, seed):
    """Sentinel fails over, acknowledged writes are lost."""
    rounds, piece = scale.pick(2, 6), 2000
    feed = Feed(sources=4, length=rounds * piece // 4 + 500, seed=seed)
    watched = WatchedRedis(folder / "watched")
    url = await asyncio.to_thread(watched.start)
    try:
        harness = await make_harness(
            redis=url, redis_options={"sentinel": "gauge"}, max_batch=100, checkpoint_interval=0.1
        )
        worker = await harness.workers.start("worker-1")
        await harness.send(feed.take(500))
        lost, row.recovery = 0, 0.0
        primary, replica = watched.servers
        for _ in range(rounds):
            await eventually(watched.in_step, 60)
            stored, known = await lose(harness, feed, primary, replica, piece)
            await harness.send(feed.take(8))
            row.recovery = max(row.recovery, await recovered(harness, replica, stored + 1))
            lost += stored - known
            # It comes back as the replica of the other one: Sentinel sees to that.
            await asyncio.to_thread(primary.start)
            primary, replica = replica, primary
        await harness.send(feed.take())
        judge(row, await harness.settled(), worker, lost)
        assert "went back" in worker.said
    finally:
        watched.stop()


async def test_cluster_failover_that_loses_writes(make_harness, folder, row, scale, seed):
    """A Redis Cluster fails over, acknowledged writes are lost."""
    piece = scale.pick(2000, 20_000)
    feed = Feed(sources=4, length=piece // 4 + 1000, seed=seed)
    cluster = RedisCluster(folder / "cluster")
    url = await asyncio.to_thread(cluster.start)
    try:
        harness = await make_harness(
            redis=url, redis_options={"cluster": True}, max_batch=100, checkpoint_interval=0.1
        )
        primary = cluster.servers[cluster.owner(f"{{{harness.settings.prefix}}}:")]
        # A worker that starts again asks the address that it was given: not that of the one that is killed.
        asked = next(server for server in cluster.servers if server is not primary)
        harness.workers.env["STREAMGAUGE_REDIS"] = f"redis://127.0.0.1:{asked.port}/0"
        replica = await asyncio.to_thread(cluster.add_replica, primary)
        worker = await harness.workers.start("worker-1")
        await harness.send(feed.take(500))
        await eventually(lambda: cluster.in_step(replica), 60)
        stored, known = await lose(harness, feed, primary, replica, piece)
        await harness.send(feed.take(8))
        row.recovery = await recovered(harness, replica, stored + 1)
        await harness.send(feed.take())
        judge(row, await harness.settled(), worker, stored - known)
        assert "went back" in worker.said
    finally:
        cluster.stop()
