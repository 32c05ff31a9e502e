"""Redis that fills is told before it is full, once."""

import pytest
from conftest import eventually
from structlog.testing import capture_logs

from stream_app.embedded import EmbeddedStore
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.store_memory import StoreMemoryWatch
from stream_app.settings import RedisSettings
from stream_app.store import connect

pytestmark = pytest.mark.integration

LIMIT = 40_000_000


@pytest.fixture
async def small():
    server = EmbeddedStore(config={"maxmemory": str(LIMIT)})
    store = await connect(RedisSettings(url=server.start()))
    yield store
    await store.close()
    server.stop()


async def test_a_store_that_fills_is_told_once_until_there_is_room_again(small):
    metrics = Metrics()
    watch = StoreMemoryWatch(small, metrics)

    async def said():
        with capture_logs() as logs:
            await watch.look()
        return [entry["event"] for entry in logs]

    assert await said() == []
    assert metrics.store_limit.collect()[0].samples[0].value == LIMIT
    for number in range(33):
        await small.client.set(f"filler-{number}", b"x" * 1_000_000)
    (line,) = await said()
    assert line.startswith("Redis is nearly full")
    assert metrics.store_used.collect()[0].samples[0].value > 0.8 * LIMIT
    assert await said() == []
    await small.client.flushall()

    async def freed():
        return (await small.client.info("memory"))["used_memory"] < LIMIT / 2

    # Servers free what was dropped in the background.
    await eventually(freed)
    assert await said() == []
    for number in range(33):
        await small.client.set(f"filler-{number}", b"x" * 1_000_000)
    assert len(await said()) == 1


async def test_a_store_without_a_limit_is_never_nearly_full(store):
    metrics = Metrics()
    await StoreMemoryWatch(store, metrics).look()
    assert metrics.store_used.collect()[0].samples[0].value > 0
