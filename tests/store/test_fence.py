"""Of all owners of a partition only the last can write, also after the store lost its last writes."""

import pytest

from stream_app.errors import FencedError, StateError, StoreError
from stream_app.events import Alert, AlertState, LogId, Severity, alert_id
from stream_app.store import (
    AlertReader,
    AlertWriter,
    Checkpoint,
    CheckpointStore,
    FeatureReader,
    FeatureRow,
    FeatureWriter,
    Fence,
    OutboxStore,
)

pytestmark = pytest.mark.integration

TOPIC = "sensor.readings"


def alert(offset, state="firing", ended_at=None):
    return Alert(
        id=alert_id("sensors", "pump", "adwin", "flow", LogId(0), offset),
        stream="sensors",
        source="pump",
        kind="drift",
        detector="adwin",
        channel="flow",
        state=AlertState(state),
        severity=Severity.WARNING,
        started_at=1000.0 + offset,
        ended_at=ended_at,
        partition=0,
        offset=offset,
        statistic=1.0,
        threshold=0.5,
        summary="flow fell",
    )


@pytest.fixture
def checkpoints(store):
    return CheckpointStore(store, "g")


@pytest.fixture
def claim(checkpoints):
    async def claim():
        claimed = await checkpoints.claim(TOPIC, 0)
        return Fence(claimed, claimed.next_offset)

    return claim


@pytest.fixture
def everything(store):
    """All there is in the store under our prefix."""

    async def read():
        found = {}
        async for key in store.client.scan_iter(match=f"{store.keys.prefix}:*"):
            kind = await store.client.type(key)
            if kind == b"hash":
                found[key] = await store.client.hgetall(key)
            elif kind == b"stream":
                found[key] = await store.client.xrange(key)
            else:
                found[key] = await store.client.zrange(key, 0, -1, withscores=True)
        return found

    return read


@pytest.fixture
def rolled_back(store):
    """Put all keys back to how they are now, as a store does that lost its last writes."""

    async def remember():
        keys = [key async for key in store.client.scan_iter(match=f"{store.keys.prefix}:*")]
        dumps = {key: await store.client.dump(key) for key in keys}

        async def go_back():
            async for key in store.client.scan_iter(match=f"{store.keys.prefix}:*"):
                await store.client.delete(key)
            for key, dump in dumps.items():
                await store.client.restore(key, 0, dump)

        return go_back

    return remember


def row(offset=1):
    return FeatureRow("pump", offset, 100.0, 200.0, {"flow.mean": 1.0})


def writes(store, checkpoints):
    """Every way in which an owner writes."""
    outboxes = OutboxStore(store)

    async def trim(fence):
        entry = (await outboxes.read(fence.claim, count=1))[0]
        await outboxes.remove(fence.claim, entry)

    return {
        "alert": lambda fence: AlertWriter(store).write([alert(77)], fence),
        "resolved": lambda fence: AlertWriter(store).write([alert(1, "resolved", ended_at=1.0)], fence),
        "features": lambda fence: FeatureWriter(store, "sensors").write([row(99)], fence),
        "checkpoint": lambda fence: checkpoints.write(
            Checkpoint(fence.claim, fence.position, 50, {"a": b"zombie"}, writes=fence.writes)
        ),
        "outbox": trim,
    }


@pytest.mark.parametrize("what", ["alert", "resolved", "features", "checkpoint", "outbox"])
async def test_an_owner_that_lost_its_partition_changes_nothing(store, checkpoints, claim, everything, what):
    old = await claim()
    await AlertWriter(store).write([alert(1)], old)
    await FeatureWriter(store, "sensors").write([row(1)], old)
    await claim()
    before = await everything()
    with pytest.raises(FencedError, match=rf"{TOPIC}/0 is owned by another worker \(epoch 2, ours 1\)"):
        await writes(store, checkpoints)[what](old)
    assert await everything() == before


@pytest.mark.parametrize("what", ["alert", "resolved", "features", "checkpoint", "outbox"])
async def test_an_epoch_given_twice_does_not_let_the_earlier_owner_write(
    store, checkpoints, claim, everything, rolled_back, what
):
    first = await claim()
    await AlertWriter(store).write([alert(1)], first)
    go_back = await rolled_back()
    old = await claim()
    await go_back()
    new = await claim()
    assert new.claim.epoch == old.claim.epoch
    before = await everything()
    with pytest.raises(FencedError):
        await writes(store, checkpoints)[what](old)
    assert await everything() == before


@pytest.mark.parametrize("what", ["alert", "resolved", "features", "checkpoint", "outbox"])
async def test_a_store_that_forgot_a_claim_is_told_apart(
    store, checkpoints, claim, everything, rolled_back, what
):
    first = await claim()
    await AlertWriter(store).write([alert(1)], first)
    go_back = await rolled_back()
    ours = await claim()
    await go_back()
    before = await everything()
    with pytest.raises(StateError, match=r"went back.*Start the worker again"):
        await writes(store, checkpoints)[what](ours)
    with pytest.raises(StateError, match="went back"):
        await checkpoints.check([ours])
    assert await everything() == before


async def test_an_owner_may_do_everything_again_and_again(store, checkpoints, claim):
    ours = await claim()
    for _ in range(2):
        await AlertWriter(store).write([alert(1), alert(2)], ours)
        await FeatureWriter(store, "sensors").write([row(1)], ours)
        await checkpoints.check([ours])
    assert ours.writes == 4
    await checkpoints.write(Checkpoint(ours.claim, None, 10, {"a": b"x"}, writes=ours.writes))
    ours.position = 10
    await checkpoints.check([ours])
    assert len(await AlertReader(store).recent(10)) == 2
    assert (await FeatureReader(store, "sensors").get("pump")).offset == 1


@pytest.mark.parametrize("lost", ["alert", "features"])
async def test_effects_that_were_lost_are_not_passed_over(store, checkpoints, claim, rolled_back, lost):
    ours = await claim()
    await checkpoints.write(Checkpoint(ours.claim, None, 10, {"a": b"x"}, writes=ours.writes))
    ours.position = 10
    go_back = await rolled_back()
    await writes(store, checkpoints)[lost](ours)
    await checkpoints.check([ours])
    await go_back()
    with pytest.raises(StateError, match=r"went back: .*1 writes of alerts and features, and it has 0 now"):
        await checkpoints.check([ours])
    with pytest.raises(StateError, match="went back"):
        await checkpoints.write(Checkpoint(ours.claim, 10, 20, {"a": b"y"}, writes=ours.writes))
    assert await checkpoints.states(ours.claim, ["a"]) == {"a": b"x"}
    # The next claim begins where the store is, and writes what was lost once more.
    again = await claim()
    assert again.position == 10
    await writes(store, checkpoints)[lost](again)
    await checkpoints.write(Checkpoint(again.claim, 10, 20, {"a": b"y"}, writes=again.writes))


@pytest.mark.parametrize("lost", ["alert", "features"])
@pytest.mark.parametrize("later", ["alert", "features"])
async def test_effects_that_come_later_do_not_hide_that_others_were_lost(
    store, checkpoints, claim, rolled_back, lost, later
):
    ours = await claim()
    await checkpoints.write(Checkpoint(ours.claim, None, 10, {"a": b"x"}, writes=ours.writes))
    go_back = await rolled_back()
    await writes(store, checkpoints)[lost](ours)
    await go_back()
    with pytest.raises(StateError, match=r"went back: .* the last writes are lost"):
        await writes(store, checkpoints)[later](ours)
    # Nothing of it: an end without its beginning could not be told in order any more.
    assert not await store.client.exists(store.keys.alerts, store.keys.features("sensors", 1, "pump"))
    with pytest.raises(StateError, match="went back"):
        await checkpoints.write(Checkpoint(ours.claim, 10, 20, {"a": b"y"}, writes=ours.writes))


async def test_a_position_that_was_lost_is_noticed(checkpoints, claim, rolled_back):
    ours = await claim()
    await checkpoints.write(Checkpoint(ours.claim, None, 10, {}))
    go_back = await rolled_back()
    await checkpoints.write(Checkpoint(ours.claim, 10, 20, {}))
    ours.position = 20
    await checkpoints.check([ours])
    await go_back()
    with pytest.raises(StateError, match="had position 20, and it has 10 now"):
        await checkpoints.check([ours])
    with pytest.raises(StateError, match="had position 20, and it has 10 now"):
        await checkpoints.write(Checkpoint(ours.claim, 20, 30, {}))


async def test_of_several_claims_the_one_that_fell_is_named(checkpoints, claim):
    await checkpoints.check([])
    other = await checkpoints.claim("other", 3)
    ours = await claim()
    await checkpoints.check([Fence(other, None), ours])
    await checkpoints.claim("other", 3)
    with pytest.raises(FencedError, match="other/3 is owned by another worker"):
        await checkpoints.check([ours, Fence(other, None)])


async def test_effects_whose_reply_was_lost_may_be_written_again(store, checkpoints, claim):
    ours = await claim()
    await AlertWriter(store).write([alert(1)], ours)
    ours.writes = 0  # as if the reply had not come
    assert await AlertWriter(store).write([alert(1)], ours) == [False]
    await checkpoints.check([ours])
    await checkpoints.write(Checkpoint(ours.claim, None, 10, {}, writes=ours.writes))


async def test_alerts_of_an_owner_wait_in_its_outbox_once(store, claim):
    ours = await claim()
    outbox = OutboxStore(store)
    writer = AlertWriter(store)
    end = alert(1, "resolved", ended_at=5.0)
    await writer.write([alert(1), alert(2), alert(1)], ours)
    await writer.write([alert(1), alert(2), end, alert(1)], ours)
    await writer.write([alert(3)])  # nobody's
    entries = await outbox.read(ours.claim, count=10)
    assert [entry.event for entry in entries] == [alert(1), alert(2), end]
    assert await outbox.lengths([ours.claim]) == 3
    assert await outbox.remove(ours.claim, entries[1]) == 1
    assert await outbox.remove(ours.claim, entries[0]) == 1
    # Once published is published, also when the batch is processed again.
    await writer.write([alert(1), alert(2)], ours)
    heir = await claim()
    await writer.write([alert(1), alert(2), end], heir)
    assert [entry.event for entry in await outbox.read(heir.claim, count=10)] == [end]


async def test_an_entry_that_is_no_alert_is_refused_by_name(store, claim):
    ours = await claim()
    await store.client.xadd(store.keys.outbox("g", TOPIC, 0), {"alert": "{}"})
    with pytest.raises(StateError, match="outbox: an entry is neither an alert nor a notice"):
        await OutboxStore(store).read(ours.claim, count=10)


@pytest.mark.parametrize("foreign", ["alerts", "firing", "outbox", "entities", "state", "seen"])
async def test_a_foreign_key_in_the_way_leaves_no_half_of_an_effect(
    store, checkpoints, claim, everything, foreign
):
    ours = await claim()
    keys = store.keys
    named = {
        "alerts": keys.alerts,
        "firing": keys.firing,
        "entities": keys.entities("sensors"),
        "outbox": keys.outbox("g", TOPIC, 0),
        "state": keys.state("g", TOPIC, 0),
        "seen": keys.seen("g", TOPIC, 0),
    }
    await store.client.lpush(named[foreign], "a list")

    async def rest():
        return {key: value for key, value in (await everything()).items() if key != named[foreign].encode()}

    await store.client.rename(named[foreign], "aside-" + store.keys.prefix)
    before = await rest()
    await store.client.rename("aside-" + store.keys.prefix, named[foreign])
    what = {"entities": "features", "state": "checkpoint", "seen": "checkpoint"}.get(foreign, "alert")
    with pytest.raises(StoreError, match=r"WRONGTYPE.*choose another prefix"):
        await writes(store, checkpoints)[what](ours)
    await store.client.rename(named[foreign], "aside-" + store.keys.prefix)
    after = await rest()
    for found in (before, after):
        position = found[keys.offsets("g", TOPIC, 0).encode()]
        position.pop(b"writes")  # the mark of the pipeline comes after what was refused
    assert after == before
    await store.client.delete("aside-" + store.keys.prefix)
