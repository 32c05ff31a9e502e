"""What a user is told when the store is away, refuses, or is full."""

import traceback

import pytest
import redis
from conftest import eventually

from stream_app.embedded import EmbeddedStore, free_port
from stream_app.errors import StoreError
from stream_app.settings import RedisSettings
from stream_app.store import Checkpoint, CheckpointStore, FeatureRow, FeatureWriter, connect

pytestmark = pytest.mark.integration

SECRET = "hunter2secret"


def told(error):
    return "".join(traceback.format_exception(error))


async def test_an_unreachable_store_is_named(prefix):
    port = free_port()
    with pytest.raises(
        StoreError, match=rf"Redis at redis://127.0.0.1:{port} cannot be reached while connecting"
    ):
        await connect(RedisSettings(url=f"redis://127.0.0.1:{port}/0", prefix=prefix), retries=1)


@pytest.fixture(scope="module")
def locked():
    store = EmbeddedStore()
    url = store.start()
    with redis.Redis.from_url(url) as client:
        client.config_set("requirepass", SECRET)
        yield url.removeprefix("redis://")
        client.config_set("requirepass", "")
    store.stop()


@pytest.mark.parametrize("login", ["", "wrong-hunter:x@", ":wrong-hunter@"])
async def test_a_wrong_password_is_told_and_never_shown(locked, prefix, login):
    with pytest.raises(StoreError, match=r"refuses the login|refuses connecting") as caught:
        await connect(RedisSettings(url=f"redis://{login}{locked}", prefix=prefix), retries=0)
    message = str(caught.value)
    assert locked.split("/")[0] in message
    assert "wrong-hunter" not in told(caught.value)
    assert SECRET not in told(caught.value)
    assert len(message.splitlines()) == 1


async def test_the_right_password_lets_in(locked, prefix):
    store = await connect(RedisSettings(url=f"redis://:{SECRET}@{locked}", prefix=prefix), retries=0)
    assert SECRET not in store.place
    await store.close()


async def test_a_full_store_refuses_and_keeps_what_it_has(prefix):
    server = EmbeddedStore(config={"maxmemory": "2mb"})

    async def fill():
        for n in range(1, 100):
            await checkpoints.write(Checkpoint(claim, n, n + 1, {f"s{n}": b"x" * 100_000}))

    store = await connect(RedisSettings(url=server.start(), prefix=prefix))
    try:
        checkpoints = CheckpointStore(store, "g")
        claim = await checkpoints.claim("t", 0)
        await checkpoints.write(Checkpoint(claim, None, 1, {"a": b"kept"}))
        with pytest.raises(StoreError, match=r"refuses storing the checkpoint of t/0: .*maxmemory"):
            await fill()
        # What was refused is free again, so that something small might fit.
        await store.client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match=r"writing features.*maxmemory"):
            await FeatureWriter(store, "v").write([FeatureRow("e", 1, 1.0, 1.0, {"f": 1.0})])
        assert await checkpoints.states(claim, ["a"]) == {"a": b"kept"}
    finally:
        await store.close()
        server.stop()


async def test_a_read_only_replica_refuses_to_be_written(store, prefix, store_url):
    server = EmbeddedStore()
    replica = await connect(RedisSettings(url=server.start(), prefix=prefix))
    try:
        await replica.client.replicaof("127.0.0.1", store_url.split(":")[-1].split("/")[0])
        with pytest.raises(StoreError, match=r"claiming t/0: .*read only replica"):
            await CheckpointStore(replica, "g").claim("t", 0)
    finally:
        await replica.close()
        server.stop()


async def test_a_store_that_goes_away_is_told(prefix):
    server = EmbeddedStore()
    url = server.start()
    store = await connect(RedisSettings(url=url, prefix=prefix), retries=0)
    try:
        checkpoints = CheckpointStore(store, "g")
        await checkpoints.claim("t", 0)
        server.stop()
        with pytest.raises(StoreError, match="cannot be reached while claiming t/0"):
            await checkpoints.claim("t", 0)
    finally:
        await store.close()


async def test_functions_are_loaded_again_where_they_are_gone(store):
    checkpoints = CheckpointStore(store, "g")
    writer = FeatureWriter(store, "v")
    await checkpoints.claim("t", 0)
    await writer.write([FeatureRow("e", 1, 1.0, 1.0, {"f": 1.0})])
    await store.client.function_flush()
    assert (await checkpoints.claim("t", 0)).epoch == 2
    await store.client.function_flush()
    assert await writer.write([FeatureRow("e", 2, 1.0, 1.0, {"f": 1.0})]) == 1


async def test_a_foreign_key_in_the_way_is_told(store):
    await store.client.set(store.keys.offsets("g", "t", 0), "a text")
    with pytest.raises(StoreError, match=r"refuses claiming t/0: .*WRONGTYPE"):
        await CheckpointStore(store, "g").claim("t", 0)


async def test_a_lost_connection_is_made_anew(store):
    checkpoints = CheckpointStore(store, "g")
    await checkpoints.claim("t", 0)
    me = await store.client.client_id()
    await store.client.client_kill_filter(_id=me, skipme=False)

    async def claimed():
        return (await checkpoints.claim("t", 0)).epoch >= 2

    assert await eventually(claimed)
