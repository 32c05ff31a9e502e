"""A task that talks to Redis can be cancelled at any instant."""

import asyncio

import pytest

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
