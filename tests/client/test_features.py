"""The feature clients over a real store: what is told, what is missing, and what is said when it cannot be told."""

import asyncio
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from redis.asyncio import Redis
from serving import NOW, Shop, bought, purchases

from stream_app.client import AsyncFeatureClient, FeatureClient
from stream_app.core.features import DAY, Evaluator, Layout, micros
from stream_app.embedded import EmbeddedStore, free_port
from stream_app.errors import (
    DataError,
    SettingsError,
    StateError,
    StoreError,
    StoreUnavailableError,
    StreamgaugeError,
    UnknownFeatureError,
)
from stream_app.settings import RedisSettings

pytestmark = pytest.mark.integration

AWKWARD = ("a:b", "{a}b", "a{b}", "a b", "pump/1", "%41", "日本", "*", "x" * 256)


@pytest.fixture
async def shop(redis_settings):
    shop = await Shop(redis_settings).register()
    await shop.sell(
        bought("17850", NOW - 7 * DAY, 2.5, "a"),
        bought("17850", NOW - 1200, 4.0, "b"),
        bought("17850", NOW - 60, -1.5, "b"),
        bought("13047", NOW - 20 * DAY, 9.0),
    )
    return shop


@pytest.fixture(params=["waiting", "awaiting"])
async def ask(request, redis_settings):
    """Both clients, called the same way."""
    if request.param == "awaiting":
        async with AsyncFeatureClient(redis_settings) as client:
            yield lambda name, *args, **options: getattr(client, name)(*args, **options)
        return

    with FeatureClient(redis_settings) as client:
        yield lambda name, *args, **options: asyncio.to_thread(getattr(client, name), *args, **options)


async def online(ask, features, entities, at=NOW):
    return await ask("get_online_features", features=features, entities=entities, at=at)


async def test_values_come_with_their_time_their_age_and_their_status(ask, shop):
    asked = [
        "purchases:spent_30m",
        "purchases:v1:lines_30m",
        "purchases:latest:pause",
        "purchases@v1:mean_30d",
    ]
    found = await online(ask, asked, ["17850", "nobody", "13047"])
    assert found.features == tuple(asked)
    assert len(found) == 3
    assert found.to_dict() == {
        "entity": ["17850", "nobody", "13047"],
        "purchases:spent_30m": [2.5, None, 0.0],
        "purchases:v1:lines_30m": [2.0, None, 0.0],
        "purchases:latest:pause": [60.0, None, 20 * DAY],
        "purchases@v1:mean_30d": [5.0 / 3.0, None, 9.0],
    }
    assert [row[0].value for row in found.statuses()] == ["fresh", "missing", "stale"]
    one = found["13047", "purchases:spent_30m"]
    assert (one.value, one.event_ts, one.age, one.status.value) == (0.0, NOW - 20 * DAY, 20 * DAY, "stale")
    none = found["nobody", "purchases:spent_30m"]
    assert (none.value, none.event_ts, none.age, none.status.value) == (None, None, None, "missing")
    assert found.event_times()[:, 0].tolist()[::2] == [NOW - 60, NOW - 20 * DAY]
    assert found.ages()[0].tolist() == [60.0] * 4
    table = found.to_numpy()
    assert table.shape == (3, 4)
    assert np.isnan(table[1]).all()
    assert table[0].tolist() == [2.5, 2.0, 60.0, 5.0 / 3.0]


async def test_a_record_has_everything_of_an_entity(ask, shop):
    found = await online(ask, ["purchases:v1:spent_30m", "purchases:pause"], ["17850"])
    known = {"event_ts": NOW - 60, "age": 60.0, "status": "fresh"}
    assert found.to_records() == [
        {
            "entity": "17850",
            "values": {"purchases:v1:spent_30m": 2.5, "purchases:pause": 60.0},
            "views": {"purchases:v1": known, "purchases:v2": known},
            "incomplete": [],
        }
    ]


async def test_a_star_is_every_feature(ask, shop):
    found = await online(ask, ["purchases:v1:*", "purchases:v1:spent_30m"], ["17850"])
    assert found.features == tuple(f"purchases:v1:{one.name}" for one in purchases(1).features)


@pytest.mark.parametrize("at", [NOW - 60, NOW - 59.5, NOW, NOW + 1740, NOW + 1741, NOW + 30 * DAY])
async def test_a_reader_at_an_instant_is_told_what_the_logs_say(ask, shop, at):
    evaluator = Evaluator(Layout(purchases(1)))
    found = await online(ask, ["purchases:v1:*"], ["17850", "13047"], at=datetime.fromtimestamp(at, UTC))
    for i, entity in enumerate(found.entities):
        row = evaluator.read(shop.log(entity, "purchases:v1"), micros(at))
        assert [column[i] for column in list(found.to_dict().values())[1:]] == row.values
        assert found.to_records()[i]["incomplete"] == [f"purchases:v1:{name}" for name in row.incomplete]


async def test_without_an_instant_it_is_now(ask, redis_settings):
    shop = await Shop(redis_settings).register()
    now = datetime.now(UTC).timestamp()
    await shop.sell(bought("17850", now - 5))
    found = await online(ask, ["purchases:lines_30m"], ["17850"], at=None)
    one = found["17850", "purchases:lines_30m"]
    assert one.value == 1.0
    assert 5.0 <= one.age < 60.0


async def test_what_is_gone_is_named_incomplete(ask, redis_settings):
    shop = await Shop(redis_settings, purchases(1, max_events=2)).register()
    await shop.sell(*(bought("17850", NOW - 300 + i) for i in range(5)))
    found = await online(ask, ["purchases:spent_30d", "purchases:spent_30m"], ["17850", "nobody"])
    assert found["17850", "purchases:spent_30d"].incomplete
    assert found.incomplete() == {"17850": ("purchases:spent_30d", "purchases:spent_30m")}
    assert found.to_records()[0]["incomplete"] == ["purchases:spent_30d", "purchases:spent_30m"]


async def test_thousands_of_entities_come_in_the_order_they_were_asked_for(ask, redis_settings):
    shop = await Shop(redis_settings, purchases(1)).register()
    names = [f"customer:{i}" for i in range(1203)]
    await shop.sell(*(bought(name, NOW - 10, float(i)) for i, name in enumerate(names)))
    asked = [*reversed(names), "nobody", names[0]]
    found = await online(ask, ["purchases:spent_30m"], asked)
    told = found.to_numpy()[:, 0]
    assert told[:1203].tolist() == [float(i) for i in reversed(range(1203))]
    assert math.isnan(told[1203])
    assert told[1204] == 0.0


@pytest.mark.parametrize("entity", AWKWARD)
async def test_an_entity_may_have_any_printable_name(ask, redis_settings, entity):
    shop = await Shop(redis_settings).register()
    await shop.sell(bought(entity, NOW - 10, 3.0), bought(f"{entity[:-1]}~", NOW - 10, 5.0))
    found = await online(ask, ["purchases:spent_30m"], [entity])
    assert found[entity, "purchases:spent_30m"].value == 3.0
    assert (await ask("list_entities", "purchases"))[0][1] == NOW - 10


@pytest.mark.parametrize("entity", ["", "a\nb", "a\x00", "x" * 257, "x" * 1_000_000, "\ud800", 17850, None])
async def test_what_can_be_no_entity_is_refused_in_one_short_line(ask, shop, entity):
    with pytest.raises(DataError, match=r"entities\[1\]: .* can be no entity") as refused:
        await online(ask, ["purchases:spent_30m"], ["17850", entity])
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("purchase:spent_30m", "no feature view 'purchase'; did you mean purchases?"),
        ("purchases:v3:spent_30m", "feature view purchases has no version 3; there is v1, v2"),
        ("purchases:spend_30m", "purchases:v2 has no feature 'spend_30m'; did you mean spent_30"),
        ("spent_30m", "'spent_30m' names no feature; view:feature"),
        (":spent_30m", "names no feature"),
    ],
)
async def test_names_that_are_not_there_are_answered_with_the_nearest(ask, shop, feature, message):
    with pytest.raises(UnknownFeatureError) as refused:
        await online(ask, ["purchases:spent_30m", feature], ["17850"])
    assert message in str(refused.value)


@pytest.mark.parametrize("at", [math.nan, math.inf, -1.0, 1e15, "now"])
async def test_what_is_no_instant_is_refused(ask, shop, at):
    with pytest.raises(DataError, match="at: "):
        await online(ask, ["purchases:spent_30m"], ["17850"], at=at)


async def test_one_text_is_no_list_and_nothing_is_no_question(ask, shop):
    for features, entities in (
        ("purchases:spent_30m", ["17850"]),
        (["purchases:spent_30m"], "17850"),
        ([], ["17850"]),
    ):
        with pytest.raises(DataError, match="features"):
            await online(ask, features, entities)
    assert len(await online(ask, ["purchases:spent_30m"], [])) == 0


async def test_what_was_not_asked_for_is_said(ask, shop):
    found = await online(ask, ["purchases:spent_30m"], ["17850"])
    with pytest.raises(DataError, match="'purchases:x' was not asked for; there is purchases:spent_30m"):
        found["17850", "purchases:x"]
    with pytest.raises(DataError, match="entity 'x' was not asked for"):
        found["x", "purchases:spent_30m"]


async def test_a_new_version_is_the_latest_when_what_is_remembered_is_old(redis_settings):
    shop = await Shop(redis_settings, purchases(1)).register()
    await shop.sell(bought("17850", NOW - 10))
    with (
        FeatureClient(redis_settings, remember=1000.0) as client,
        FeatureClient(redis_settings, remember=0.0) as other,
    ):
        for one in (client, other):
            assert one.get_online_features(["purchases:*"], ["17850"], NOW).views[0].key == "purchases:v1"
        await Shop(redis_settings, purchases(2)).register()
        # What was not known a moment ago is looked up anew.
        assert client.get_online_features(["purchases:pause"], ["17850"], NOW).views[0].key == "purchases:v2"
        assert client.get_online_features(["purchases:*"], ["17850"], NOW).views[0].key == "purchases:v1"
        assert other.get_online_features(["purchases:*"], ["17850"], NOW).views[0].key == "purchases:v2"
        assert [view.key for view in client.list_views()] == ["purchases:v1", "purchases:v2"]


async def test_a_definition_that_was_made_anew_is_noticed_by_its_logs(ask, redis_settings, store):
    shop = await Shop(redis_settings, purchases(1)).register()
    await shop.sell(bought("17850", NOW - 10))
    await online(ask, ["purchases:lines_30m"], ["17850"])
    keys = [key async for key in store.client.scan_iter(f"{redis_settings.prefix}:*")]
    await store.client.delete(*keys)
    other = await Shop(redis_settings, purchases(1, lateness=60.0)).register()
    await other.sell(bought("17850", NOW - 10), bought("17850", NOW - 5))
    found = await online(ask, ["purchases:lines_30m"], ["17850"])
    assert found["17850", "purchases:lines_30m"].value == 2.0


async def test_a_log_of_another_definition_or_a_damaged_one_is_never_read(ask, shop, redis_settings, store):
    key = store.keys.features("purchases", 1, "17850")
    whole = await store.client.get(key)
    for raw, said in (
        (whole[:-1], "is damaged"),
        (whole[:40] + b"\xff" + whole[41:], "damaged|another definition"),
        (b"short", "is no log"),
    ):
        await store.client.set(key, raw)
        with pytest.raises(StateError, match=said) as refused:
            await online(ask, ["purchases:v1:*"], ["17850"])
        assert key in str(refused.value)


async def test_the_newest_entities_come_first(ask, shop):
    assert await ask("list_entities", "purchases") == [("17850", NOW - 60), ("13047", NOW - 20 * DAY)]
    assert await ask("list_entities", "purchases:v1", limit=1) == [("17850", NOW - 60)]
    with pytest.raises(UnknownFeatureError, match="did you mean purchases"):
        await ask("list_entities", "purchase")


async def test_a_store_without_views_says_so(ask):
    with pytest.raises(UnknownFeatureError, match="there is none"):
        await online(ask, ["purchases:spent_30m"], ["17850"])
    assert await ask("list_views") == []


async def test_one_client_serves_many_tasks_and_threads(shop, redis_settings):
    async with AsyncFeatureClient(redis_settings) as client:
        told = await asyncio.gather(
            *(client.get_online_features(["purchases:spent_30m"], ["17850"], NOW + i) for i in range(50))
        )
    assert {found["17850", "purchases:spent_30m"].value for found in told} == {2.5}
    with FeatureClient(redis_settings) as client:
        told = await asyncio.gather(
            *(
                asyncio.to_thread(client.get_online_features, ["purchases:spent_30m"], ["17850"], NOW)
                for _ in range(50)
            )
        )
    assert {found["17850", "purchases:spent_30m"].value for found in told} == {2.5}


async def test_a_store_that_is_away_is_told_and_comes_back(prefix):
    settings = RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0", prefix=prefix)
    with pytest.raises(StoreUnavailableError, match="cannot be reached while connecting"):
        FeatureClient.connect(settings)
    with pytest.raises(StoreUnavailableError, match="cannot be reached while connecting"):
        await AsyncFeatureClient.connect(settings)
    server = EmbeddedStore()
    url = server.start()
    try:
        settings = RedisSettings(url=url, prefix=prefix)
        shop = await Shop(settings, purchases(1)).register()
        await shop.sell(bought("17850", NOW - 10))
        with FeatureClient.connect(settings) as client:
            client.get_online_features(["purchases:*"], ["17850"], NOW)
            server.stop()
            with pytest.raises(StoreUnavailableError, match="while reading features"):
                client.get_online_features(["purchases:*"], ["17850"], NOW)
    finally:
        server.stop()


async def test_a_store_that_may_not_be_written_is_read(redis_settings, prefix):
    server = EmbeddedStore()
    url = server.start()
    try:
        settings = RedisSettings(url=url, prefix=prefix)
        shop = await Shop(settings, purchases(1)).register()
        await shop.sell(bought("17850", NOW - 10))
        admin = Redis.from_url(url)
        await admin.replicaof("127.0.0.1", free_port())
        with FeatureClient(settings) as client:
            assert client.get_online_features(["purchases:*"], ["17850"], NOW).to_numpy()[0, 0] == 1.0
        with pytest.raises(StoreError, match=r"name the primary in redis\.url"):
            await shop.sell(bought("17850", NOW - 5))
        await admin.aclose()
    finally:
        server.stop()


@pytest.mark.parametrize("url", ["", "localhost:6379", "redis://", 17])
@pytest.mark.parametrize("client", [FeatureClient, AsyncFeatureClient])
def test_what_is_no_address_is_refused(client, url):
    with pytest.raises(SettingsError):
        client(url)


def test_a_prefix_may_be_given_beside_the_address(store_url):
    with FeatureClient(store_url, prefix="elsewhere") as client:
        assert client.list_views() == []
    with pytest.raises(StreamgaugeError, match="prefix"):
        FeatureClient(store_url, prefix="no spaces")
