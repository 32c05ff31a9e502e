"""Triggers and audit records: each waits in the outbox of its partition once, whoever tells it and how often."""

import pytest

from stream_app.errors import FencedError, StateError
from stream_app.events import LogId
from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger, TriggerKind, TriggerReason
from stream_app.store import Checkpoint, CheckpointStore, Fence, NoticeWriter, OutboxStore

pytestmark = pytest.mark.integration

TOPIC = "predictions"


def trigger(offset):
    reason = TriggerReason(
        kind=TriggerKind.PSI, since=1.0, statistic=0.3, threshold=0.2, names=("ink",), summary="ink: PSI 0.3"
    )
    return RetrainingTrigger.of(
        "models", "digits", log=LogId(0), offset=offset, ts=1000.0 + offset, version="v1", reasons=(reason,)
    )


def seen(version, offset):
    return AuditRecord.version_seen("models", "digits", version, ts=1.0, log=LogId(0), offset=offset)


@pytest.fixture
def claim(store):
    async def claim():
        claimed = await CheckpointStore(store, "g").claim(TOPIC, 0)
        return Fence(claimed, claimed.next_offset)

    return claim


async def test_notices_wait_in_their_order_and_once(store, claim):
    ours = await claim()
    writer, outbox = NoticeWriter(store), OutboxStore(store)
    told = [seen("v1", 0), trigger(1), AuditRecord.triggered(trigger(1)), seen("v2", 5)]
    assert await writer.write(told, ours) == [True] * 4
    assert await writer.write([*told, trigger(9)], ours) == [False] * 4 + [True]
    entries = await outbox.read(ours.claim, count=10)
    assert [entry.event for entry in entries] == [*told, trigger(9)]
    # Once published is published, also when the heir processes the batch again.
    assert await outbox.remove(ours.claim, entries[-1]) == 0
    heir = await claim()
    assert await writer.write(told, heir) == [False] * 4
    assert await outbox.read(heir.claim, count=10) == []


async def test_only_the_owner_tells(store, claim):
    zombie = await claim()
    heir = await claim()
    with pytest.raises(FencedError, match="owned by another worker"):
        await NoticeWriter(store).write([trigger(1)], zombie)
    assert await NoticeWriter(store).write([trigger(1)], heir) == [True]


async def test_a_lost_notice_is_noticed_before_the_position_moves(store, claim):
    ours = await claim()
    await NoticeWriter(store).write([trigger(1)], ours)
    # As a store that lost its last write: the notice, and the mark that it was there.
    keys = store.keys
    await store.client.delete(keys.notice(trigger(1).id), keys.outbox("g", TOPIC, 0))
    await store.client.hset(keys.offsets("g", TOPIC, 0), "writes", 0)
    with pytest.raises(StateError, match="the last writes are lost"):
        await CheckpointStore(store, "g").write(Checkpoint(ours.claim, None, 10, {}, writes=ours.writes))
