"""A server that refuses: one line that says what to do, and no half of an effect."""

import shutil

import pytest
from conftest import eventually
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from servers.redis import RedisServer

from stream_app.core.features import Feature, FeatureView, Sliding
from stream_app.embedded import EmbeddedStore
from stream_app.errors import StoreError, StoreUnavailableError
from stream_app.events import Alert, AlertState, LogId, Severity, alert_id
from stream_app.monitors.sessions import LogChange
from stream_app.settings import RedisSettings
from stream_app.store import (
    AlertWriter,
    Checkpoint,
    CheckpointStore,
    FeatureLogReader,
    FeatureLogWriter,
    FeatureRow,
    FeatureWriter,
    Fence,
    LastSeen,
    OutboxStore,
    connect,
)

pytestmark = pytest.mark.integration

TOPIC = "sensor.readings"
VIEW = FeatureView("purchases", (Feature("n", "count", window=Sliding(60)),))


@pytest.fixture(scope="module", params=["valkey", "redis"])
def server(request, tmp_path_factory):
    if request.param == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    directory = tmp_path_factory.mktemp("redis")
    server = (
        EmbeddedStore(config={"enable-protected-configs": "yes"})
        if request.param == "valkey"
        else RedisServer(directory, options=["--enable-protected-configs", "yes"])
    )
    yield server.start()
    server.stop()


@pytest.fixture
async def admin(server):
    client = Redis.from_url(server)
    yield client
    await client.aclose()


@pytest.fixture
async def store(server, prefix):
    store = await connect(RedisSettings(url=server, prefix=prefix), retries=0)
    yield store
    await store.close()


def alert(offset):
    return Alert(
        id=alert_id("sensors", "pump", "adwin", "flow", LogId(0), offset),
        stream="sensors",
        source="pump",
        kind="drift",
        detector="adwin",
        channel="flow",
        state=AlertState.FIRING,
        severity=Severity.WARNING,
        started_at=1000.0,
        partition=0,
        offset=offset,
        statistic=1.0,
        threshold=0.5,
        summary="flow fell",
    )


@pytest.fixture
async def owned(store):
    """A partition with something of everything in it."""
    claim = await CheckpointStore(store, "g").claim(TOPIC, 0)
    fence = Fence(claim, None)
    await AlertWriter(store).write([alert(1)], fence)
    await FeatureWriter(store, "sensors").write([FeatureRow("pump", 1, 1.0, 1.0, {"a": 1.0})], fence)
    checkpoint = Checkpoint(
        claim, None, 10, {"pump": b"x" * 1000}, {"pump": LastSeen(9, 1.0)}, (), fence.writes
    )
    await CheckpointStore(store, "g").write(checkpoint)
    fence.position = 10
    return fence


def writes(store, fence):
    checkpoints, outbox = CheckpointStore(store, "g"), OutboxStore(store)

    async def trim():
        await outbox.remove(fence.claim, (await outbox.read(fence.claim, count=1))[0])

    states = {f"pump-{i}": bytes([i]) * 1000 for i in range(50)}
    return {
        "an alert": lambda: AlertWriter(store).write([alert(2)], fence),
        "features": lambda: FeatureWriter(store, "sensors").write(
            [FeatureRow("pump", 2, 2.0, 2.0, {"a": 2.0})], fence
        ),
        "logs": lambda: FeatureLogWriter(store, (VIEW,)).write(
            [LogChange(f"e{i}", VIEW.key, bytes([i]) * 1000, None, (0, i), 1.0) for i in range(50)],
            written_ts=1.0,
            fence=fence,
        ),
        "a checkpoint": lambda: checkpoints.write(
            Checkpoint(fence.claim, 10, 20, states, {}, ("pump",), fence.writes)
        ),
        "a claim": lambda: checkpoints.claim(TOPIC, 0),
        "the outbox": trim,
    }


async def content(client, prefix):
    """All there is under a prefix, but for the number of pipelines: the mark may be taken where an effect is refused."""
    found = {}
    async for key in client.scan_iter(match=f"{prefix}:*"):
        dump = await client.dump(key)
        found[key] = (await client.hgetall(key)) if key.endswith(b":position") else dump
        if isinstance(found[key], dict):
            found[key].pop(b"writes", None)
    return found


async def full(admin, _):
    await admin.config_set("maxmemory", 1)


async def read_only(admin, _):
    await admin.replicaof("127.0.0.1", 1)
    await admin.config_set("replica-serve-stale-data", "yes")


async def no_disk(admin, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    await admin.config_set("dir", str(gone))
    gone.rmdir()
    await admin.config_set("save", "3600 1")
    await admin.config_set("stop-writes-on-bgsave-error", "yes")
    try:
        await admin.bgsave()
    except ResponseError as error:
        if "in progress" not in str(error):
            raise

    async def failed():
        return (await admin.info("persistence"))["rdb_last_bgsave_status"] == "err"

    await eventually(failed)


async def well_again(admin, tmp_path):
    await admin.config_set("maxmemory", 0)
    await admin.replicaof("no", "one")
    await admin.config_set("save", "")
    await admin.config_set("stop-writes-on-bgsave-error", "no")
    await admin.config_set("dir", str(tmp_path))


@pytest.mark.parametrize("what", ["an alert", "features", "logs", "a checkpoint", "a claim"])
@pytest.mark.parametrize(
    ("refuse", "remedy"),
    [
        (full, "raise maxmemory"),
        (read_only, "name the primary in redis.url"),
        (no_disk, "make room on its disk"),
    ],
    ids=["full", "read-only", "no disk"],
)
async def test_a_server_that_refuses_is_told_in_one_line_and_keeps_what_it_has(
    store, admin, owned, tmp_path, prefix, refuse, remedy, what
):
    write = writes(store, owned)[what]
    before = await content(admin, prefix)
    await refuse(admin, tmp_path)
    try:
        with pytest.raises(StoreError, match=rf"Redis at .* refuses .*{remedy}") as caught:
            await write()
        assert await content(admin, prefix) == before
    finally:
        await well_again(admin, tmp_path)
    assert not isinstance(caught.value, StoreUnavailableError)
    assert "\n" not in str(caught.value)
    await write()
    assert await content(admin, prefix) != before


@pytest.mark.parametrize(
    ("what", "denied"),
    [
        ("an alert", "-xadd"),
        ("an alert", "-hset"),
        ("features", "-hset"),
        ("features", "-zcard"),
        ("logs", "-set"),
        ("logs", "-zadd"),
        ("logs", "-getrange"),
        ("a checkpoint", "-hset"),
        ("a checkpoint", "-hlen"),
        ("a claim", "-hincrby"),
        ("the outbox", "-xtrim"),
        ("an alert", "-fcall"),
        ("a checkpoint", "-@all +ping"),
    ],
)
async def test_a_user_that_may_not_is_told_which_rights_it_lacks(
    server, admin, store, owned, prefix, what, denied
):
    rules = ["on", ">secret-word", f"~{prefix}:*", "&*", "+@all", *denied.split()]
    await admin.execute_command("ACL", "SETUSER", "limited", "reset", *rules)
    url = server.replace("redis://", "redis://limited:secret-word@")
    limited = await connect(RedisSettings(url=url, prefix=prefix), retries=0)
    try:
        with pytest.raises(StoreError, match=r"refuses .*let the user have the commands") as caught:
            await writes(limited, owned)[what]()
    finally:
        await limited.close()
        await admin.execute_command("ACL", "DELUSER", "limited")
    assert "secret-word" not in str(caught.value)
    assert "\n" not in str(caught.value)
    # Once it may, what was refused is written whole.
    await writes(store, owned)[what]()
    if what == "logs":
        assert all(await FeatureLogReader(store).read(VIEW.key, [f"e{i}" for i in range(50)]))
        assert await store.client.zcard(store.keys.view_entities("purchases", 1)) == 50
    if what == "an alert":
        assert await store.client.zcard(store.keys.firing) == 2
        assert await store.client.hget(store.keys.alert(alert(2).id), "state") == b"firing"


async def test_a_user_that_may_not_touch_other_keys_is_enough(server, admin, prefix):
    rules = ["on", ">secret-word", f"~{prefix}:*", f"&{prefix}:*", "+@all", "-@dangerous", "-@admin"]
    await admin.execute_command("ACL", "SETUSER", "enough", "reset", *rules)
    url = server.replace("redis://", "redis://enough:secret-word@")
    limited = await connect(RedisSettings(url=url, prefix=prefix), retries=0)
    try:
        checkpoints = CheckpointStore(limited, "g")
        claim = await checkpoints.claim(TOPIC, 0)
        fence = Fence(claim, None)
        await AlertWriter(limited).write([alert(1)], fence)
        await FeatureWriter(limited, "sensors").write([FeatureRow("pump", 1, 1.0, 1.0, {"a": 1.0})], fence)
        await checkpoints.write(Checkpoint(claim, None, 5, {"pump": b"x"}, {}, (), fence.writes))
        await checkpoints.check([fence])
        assert await checkpoints.seen(claim) == {"pump": LastSeen(4, 0.0)}
        assert await checkpoints.states(claim, ["pump"]) == {"pump": b"x"}
        await OutboxStore(limited).remove(claim, (await OutboxStore(limited).read(claim, count=9))[-1])
    finally:
        await limited.close()
        await admin.execute_command("ACL", "DELUSER", "enough")
