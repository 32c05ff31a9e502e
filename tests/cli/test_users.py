"""Every command and every kind of worker as the documented users of Redis, who have what they need and no more."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import redis
from conftest import eventually
from security.real import needs_redis
from servers.redis import RedisServer
from whole_deployment import SOURCE, fill, settings_of

from stream_app.client import FeatureClient
from stream_app.events import Topics
from stream_app.routes.notifier import notify
from stream_app.settings import PredictionStream, RedisSettings, SensorStream, SessionStream, Settings
from stream_app.store import AlertReader, connect
from stream_app.store.functions import library

pytestmark = [pytest.mark.integration, pytest.mark.slow, needs_redis]

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
USERS = dict(re.findall(r"^user (\S+) on >PASSWORD (.*)$", OPERATIONS, re.MULTILINE))
LOOKING = (
    ("alerts", "list"),
    ("alerts", "list", "--all"),
    ("alerts", "tail", "--no-follow"),
    ("alerts", "list", "--alerts"),
    ("alerts", "precision"),
    ("alerts", "show", "{short}"),
    ("features", "list"),
    ("features", "get", SOURCE),
    ("features", "versions"),
    ("features", "get", SOURCE, "--view", "purchases"),
    ("features", "list", "--view", "purchases"),
)
SAYING = (
    ("alerts", "ack", "{short}", "--by", "anna"),
    ("alerts", "mute", "{short}", "--for", "1h"),
    ("alerts", "false", "{short}"),
    ("silence", "add", "--source", "nobody", "--for", "1h"),
    ("silence", "list"),
)
RARE = {"cluster|slots", "zremrangebyrank", "hincrby"}
"""On a cluster, and for more than 100,000 entities of a view."""


@pytest.fixture
def server(tmp_path):
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def admin(server, prefix):
    with redis.Redis(port=server.port, decode_responses=True) as client:
        client.function_load(library())
        for name, rules in USERS.items():
            client.execute_command(
                "ACL", "SETUSER", name, "on", ">word-of-it", *rules.replace("sg:", f"{prefix}:").split()
            )
        client.acl_log_reset()
        yield client


@pytest.fixture
def as_user(server, admin, monkeypatch):
    """Log the program in, and return the settings of that."""

    def become(name):
        redis = RedisSettings(url=f"redis://127.0.0.1:{server.port}/0", username=name, password="word-of-it")
        monkeypatch.setenv("STREAMGAUGE_REDIS", redis.url.get_secret_value())
        monkeypatch.setenv("STREAMGAUGE_REDIS__USERNAME", name)
        monkeypatch.setenv("STREAMGAUGE_REDIS__PASSWORD", "word-of-it")
        admin.config_resetstat()
        return redis

    return become


def called(admin):
    """Commands that were called since the last look, those of functions among them."""
    return {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}


def allowed(name):
    return set(re.findall(r"\+(\S+)", USERS[name]))


def look(call, commands, short, redis, prefix):
    asyncio.run(follow(redis.model_copy(update={"prefix": prefix})))
    for command in commands:
        ended = call(*(word.format(short=short) for word in command))
        assert ended.code == 0, (command, ended)


async def follow(redis):
    store = await connect(redis)
    try:
        assert await anext(AlertReader(store).follow("0")) is not None
    finally:
        await store.close()


def test_documented_users_suffice_and_have_no_more(call, servers, prefix, admin, as_user, broker_address):
    redis = as_user("streamgauge")
    streams = {
        "sensors": SensorStream(lateness=1.0, source_ttl=2.0),
        "sessions": SessionStream(),
        "predictions": PredictionStream(),
    }
    settings = settings_of(broker_address, redis, prefix, **streams)
    topics = Topics(prefix)
    # More than one slice of a checkpoint, and sources that expire until the next worker comes.
    many = [{"source": f"s{i}", "ts": 1.6e9, "values": {"flow": 1.0}} for i in range(400)]
    said = {"source": "pets", "ts": 1.6e9, "id": "a", "version": "v", "prediction": "cat"}
    asyncio.run(fill(settings, before=[*((topics.sensors, one) for one in many), (topics.predictions, said)]))
    # Another worker, who takes over.
    asyncio.run(fill(settings))
    short = admin.xrevrange(f"{prefix}:alerts", count=1)[0][1]["id"][:8]
    look(call, (*LOOKING, *SAYING), short, redis, prefix)
    # Appends to the audit log what was said.
    asyncio.run(fill(settings))
    asyncio.run(notified(settings, admin, prefix))
    assert call("check").code == 0
    assert admin.acl_log() == [], "nothing was tried that is not allowed"
    assert allowed("streamgauge") - called(admin) <= RARE

    operator = as_user("streamgauge-operator")
    look(call, (*LOOKING, *SAYING), short, operator, prefix)
    assert '"by":"anna"' in admin.hget(f"{prefix}:incident:{show(call, short)}", "acknowledged")
    assert admin.acl_log() == []
    assert allowed("streamgauge-operator") - called(admin) <= RARE | {"mget"}

    reader = as_user("streamgauge-reader")
    look(call, LOOKING, short, reader, prefix)
    with FeatureClient(reader, prefix=prefix) as client:
        client.get_online_features(["purchases:spent"], [SOURCE])
    assert admin.acl_log() == []
    assert allowed("streamgauge-reader") - called(admin) <= RARE
    assert call("alerts", "ack", short).failed("permission")


async def notified(settings, admin, prefix):
    """Let a notifier make a message of the alerts that there are, and try to send it."""
    channel = {"kind": "webhook", "url": "http://127.0.0.1:1/"}
    routes = {
        "night": {
            "channel": channel,
            "group_wait": 0.1,
            "dead_after": 1.0,
            "inhibit": [{"by": {"source": "x"}}],
        }
    }
    work = asyncio.create_task(notify(Settings.model_validate(settings.model_dump() | {"routes": routes})))
    await eventually(lambda: work.done() or admin.hlen(f"{prefix}:routes:dead:alerts"), 60)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert admin.exists(f"{prefix}:route:night:message")


def show(call, short):
    return json.loads(call("alerts", "show", short, "--json").out)["incident"]["id"]
