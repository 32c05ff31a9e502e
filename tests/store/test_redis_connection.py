"""A task that talks to Redis can be cancelled at any instant, and a connection lost at any."""

import asyncio

import pytest

from stream_app.store import connect

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("steps", range(12))
async def test_no_cancellation_is_lost(store, steps):
    for _ in range(20):
        asked = asyncio.Event()

        async def ask(asked=asked):
            while True:
                await store.client.ping()
                asked.set()

        task = asyncio.create_task(ask())
        await asked.wait()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done
        assert task.cancelled()
    assert await store.client.ping()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_connection_that_is_closed_when_a_command_is_sent_is_made_anew(redis_settings, loop):
    factory = pytest.importorskip(loop).new_event_loop

    async def work():
        store = await connect(redis_settings)
        try:
            for connection in store.client.connection_pool._available_connections:
                connection._writer.transport.abort()
            return await store.client.ping()
        finally:
            await store.close()

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(work())
