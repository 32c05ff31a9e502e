"""Live features: overwritten only by later events, entities never mixed up."""

import asyncio
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.errors import StateError
from stream_app.store import FeatureReader, FeatureRow, FeatureWriter, connect

pytestmark = pytest.mark.integration

VERSIONS = count(100)  # each example writes where none has written


def row(entity="pump", offset=1, **values):
    return FeatureRow(entity, offset, 100.0 + offset, 200.0 + offset, values or {"flow.mean": float(offset)})


@pytest.fixture
def writer(store):
    return FeatureWriter(store, "sensors", ttl=60.0)


@pytest.fixture
def reader(store):
    return FeatureReader(store, "sensors")


async def test_a_row_comes_back(writer, reader):
    values = {"flow.mean": 0.1, "flow.slope": None, "flow.min": -0.0, "flow.max": 1e308, "flow.std": 5e-324}
    written = row(offset=3, **values)
    assert await writer.write([written]) == 1
    found = await reader.get("pump")
    assert found == written
    assert found.values["flow.slope"] is None
    assert str(found.values["flow.min"]) == "-0.0"


async def test_an_entity_without_features_is_none(reader):
    assert await reader.get("nobody") is None
    assert await reader.entities() == []


async def test_some_come_back_together_without_those_that_are_none(writer, reader, store):
    await writer.write([row()])
    await store.client.hset(store.keys.features("sensors", 1, "forged"), "_offset", "x")
    assert await reader.get_some(["none", "pump", "forged"]) == [None, row(), None]
    assert await reader.get_some([]) == []


async def test_only_later_events_overwrite(writer, reader):
    assert await writer.write([row(offset=5)]) == 1
    assert await writer.write([row(offset=4), row(offset=5, **{"flow.mean": -1.0})]) == 0
    assert await reader.get("pump") == row(offset=5)
    assert await writer.write([row(offset=10), row(offset=9)]) == 1
    assert await reader.get("pump") == row(offset=10)


async def test_a_feature_that_is_no_longer_computed_does_not_stay_behind(writer, reader):
    await writer.write([row(offset=1, a=1.0, gone=2.0)])
    await writer.write([row(offset=2, a=3.0)])
    assert (await reader.get("pump")).values == {"a": 3.0}


async def test_a_value_may_become_unknown_and_known_again(writer, reader):
    for offset, value in ((1, 1.0), (2, None), (3, 3.0)):
        await writer.write([row(offset=offset, **{"flow.mean": value})])
        assert (await reader.get("pump")).values == {"flow.mean": value}


ODD = [
    "a:b",
    "a::b",
    "a",
    "b",
    "a\nb",
    "{a}",
    "{}",
    "",
    " ",
    "%61",
    "a%3Ab",
    "日本語",
    "é",
    "e\u0301",
    "x" * 250,
    "x" * 249,
    "*",
]


async def test_odd_names_never_collide(writer, reader):
    assert await writer.write([row(name, n + 1) for n, name in enumerate(ODD)]) == len(ODD)
    for n, name in enumerate(ODD):
        assert await reader.get(name) == row(name, n + 1)
    assert [name for name, _ in await reader.entities()] == ODD[::-1]


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
floats = st.floats(allow_nan=False) | st.none()


@given(names, st.dictionaries(names.map("f.{}".format), floats, min_size=1, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_finite_value_under_any_name_comes_back(redis_settings, entity, values):
    version = next(VERSIONS)
    written = FeatureRow(entity, 1, 2.5, 3.5, values)

    async def there_and_back():  # in a loop of its own
        store = await connect(redis_settings)
        try:
            await FeatureWriter(store, "any", version=version).write([written])
            return await FeatureReader(store, "any", version=version).get(entity)
        finally:
            await store.close()

    assert asyncio.run(there_and_back()) == written


async def test_views_and_versions_are_apart(store, writer, reader):
    await writer.write([row(offset=1)])
    await FeatureWriter(store, "sensors", version=2).write([row(offset=2)])
    await FeatureWriter(store, "other").write([row(offset=3)])
    assert await reader.get("pump") == row(offset=1)
    assert await FeatureReader(store, "sensors", version=2).get("pump") == row(offset=2)
    assert await FeatureReader(store, "other").get("pump") == row(offset=3)


async def test_as_many_features_as_the_widest_reading_gives(writer, reader):
    # 512 channels with eleven statistics each: more than Lua can unpack at once.
    wide = row(**{f"channel{c}.stat{s}": float(c * s) for c in range(512) for s in range(11)})
    assert await writer.write([wide]) == 1
    assert await reader.get("pump") == wide


async def test_entities_are_listed_newest_first_and_counted(writer, reader):
    await writer.write([row(f"pump{n}", n) for n in (2, 5, 1, 4, 3)])
    assert await reader.entities(limit=3) == [("pump5", 105.0), ("pump4", 104.0), ("pump3", 103.0)]


async def test_an_entity_that_falls_silent_is_forgotten(store, writer):
    await writer.write([row()])
    left = await store.client.ttl(store.keys.features("sensors", 1, "pump"))
    assert 0 < left <= 60


async def test_nothing_to_write_is_nothing_written(writer):
    assert await writer.write([]) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"note": "1"},
        {"_offset": "1", "_event_ts": "1e18", "_written_ts": "1"},
        {"_offset": "1", "_event_ts": "1", "_written_ts": "nan"},
        {"_offset": "x", "_event_ts": "1", "_written_ts": "1"},
        {"_offset": "1", "_event_ts": "1", "_written_ts": "1", "flow": "much"},
        {"_offset": "1", "_event_ts": "1", "_written_ts": "1", b"\xff": "1"},
    ],
)
async def test_what_is_no_row_is_named_by_its_key(store, reader, fields):
    key = store.keys.features("sensors", 1, "pump")
    await store.client.hset(key, mapping=fields)
    with pytest.raises(StateError, match=f"^{key} holds no features"):
        await reader.get("pump")


async def test_entities_with_forged_times_or_names_are_named_and_passed_over(store, writer, reader, caplog):
    await writer.write([row()])
    forged = {"a": 1e18, "b": float("inf"), "c": -1.0, b"\xff": 5.0}
    await store.client.zadd(store.keys.entities("sensors"), forged)
    assert await reader.entities() == [("pump", 101.0)]
    for name in ("b'a' at 1e+18", "b'b' at inf", "b'c' at -1", "at 5"):
        assert name in caplog.text
