"""A worker and its readers on a Redis Cluster: the same as on one server, also while the slot moves to another node."""

import asyncio
import json
import math
from contextlib import asynccontextmanager

import pytest
import redis
from conftest import eventually
from security.real import needs_redis
from security.test_redis import SECRET, USERS
from servers.redis_cluster import RedisCluster

from stream_app.client import AsyncFeatureClient, FeatureClient
from stream_app.core.features import DAY, Feature, FeatureView, Sliding
from stream_app.errors import FencedError, StoreError, StoreUnavailableError
from stream_app.events import Topics
from stream_app.runtime.worker import Worker
from stream_app.settings import RedisSettings, SensorStream, SessionStream
from stream_app.store import AlertReader, Checkpoint, CheckpointStore, FeatureReader, ViewRegistry, connect
from stream_app.store.functions import library

pytestmark = [pytest.mark.integration, pytest.mark.slow, needs_redis]

START = 1_600_000_000.0
ENTITIES = [f"customer {i}" for i in range(700)]
VIEW = FeatureView(
    "purchases",
    (Feature("spent", "sum", "amount", Sliding(DAY)), Feature("bought", "count", window=Sliding(DAY))),
    stream="shop",
)
ASKED = ["purchases:spent", "purchases:bought"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def users(cluster, prefix):
    """Let the documented users in on every node."""
    for server in cluster.servers:
        with redis.Redis(port=server.port) as admin:
            admin.function_flush()
            admin.function_load(library())
            for name, line in USERS.items():
                rules = (
                    line.replace("~sg:*", f"~{{{prefix}}}:*").replace("&sg:*", f"&{{{prefix}}}:*").split()[2:]
                )
                rules[rules.index(">PASSWORD")] = f">{SECRET}"
                admin.execute_command("ACL", "SETUSER", name, "reset", *rules)
            admin.acl_log_reset()


@pytest.fixture
def redis_settings(cluster, users, prefix):
    return RedisSettings(
        url=f"redis://127.0.0.1:{cluster.servers[0].port}",
        prefix=prefix,
        cluster=True,
        username="streamgauge",
        password=SECRET,
    )


@pytest.fixture
async def reader(redis_settings):
    reader = await connect(redis_settings.model_copy(update={"username": "streamgauge-reader"}))
    yield reader
    await reader.close()


@pytest.fixture
def settings(settings):
    worker = settings.worker.model_copy(update={"partitions": 1})
    streams = {"sensors": SensorStream(), "shop": SessionStream(max_future="1000 days")}
    return settings.model_copy(update={"worker": worker, "streams": streams})


@asynccontextmanager
async def working(settings):
    worker = Worker(settings, [VIEW])
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await eventually(lambda: worker.ready.is_set() or task.done(), 40)
        yield task
    finally:
        worker.stop()
        await asyncio.wait_for(task, 20)


def purchases(first, last):
    return [
        (ENTITIES[i % len(ENTITIES)], START + i, [0.1, 1e6, -7.25, 2.5][i // len(ENTITIES) % 4])
        for i in range(first, last)
    ]


async def send(producer, settings, first, last):
    topics = Topics(settings.prefix)
    for entity, ts, amount in purchases(first, last):
        value = json.dumps({"entity": entity, "ts": ts, "type": "purchase", "values": {"amount": amount}})
        await producer.send(topics.sessions, value.encode(), key=entity.encode())
    for i in range(first // 2, last // 2):
        flow = float(i % 7) + (500.0 if i >= 1500 else 0.0)
        value = json.dumps({"source": "pump", "ts": START + i, "values": {"flow": flow}})
        await producer.send(topics.sensors, value.encode(), key=b"pump")
    await producer.flush()


async def position(store, settings, topic):
    key = store.keys.offsets(settings.worker.group, topic, 0)
    return int(await store.client.hget(key, "next") or 0)


async def processed(store, settings, task, last):
    topics = Topics(settings.prefix)

    async def there():
        assert not task.done(), task
        try:
            shop, pump = [
                await position(store, settings, topic) for topic in (topics.sessions, topics.sensors)
            ]
        except redis.RedisError:
            return False  # the slot is on its way
        return (shop, pump) == (last, last // 2)

    await eventually(there, 40)


async def check(settings, last):
    at = START + last
    taken = purchases(0, last)
    expected = [
        [
            math.fsum(amount for name, _, amount in taken if name == entity),
            sum(name == entity for name, *_ in taken),
        ]
        for entity in ENTITIES
    ]
    reader = settings.redis
    if reader.username:
        reader = reader.model_copy(update={"username": "streamgauge-reader"})
    with FeatureClient(reader) as client:
        assert client.get_online_features(ASKED, ENTITIES, at).to_numpy().tolist() == expected
        assert len(client.list_entities("purchases", 1000)) == len(ENTITIES)
    async with AsyncFeatureClient(reader) as client:
        assert (await client.get_online_features(ASKED, ENTITIES, at)).to_numpy().tolist() == expected


async def test_a_worker_on_a_cluster_whose_slot_moves(
    cluster, settings, store, reader, producer, make_topic, read_topic, prefix
):
    for topic in ("session.events", "sensor.readings"):
        await make_topic(topic)
    tag = f"{{{prefix}}}:"
    async with working(settings) as task:
        await send(producer, settings, 0, 1400)
        await processed(store, settings, task, 1400)
        await check(settings, 1400)
        first = cluster.owner(tag)
        sending = asyncio.create_task(send(producer, settings, 1400, 3600))
        await asyncio.to_thread(cluster.move, tag, (first + 1) % 3)
        await sending
        await processed(store, settings, task, 3600)
    # Another worker takes over on the node that has the slot now, from a client that began at another one.
    async with working(settings) as task:
        await asyncio.to_thread(cluster.move, tag, (first + 2) % 3)
        await send(producer, settings, 3600, 4200)
        await processed(store, settings, task, 4200)
    await check(settings, 4200)
    row = await FeatureReader(reader, "sensors").get("pump")
    assert row.values["events"] == 2100
    told = [alert.id for alert in await AlertReader(reader).recent(1000)]
    published = await read_topic(Topics(settings.prefix).alerts("anomaly"), 1, timeout=10.0)
    assert json.loads(published[0].value)["data"]["id"] in told
    assert await AlertReader(reader).show(told[0][:8]) is not None
    mine = [[key for key in cluster.keys(which) if key.startswith(f"{{{prefix}")] for which in range(3)]
    assert [len(keys) > len(ENTITIES) for keys in mine] == [which == cluster.owner(tag) for which in range(3)]
    assert sum(map(bool, mine)) == 1
    for server in cluster.servers:
        with redis.Redis(port=server.port) as admin:
            assert admin.acl_log() == [], "nothing was tried that is not allowed"


async def test_the_node_that_has_the_slot_is_away_for_a_while(
    cluster, settings, store, producer, make_topic, prefix
):
    for topic in ("session.events", "sensor.readings"):
        await make_topic(topic)
    server = cluster.servers[cluster.owner(f"{{{prefix}}}:")]
    # Users that were made by commands are gone after a restart.
    anybody = RedisSettings(url=settings.redis.url, prefix=prefix, cluster=True)
    settings = settings.model_copy(update={"redis": anybody})
    store = await connect(anybody)
    async with working(settings) as task:
        await send(producer, settings, 0, 1000)
        await processed(store, settings, task, 1000)
        server.stop()
        await send(producer, settings, 1000, 1400)
        with pytest.raises(StoreUnavailableError, match="cannot be reached while connecting"):
            FeatureClient.connect(settings.redis)
        server.start()
        await processed(store, settings, task, 1400)
    await store.close()
    await check(settings, 1400)


async def test_a_deposed_worker_is_shut_out_after_the_slot_moved(cluster, store, prefix):
    checkpoints = CheckpointStore(store, "group")
    first = await checkpoints.claim("topic", 0)
    tag = f"{{{prefix}}}:"
    await asyncio.to_thread(cluster.move, tag, (cluster.owner(tag) + 1) % 3)
    second = await checkpoints.claim("topic", 0)
    with pytest.raises(FencedError):
        await checkpoints.write(Checkpoint(first, None, 1, {"a": b"state"}))
    await checkpoints.write(Checkpoint(second, None, 1, {"a": b"state"}))
    assert await checkpoints.states(second, ["a"]) == {"a": b"state"}


async def test_what_is_set_wrongly_is_told(cluster, redis_settings, store_url, prefix):
    elsewhere = (cluster.owner(prefix) + 1) % 3
    url = f"redis://127.0.0.1:{cluster.servers[elsewhere].port}"
    alone = await connect(RedisSettings(url=url, prefix=prefix))
    try:
        with pytest.raises(StoreError, match=r"set redis.cluster = true"):
            await alone_answers(alone, prefix)
        with pytest.raises(StoreError, match=r"set redis.cluster = true"):
            await ViewRegistry(alone).register(VIEW, now=0.0)
    finally:
        await alone.close()
    with pytest.raises(StoreError, match=r"leave redis.cluster out"):
        await connect(RedisSettings(url=store_url, cluster=True))
    with pytest.raises(StoreError, match=r"leave redis.cluster out"):
        FeatureClient.connect(RedisSettings(url=store_url, cluster=True))


async def alone_answers(store, prefix):
    async with store.errors("reading"):
        await store.client.get(prefix)
