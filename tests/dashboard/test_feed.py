"""What open pages are told: everything that is new, once read for all, and what is wrong."""

import asyncio

import pytest
from conftest import eventually
from seeded import BEGIN, alert, keep_history
from servers.proxy import Proxy

from stream_app.dashboard.feed import Feed
from stream_app.events import AlertState, Severity
from stream_app.events.audit import AuditKind
from stream_app.settings import RedisSettings
from stream_app.store import AlertWriter, FeatureRow, FeatureWriter, IncidentReader, Ownership, open_store

pytestmark = pytest.mark.integration


class Watcher:
    """A page that shows some sources, and waits for what it is told."""

    def __init__(self, feed, wanted=()):
        self._feed, self._wanted = feed, wanted
        self.end = feed.subscribe(self._told, lambda: self._wanted)
        self.told = 0

    def _told(self, snapshot):
        self.told += 1

    async def until(self, true):
        await eventually(lambda: true(self._feed.snapshot))
        return self._feed.snapshot


@pytest.fixture
async def feed(store):
    await Ownership(store).take({"stream.pumps": "sensors from pump.readings"})
    await store.client.zadd(store.keys.entities("pumps"), {f"pump-{i}": BEGIN + i for i in range(1, 12)})
    feed = Feed(store)
    running = asyncio.create_task(feed.run())
    yield feed
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_sources_are_told_the_most_urgent_first_then_by_the_numbers_in_their_names(feed, store):
    await AlertWriter(store).write([alert("pump-10", 1, severity=Severity.WARNING), alert("pump-9", 2)])
    snapshot = await Watcher(feed).until(lambda now: len(now.sources) == 11)
    names = [one.name for one in snapshot.by_urgency]
    assert names[:4] == ["pump-9", "pump-10", "pump-1", "pump-2"]
    assert names[-1] == "pump-11"
    assert [one.incident.source for one in snapshot.firing] == ["pump-9", "pump-10"]


async def test_alerts_and_what_people_say_are_told_as_they_come(feed, store):
    watcher, began = Watcher(feed), alert("pump-3", 1)
    await watcher.until(lambda now: now.at > 0.0)
    await AlertWriter(store).write([began])
    snapshot = await watcher.until(lambda now: now.firing)
    assert snapshot.by_urgency[0].blamed == "flow"
    await IncidentReader(store).say(began.case, AuditKind.MUTED, by="ada", at=BEGIN)
    feed.hurry()
    await watcher.until(lambda now: not now.firing)
    await AlertWriter(store).write([alert("pump-3", 1, AlertState.RESOLVED)])
    await watcher.until(lambda now: not now.incidents[0].incident.firing)


async def test_live_features_are_read_of_what_pages_show_and_begin_with_the_past(feed, store):
    await keep_history(store, "pump-7")
    values = {"flow.last": 64.5, "flow.count": 57.0, "flow.missing": 3.0, "anomaly.warmup_left": 88.0}
    rows = [FeatureRow(f"pump-{i}", 1, BEGIN, BEGIN + 1.0, values) for i in (7, 8)]
    await FeatureWriter(store, "pumps").write(rows)
    snapshot = await Watcher(feed, [("pumps", "pump-7")]).until(lambda now: now.live)
    (live,) = snapshot.live.values()
    assert (live.measure, live.last, live.missing, live.warmup_left) == ("flow", 64.5, 0.05, 88.0)
    assert len(live.trail) == 60
    assert live.trail[-1] == 64.5
    assert live.trail[0] == pytest.approx(125.0, abs=2.0)


async def test_a_page_that_fails_does_not_keep_others_from_their_news(feed):
    def fail(_):
        raise ValueError("a mistake in a page")

    feed.subscribe(fail)
    await Watcher(feed).until(lambda now: now.sources)


async def test_nothing_is_told_once_a_page_is_closed(feed):
    first, second = Watcher(feed), Watcher(feed)
    await second.until(lambda now: now.at > 0.0)
    first.end()
    told, before = first.told, second.told
    await second.until(lambda _: second.told > before)
    assert first.told == told


async def test_what_was_read_stays_while_redis_is_away(store_url, prefix, store):
    await Ownership(store).take({"stream.pumps": "sensors from pump.readings"})
    await store.client.zadd(store.keys.entities("pumps"), {"pump-1": BEGIN})
    with Proxy(int(store_url.rpartition(":")[2].partition("/")[0])) as proxy:
        settings = RedisSettings(url=f"redis://127.0.0.1:{proxy.port}/0", prefix=prefix)
        away = open_store(settings, retries=0, timeout=2.0)
        feed = Feed(away)
        running = asyncio.create_task(feed.run())
        watcher = Watcher(feed)
        await watcher.until(lambda now: now.sources)
        proxy.refuse()
        snapshot = await watcher.until(lambda now: now.problem)
        assert "cannot be reached" in snapshot.problem
        assert [one.name for one in snapshot.sources] == ["pump-1"]
        proxy.heal()
        await watcher.until(lambda now: not now.problem)
        running.cancel()
        await asyncio.wait((running,))
        await away.close()
