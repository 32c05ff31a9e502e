"""A store behind Sentinel: found, followed when its primary changes, and told where it is set wrongly."""

import asyncio
import contextlib

import pytest
import redis
from conftest import eventually
from security.real import needs_redis
from servers.sentinel import WatchedRedis

from stream_app.client import FeatureClient
from stream_app.errors import StoreError
from stream_app.settings import RedisSettings
from stream_app.store import CheckpointStore, connect

pytestmark = [pytest.mark.integration, pytest.mark.slow, needs_redis]

SECRET = "hunter2secret"


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    watched = WatchedRedis(tmp_path_factory.mktemp("watched"), SECRET)
    url = watched.start()
    yield watched, url
    watched.stop()


@pytest.fixture
def settings_of(watched, prefix):
    def make(**changes):
        said = {"url": watched[1], "prefix": prefix, "sentinel": "gauge", "sentinel_password": SECRET}
        return RedisSettings(**(said | changes))

    return make


async def test_connections_follow_the_primary(watched, settings_of):
    servers, sentinel = watched[0].servers, watched[0].sentinel
    store = await connect(settings_of())
    client = FeatureClient(settings_of())
    checkpoints = CheckpointStore(store, "g")
    try:
        assert (await checkpoints.claim("t", 0)).epoch == 1
        assert await asyncio.to_thread(client.list_views) == []
        await eventually(watched[0].in_step, 30)
        with redis.Redis(port=servers[1].port) as replica:
            await eventually(lambda: replica.hget(store.keys.offsets("g", "t", 0), "epoch") == b"1")
            with redis.Redis(port=sentinel.port, password=SECRET) as admin:
                admin.execute_command("SENTINEL FAILOVER", "gauge")
            await eventually(lambda: replica.info("replication")["role"] == "master", 30)

            async def claimed_there():
                with contextlib.suppress(StoreError):
                    await checkpoints.claim("t", 0)
                # Until it is a replica, the old primary takes claims that nobody will know of.
                return int(replica.hget(store.keys.offsets("g", "t", 0), "epoch")) > 1

            await eventually(claimed_there, 30)
        assert await asyncio.to_thread(client.list_views) == []
    finally:
        client.close()
        await store.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sentinel": "other"}, "redis.sentinel is the name under which Sentinel watches the primary"),
        ({"sentinel_password": "not-the-password"}, "refuses the login"),
        ({"sentinel_password": None}, "refuses"),
    ],
)
async def test_what_is_set_wrongly_is_told(settings_of, changes, said):
    with pytest.raises(StoreError, match=said) as caught:
        await connect(settings_of(**changes), retries=0)
    assert SECRET not in str(caught.value)


async def test_a_server_that_is_no_sentinel_is_told(watched, settings_of):
    url = f"redis://127.0.0.1:{watched[0].servers[0].port}"
    with pytest.raises(StoreError, match=r"redis.url names a Sentinel where redis.sentinel is set"):
        await connect(settings_of(url=url, sentinel_password=None), retries=0)
