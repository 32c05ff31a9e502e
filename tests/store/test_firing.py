"""The newest event of a view, and which alerts are firing about it."""

from dataclasses import replace

import pytest

from stream_app.core.features import Feature, FeatureView, Sliding
from stream_app.errors import StateError
from stream_app.monitors.sessions import LogChange, NewestEvent, judge_freshness
from stream_app.store import FeatureLogReader, FeatureLogWriter, FreshnessStore

pytestmark = pytest.mark.integration

VIEW = FeatureView("purchases", (Feature("n", "count", window=Sliding(60)),), freshness=30.0)
OTHER = replace(VIEW, version=2)


@pytest.fixture
def freshness(store):
    return FreshnessStore(store)


async def test_the_newest_event_is_that_of_all_entities(store, freshness):
    assert await freshness.newest([VIEW, OTHER]) == [None, None]
    changes = [
        LogChange(f"e:{i}", VIEW.key, b"log", None, (i, 10 * i), ts)
        for i, ts in enumerate((50.0, 90.0, 70.0))
    ]
    await FeatureLogWriter(store, (VIEW,)).write(changes, written_ts=95.0)
    assert await freshness.newest([OTHER, VIEW]) == [None, (90.0, 95.0, 1, 10)]
    assert await freshness.newest([]) == []
    await store.client.delete(store.keys.features("purchases", 1, "e:1"))
    assert await freshness.newest([VIEW]) == [None]


async def test_of_two_that_judge_at_once_the_first_one_counts(freshness):
    first = judge_freshness(VIEW, NewestEvent(100.0, 101.0, 0, 7), None, now=140.0)
    second = judge_freshness(VIEW, NewestEvent(100.0, 102.0, 0, 7), None, now=141.0)
    assert first.id == second.id
    assert await freshness.firing() == {}
    assert await freshness.began(first) == first
    assert await freshness.began(second) == first
    assert await freshness.firing() == {VIEW.key: first}
    await freshness.ended(first)
    assert await freshness.firing() == {}


async def test_what_is_no_alert_is_named_by_its_key_and_counts_as_none(store, freshness, caplog):
    alert = judge_freshness(VIEW, NewestEvent(100.0, 101.0, 0, 7), None, now=140.0)
    await store.client.hset(store.keys.stale_views, mapping={VIEW.key: "{}", b"\xff": "no alert"})
    assert await freshness.firing() == {}
    assert f"{store.keys.stale_views}: an entry is not an alert" in caplog.text
    assert await freshness.began(alert) == alert
    assert await freshness.firing() == {VIEW.key: alert}


@pytest.mark.parametrize("ts", [1e18, float("inf"), -5.0])
async def test_a_forged_time_does_not_hide_the_newest_event(store, freshness, ts):
    change = LogChange("e", VIEW.key, b"log", None, (1, 10), 90.0)
    await FeatureLogWriter(store, (VIEW,)).write([change], written_ts=95.0)
    await store.client.zadd(store.keys.view_entities("purchases", 1), {"forged": ts, b"\xff": ts})
    assert await freshness.newest([VIEW]) == [(90.0, 95.0, 1, 10)]


@pytest.mark.parametrize("ts", [1e18, float("nan")])
async def test_a_log_written_at_no_time_counts_as_none(store, freshness, ts, caplog):
    change = LogChange("e", VIEW.key, b"log", None, (1, 10), 90.0)
    await FeatureLogWriter(store, (VIEW,)).write([change], written_ts=ts)
    assert await freshness.newest([VIEW]) == [None]
    assert "the log of entity b'e' was written at" in caplog.text
    with pytest.raises(StateError, match=r":features:purchases:v1:e: a log written at"):
        await FeatureLogReader(store).read(VIEW.key, ["e"])
