"""The note about what a deployment reads."""

import pytest

from stream_app.errors import StoreError
from stream_app.store import Ownership

pytestmark = pytest.mark.integration

READS = {"kafka": "abc", "stream.pumps": "sensors from pumps"}


async def test_the_same_is_taken_again_and_more_is_noted(store):
    for reads in (READS, READS, {"stream.mills": "sensors from mills"}, READS):
        await Ownership(store).take(reads)
    noted = await store.client.hgetall(store.keys.deployment)
    assert noted == {
        b"kafka": b"abc",
        b"stream.pumps": b"sensors from pumps",
        b"stream.mills": b"sensors from mills",
    }


@pytest.mark.parametrize("field", READS)
async def test_something_else_is_refused_and_leaves_nothing(store, field):
    await Ownership(store).take(READS)
    other = {"stream.new": "sensors from new"} | READS | {field: "other"}
    for attempt in (Ownership(store).check, Ownership(store).take):
        with pytest.raises(StoreError, match=f"its {field} is '{READS[field]}', ours 'other'.*HDEL"):
            await attempt(other)
    assert len(await store.client.hgetall(store.keys.deployment)) == 2
    await store.client.hdel(store.keys.deployment, field)
    await Ownership(store).take(other)


async def test_the_streams_that_are_read_can_be_listed(store):
    await Ownership(store).take(READS | {"stream.a.b": "images from plant.frames"})
    assert await Ownership(store).streams() == [
        ("a.b", "images", "plant.frames"),
        ("pumps", "sensors", "pumps"),
    ]
