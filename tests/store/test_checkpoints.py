"""Checkpoints: fenced, atomic, safe to repeat."""

import asyncio

import pytest

from stream_app.errors import FencedError, StateError
from stream_app.store import Checkpoint, CheckpointStore, Fence, LastSeen

pytestmark = pytest.mark.integration

TOPIC = "sensor.readings"


@pytest.fixture
def checkpoints(store):
    return CheckpointStore(store, "watchers")


async def test_a_partition_that_nobody_processed_has_no_position(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    assert claim.next_offset is None
    assert await checkpoints.states(claim, ["a"]) == {}
    assert await checkpoints.states(claim, []) == {}


async def test_state_and_position_come_back_to_the_next_owner(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    await checkpoints.write(Checkpoint(claim, None, 10, {"a": b"\x00one", "b": b"two"}))
    await checkpoints.write(Checkpoint(claim, 10, 25, {"b": b"\xfftwo again"}))
    heir = await checkpoints.claim(TOPIC, 0)
    assert heir.next_offset == 25
    assert heir.epoch > claim.epoch
    assert await checkpoints.states(heir, ["a", "b", "c"]) == {"a": b"\x00one", "b": b"\xfftwo again"}


async def test_an_earlier_owner_is_refused_and_changes_nothing(checkpoints):
    old = await checkpoints.claim(TOPIC, 0)
    await checkpoints.write(Checkpoint(old, None, 10, {"a": b"old"}))
    new = await checkpoints.claim(TOPIC, 0)
    with pytest.raises(FencedError, match=rf"{TOPIC}/0 is owned by another worker"):
        await checkpoints.write(Checkpoint(old, 10, 20, {"a": b"zombie"}))
    # Not even by repeating what it once wrote.
    with pytest.raises(FencedError):
        await checkpoints.write(Checkpoint(old, None, 10, {"a": b"zombie"}))
    assert await checkpoints.states(new, ["a"]) == {"a": b"old"}
    await checkpoints.write(Checkpoint(new, 10, 30, {"a": b"new"}))
    assert (await checkpoints.claim(TOPIC, 0)).next_offset == 30


async def test_a_call_repeated_after_a_lost_reply_is_a_success(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    checkpoint = Checkpoint(claim, None, 10, {"a": b"one"})
    await checkpoints.write(checkpoint)
    await checkpoints.write(checkpoint)
    second = Checkpoint(claim, 10, 20, {"a": b"two"})
    await checkpoints.write(second)
    await checkpoints.write(second)
    assert await checkpoints.states(claim, ["a"]) == {"a": b"two"}
    assert (await checkpoints.claim(TOPIC, 0)).next_offset == 20


async def test_a_repeated_call_after_the_next_owner_wrote_is_fenced(checkpoints):
    old = await checkpoints.claim(TOPIC, 0)
    checkpoint = Checkpoint(old, None, 10, {"a": b"old"})
    await checkpoints.write(checkpoint)
    new = await checkpoints.claim(TOPIC, 0)
    await checkpoints.write(Checkpoint(new, 10, 11, {"a": b"new"}))
    with pytest.raises(FencedError):
        await checkpoints.write(checkpoint)
    assert await checkpoints.states(new, ["a"]) == {"a": b"new"}


@pytest.mark.parametrize(("base", "next_offset"), [(None, 7), (9, 30), (11, 30), (0, 5)])
async def test_a_checkpoint_on_another_base_is_refused_whole(checkpoints, base, next_offset):
    claim = await checkpoints.claim(TOPIC, 0)
    await checkpoints.write(Checkpoint(claim, None, 10, {"a": b"right"}))
    reason = "went back" if base == 11 else f"the stored position is 10, not {base}"
    with pytest.raises(StateError, match=rf"{TOPIC}/0.* {reason}|{reason}: {TOPIC}/0"):
        await checkpoints.write(Checkpoint(claim, base, next_offset, {"a": b"wrong", "b": b"wrong"}))
    # State and position move together, or not at all.
    assert await checkpoints.states(claim, ["a", "b"]) == {"a": b"right"}
    assert (await checkpoints.claim(TOPIC, 0)).next_offset == 10


async def test_a_base_is_expected_where_nothing_is_stored(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    with pytest.raises(StateError, match="had position 5, and it has none now"):
        await checkpoints.write(Checkpoint(claim, 5, 6, {}))


async def test_a_position_may_move_without_a_state_and_the_other_way_round(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    await checkpoints.write(Checkpoint(claim, None, 0, {}))
    await checkpoints.write(Checkpoint(claim, 0, 2**53, {}))
    await checkpoints.write(Checkpoint(claim, 2**53, 2**53, {"a": b"x"}))
    assert (await checkpoints.claim(TOPIC, 0)).next_offset == 2**53
    assert await checkpoints.states(claim, ["a"]) == {"a": b"x"}


async def test_partitions_topics_and_groups_are_apart(store, checkpoints):
    claims = [
        await checkpoints.claim(TOPIC, 0),
        await checkpoints.claim(TOPIC, 1),
        await checkpoints.claim("other", 0),
    ]
    for number, claim in enumerate(claims):
        await checkpoints.write(Checkpoint(claim, None, number + 1, {"a": b"%d" % number}))
    assert [(await checkpoints.claim(c.topic, c.partition)).next_offset for c in claims] == [1, 2, 3]
    assert [await checkpoints.states(c, ["a"]) for c in claims] == [{"a": b"%d" % n} for n in range(3)]
    assert (await CheckpointStore(store, "others").claim(TOPIC, 0)).next_offset is None


async def test_more_sources_than_lua_could_unpack_at_once(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    states = {f"source {i}": b"%d" % i for i in range(12_345)}
    await checkpoints.write(Checkpoint(claim, None, 1, states))
    assert await checkpoints.states(claim, list(states)) == states


@pytest.mark.parametrize("source", ["a:b", "a\nb", "{a}", "日本語", "x" * 250, "", " "])
async def test_sources_with_odd_names_have_states_of_their_own(checkpoints, source):
    claim = await checkpoints.claim(TOPIC, 0)
    await checkpoints.write(Checkpoint(claim, None, 1, {source: b"odd", "plain": b"plain"}))
    assert await checkpoints.states(claim, [source, "plain"]) == {source: b"odd", "plain": b"plain"}


async def test_of_many_that_claim_at_once_only_the_last_may_write(checkpoints):
    claims = await asyncio.gather(*(checkpoints.claim(TOPIC, 0) for _ in range(20)))
    assert len({claim.epoch for claim in claims}) == 20
    outcomes = await asyncio.gather(
        *(checkpoints.write(Checkpoint(claim, None, claim.epoch, {})) for claim in claims),
        return_exceptions=True,
    )
    last = max(claims, key=lambda claim: claim.epoch)
    for claim, outcome in zip(claims, outcomes, strict=True):
        assert outcome is None if claim is last else isinstance(outcome, FencedError)
    assert (await checkpoints.claim(TOPIC, 0)).next_offset == last.epoch


async def test_sources_come_back_with_when_they_were_seen_the_longest_ago_first(checkpoints):
    claim = await checkpoints.claim(TOPIC, 0)
    seen = {"b": LastSeen(7, 1.5), "a": LastSeen(2, 0.1), "c c": LastSeen(9, 1e9 + 0.1)}
    await checkpoints.write(Checkpoint(claim, None, 10, dict.fromkeys(seen, b"x"), seen))
    assert list((await checkpoints.seen(claim)).items()) == [(name, seen[name]) for name in ("a", "b", "c c")]
    await checkpoints.write(
        Checkpoint(claim, 10, 20, {"a": b"y"}, {"a": LastSeen(15, 2.0)}, gone=["b", "nobody"])
    )
    assert await checkpoints.seen(claim) == {"c c": seen["c c"], "a": LastSeen(15, 2.0)}
    assert await checkpoints.states(claim, ["a", "b"]) == {"a": b"y"}


@pytest.mark.parametrize("entry", ["soon", "7", "7 nan", "7 1e18", "7 1.5 more", b"\xff 1"])
async def test_a_damaged_entry_of_a_source_is_refused_by_name(store, checkpoints, entry):
    claim = await checkpoints.claim(TOPIC, 0)
    await store.client.hset(store.keys.seen("watchers", TOPIC, 0), "pump", entry)
    with pytest.raises(StateError, match="seen: the entry of b'pump' is damaged"):
        await checkpoints.seen(claim)


@pytest.mark.parametrize("forged", ["soon", "1e18", "-5", "nan", "9" * 30, b"\xff"])
async def test_a_forged_position_is_an_error_that_names_its_key(store, checkpoints, forged):
    key = store.keys.offsets("watchers", TOPIC, 0)
    for field in ("next", "epoch", "writes"):
        claim = await checkpoints.claim(TOPIC, 0)
        await store.client.hset(key, field, forged)
        with pytest.raises(StateError, match=f"{key}: the field {field} is .* not a number"):
            await checkpoints.check([Fence(claim, None, 1)])
        if field == "next":
            with pytest.raises(StateError, match="the field next"):
                await checkpoints.claim(TOPIC, 0)
            with pytest.raises((StateError, FencedError)):
                await checkpoints.write(Checkpoint(claim, 10, 20, {"a": b"x"}))
        elif field == "epoch":
            with pytest.raises((StateError, FencedError)):
                await checkpoints.write(Checkpoint(claim, None, 20, {"a": b"x"}))
        await store.client.delete(key)


async def test_a_checkpoint_of_several_slices_is_as_whole_as_a_small_one(store, checkpoints, monkeypatch):
    monkeypatch.setattr("stream_app.store.checkpoints._SLICE_BYTES", 1000)
    claim = await checkpoints.claim(TOPIC, 0)
    states = {f"s{i}": bytes([i]) * (100 + i) for i in range(100)}
    seen = {source: LastSeen(i, float(i)) for i, source in enumerate(states)}
    staged = store.keys.staged("watchers", TOPIC, 0)
    # What an attempt that was broken off left behind must not come in.
    await store.client.hset(staged, mapping={"bold": b"left behind", "sold": "1 1.0"})
    checkpoint = Checkpoint(claim, None, 100, states, seen)
    await checkpoints.write(checkpoint)
    await checkpoints.write(checkpoint)
    assert await checkpoints.states(claim, [*states, "old"]) == states
    assert await checkpoints.seen(claim) == seen
    await checkpoints.claim(TOPIC, 0)
    with pytest.raises(FencedError):
        await checkpoints.write(Checkpoint(claim, 100, 200, dict.fromkeys(states, b"zombie" * 30), seen))
    assert await checkpoints.states(claim, list(states)) == states
