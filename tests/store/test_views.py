"""The registry of views: versions side by side, and no definition that changes silently."""

from dataclasses import replace

import pytest

from stream_app.core.features import Condition, Feature, FeatureView, Session, Sliding
from stream_app.errors import StateError, UnknownFeatureError
from stream_app.store import FeatureLookup, ViewRegistry, run_query

pytestmark = pytest.mark.integration

VIEW = FeatureView(
    "purchases",
    (
        Feature("spent_30m", "sum", "amount", Sliding(1800)),
        Feature("visits", "count", window=Session(1800), where=(Condition("type", "in", ("a", 2)),)),
        Feature("share", "ratio", over=("spent_30m", "visits")),
    ),
    stream="shop",
)


@pytest.fixture
def registry(store):
    return ViewRegistry(store)


async def test_a_view_comes_back_whole(registry):
    await registry.register(VIEW, now=5.0)
    found = await registry.get("purchases")
    assert (found.view, found.registered_ts) == (VIEW, 5.0)
    assert found.view.fingerprint == VIEW.fingerprint


async def test_versions_live_side_by_side_and_latest_is_the_highest(registry):
    for version in (10, 2, 9):
        await registry.register(replace(VIEW, version=version), now=float(version))
    await registry.register(replace(VIEW, name="a.visits"), now=1.0)
    assert [one.view.version for one in await registry.versions("purchases")] == [2, 9, 10]
    assert (await registry.get("purchases")).view.version == 10
    assert (await registry.get("purchases:latest")).view.version == 10
    assert (await registry.get("purchases:v9")).view.version == 9
    assert [one.view.key for one in await registry.all()] == [
        "a.visits:v1", "purchases:v2", "purchases:v9", "purchases:v10",
    ]  # fmt: skip


async def test_a_changed_definition_needs_a_new_version(registry):
    await registry.register(VIEW, now=1.0)
    await registry.register(VIEW, now=2.0)
    changed = replace(VIEW, lateness=1.0)
    with pytest.raises(StateError, match=r"the definition of purchases:v1 changed .* give it a new version"):
        await registry.register(changed, now=3.0)
    assert (await registry.get("purchases:v1")).view == VIEW
    await registry.register(replace(changed, version=2), now=4.0)


async def test_what_only_describes_may_change(registry):
    await registry.register(VIEW, now=1.0)
    fresher = replace(VIEW, freshness=60.0, entity="customer")
    await registry.register(fresher, now=2.0)
    assert (await registry.get("purchases")).view == fresher


async def test_what_does_not_exist_is_said_with_what_does(registry):
    with pytest.raises(UnknownFeatureError, match="'purchases'; there is none: a worker registers"):
        await registry.get("purchases")
    assert await registry.versions("purchases") == []
    await registry.register(VIEW, now=1.0)
    with pytest.raises(UnknownFeatureError, match="'purchase'; the nearest are purchases"):
        await registry.get("purchase")
    for wrong in ("purchases:v2", "purchases:1", "purchases:" + "x"):
        with pytest.raises(UnknownFeatureError, match="there is v1"):
            await registry.get(wrong)


@pytest.mark.parametrize("entry", [b"{", b"[]", b"{}", b'{"definition": {}, "fingerprint": ""}', b"\xff"])
async def test_a_damaged_entry_is_named_by_its_key(store, registry, entry):
    await registry.register(VIEW, now=1.0)
    await store.client.hset(store.keys.view("purchases"), "v1", entry)
    with pytest.raises(StateError, match=r":views:purchases: the entry b'v1' is damaged"):
        await registry.get("purchases")


async def test_an_entry_under_another_version_is_damaged(store, registry):
    await registry.register(VIEW, now=1.0)
    raw = await store.client.hget(store.keys.view("purchases"), "v1")
    await store.client.hset(store.keys.view("purchases"), "v2", raw)
    with pytest.raises(StateError, match="another one"):
        await registry.get("purchases:v2")


@pytest.mark.parametrize("registered_ts", ["1e18", "NaN", "-1"])
async def test_a_view_registered_at_no_time_is_an_error_for_itself_and_hides_no_other(
    store, registry, registered_ts, caplog
):
    other = replace(VIEW, name="returns")
    for view in (VIEW, other):
        await registry.register(view, now=1.0)
    key = store.keys.view("purchases")
    raw = (await store.client.hget(key, "v1")).replace(
        b'"registered_ts": 1.0', b'"registered_ts": %s' % registered_ts.encode()
    )
    await store.client.hset(key, "v1", raw)
    await store.client.sadd(store.keys.view_names, b"\xff")
    listed = [await registry.all(), await run_query(store, FeatureLookup(store.keys).views(), "listing")]
    assert [[one.view for one in views] for views in listed] == [[other], [other]]
    assert caplog.text.count(f"{key}: the entry b'v1' is damaged") == 2
    with pytest.raises(StateError, match="no time"):
        await registry.get("purchases")
