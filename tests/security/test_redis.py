"""redis-server behind certificates, and with a user who may do what a worker needs and no more."""

import asyncio
import json
import re
import time
import traceback
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from conftest import eventually
from security.certificates import PASSWORD as KEY_PASSWORD
from security.real import needs_redis
from servers.redis import RedisServer

from stream_app.client import AsyncFeatureClient
from stream_app.core.features import DAY, Feature, FeatureView, Sliding
from stream_app.embedded import free_port
from stream_app.errors import SettingsError, StoreError, StoreUnavailableError
from stream_app.kafka import start_producer
from stream_app.runtime.worker import Worker
from stream_app.settings import RedisSettings, SessionStream, load_settings
from stream_app.store import AlertReader, FeatureReader, connect
from stream_app.store.functions import function_name, library

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
USERS = {
    line.split()[1]: line for line in re.findall(r"^user \S+ on >PASSWORD .*$", OPERATIONS, re.MULTILINE)
}
SCRIPTS = ROOT / "stream_app" / "store" / "scripts"

SECRET, WRONG = "hunter2=/secret+%40", "not-the-password"


def allowed(line):
    return set(re.findall(r"\+(\S+)", line))


def test_the_documented_user_may_call_what_our_scripts_call():
    called = {
        name.lower()
        for path in SCRIPTS.glob("*.lua")
        for name in re.findall(r"redis\.p?call\(\s*'(\w+)'", path.read_text(encoding="utf-8"))
    }
    assert len(called) > 10
    assert called <= allowed(USERS["streamgauge"])


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("streamgauge", [" ~sg:*"]),
        ("streamgauge-operator", [" %R~sg:*", " ~sg:incident:*", " ~sg:incidents:*"]),
        ("streamgauge-reader", [" %R~sg:*"]),
    ],
)
def test_documented_users_begin_with_nothing_and_stay_in_their_keys(name, patterns):
    line = USERS[name]
    assert " -@all " in line
    assert re.findall(r"\s[~%]\S+", line) == patterns
    assert re.findall(r"\s&\S+", line) in ([" &sg:*"], [])
    assert not allowed(line) & {
        "@all",
        "eval",
        "evalsha",
        "script",
        "function",
        "config",
        "keys",
        "scan",
        "flushall",
        "acl",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    """A server with TLS and the documented users; its plain port is the administrator's."""
    folder = tmp_path_factory.mktemp("redis")
    users = folder / "users.acl"
    lines = [line.replace(">PASSWORD", f">{SECRET}") for line in USERS.values()]
    users.write_text("\n".join(["user default on >administrator ~* &* +@all", *lines, ""]))
    port = free_port()
    options = {
        "aclfile": users,
        "tls-port": port,
        "tls-ca-cert-file": certificates.ca,
        "tls-cert-file": certificates.server.cert,
        "tls-key-file": certificates.server.key,
        "tls-auth-clients": "no",
    }
    server = RedisServer(
        folder / "data",
        options=[part for name, value in options.items() for part in (f"--{name}", str(value))],
    )
    server.start()
    server.tls_port = port
    yield server
    server.stop()


@pytest.fixture
def admin(server):
    with redis.Redis(port=server.port, password="administrator", decode_responses=True) as client:
        client.flushall()
        client.function_flush()
        client.function_load(library())
        client.acl_log_reset()
        yield client


@pytest.fixture
def settings_of(server, certificates):
    def make(host="127.0.0.1", scheme="rediss", **changes):
        said = {
            "url": f"{scheme}://{host}:{server.tls_port if scheme == 'rediss' else server.port}/0",
            "username": "streamgauge",
            "password": SECRET,
            "ca_file": str(certificates.ca) if scheme == "rediss" else None,
        }
        return RedisSettings(**(said | changes))

    return make


real = [pytest.mark.integration, pytest.mark.slow, needs_redis]


def marked(function):
    for mark in real:
        function = mark(function)
    return function


@asynccontextmanager
async def working(settings, *views):
    worker = Worker(settings, views)
    work = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await eventually(lambda: worker.ready.is_set() or work.done(), 40)
        yield work
    finally:
        worker.stop()
        await asyncio.wait_for(asyncio.gather(work, return_exceptions=True), 20)


def readings(first, last):
    for i in range(first, last):
        flow = float(i % 7) + (500.0 if i >= 1500 else 0.0)
        yield json.dumps({"source": "pump", "ts": 1.6e9 + i, "values": {"flow": flow}}).encode()


@marked
async def test_a_worker_runs_as_the_documented_user_over_tls(settings, settings_of, admin):
    settings = settings.model_copy(update={"redis": settings_of()})
    producer = await start_producer(settings.kafka)
    reader = await connect(settings_of(username="streamgauge-reader"))
    features, alerts = FeatureReader(reader, "sensors"), AlertReader(reader)

    async def seen(count):
        assert not work.done(), work
        row = await features.get("pump")
        return row is not None and row.values["events"] == count

    try:
        # Two workers one after the other: the second one takes over, and reads what the first one stored.
        for first, last in ((0, 1000), (1000, 2000)):
            async with working(settings) as work:
                for value in (b"{", *readings(first, last)):
                    await producer.send(f"{settings.prefix}.sensor.readings", value, key=b"pump")
                await producer.flush()
                await eventually(lambda last=last: seen(last), 40)
                if last == 2000:
                    raised = await eventually(lambda: alerts.recent(100), 20)
            assert work.exception() is None
        assert await alerts.show(raised[0].id[:8]) is not None
        assert [name for name, _ in await features.entities()] == ["pump"]
        await alerts.firing()
    finally:
        await producer.stop()
        await reader.close()
    assert admin.acl_log() == [], "nothing was tried that is not allowed"
    assert all(key.startswith("sg:") for key in admin.scan_iter())


@marked
async def test_a_worker_of_sessions_runs_as_the_documented_user_over_tls(settings, settings_of, admin):
    spent = FeatureView("purchases", (Feature("spent", "sum", "amount", Sliding(DAY)),), stream="sessions")
    streams = {"sessions": SessionStream(max_future="1000 days")}
    settings = settings.model_copy(update={"redis": settings_of(), "streams": streams})
    producer = await start_producer(settings.kafka)
    reader = settings_of(username="streamgauge-reader")

    async def served(client, count):
        assert not work.done(), work
        found = await client.get_online_features(["purchases:spent"], ["c"], at=1.6e9 + count)
        return found["c", "purchases:spent"].value == count

    async def known(client):
        return await client.list_views()

    try:
        async with AsyncFeatureClient(reader) as client:
            # Two workers one after the other: the second one reads the log that the first one stored.
            for last in (500, 1000):
                async with working(settings, spent) as work:
                    for i in range(last - 500, last):
                        event = {"entity": "c", "ts": 1.6e9 + i, "type": "bought", "values": {"amount": 1.0}}
                        await producer.send(
                            f"{settings.prefix}.session.events", json.dumps(event).encode(), key=b"c"
                        )
                    await producer.flush()
                    await eventually(lambda: known(client), 40)
                    await eventually(lambda last=last: served(client, last), 40)
                assert work.exception() is None
            assert [name for name, _ in await client.list_entities("purchases")] == ["c"]
    finally:
        await producer.stop()
    assert admin.acl_log() == [], "nothing was tried that is not allowed"
    assert all(key.startswith("sg:") for key in admin.scan_iter())


REFUSED = [
    ("get", "other"), ("getdel", "sg:x"), ("keys", "*"), ("flushall",), ("flushdb",), ("config", "get", "*"), ("config", "set", "dir", "/"),
    ("acl", "list"), ("acl", "whoami"), ("eval", "return 1", "0"), ("evalsha", "0" * 40, "0"), ("script", "flush"),
    ("script", "load", "return 1"), ("script", "kill"), ("scan", "0"), ("function", "load", "x"), ("function", "flush"), ("slaveof", "h", "1"), ("replicaof", "h", "1"),
    ("shutdown", "nosave"), ("save",), ("bgsave",), ("monitor",), ("migrate", "h", "1", "k", "0", "1"), ("client", "list"),
    ("client", "kill", "1.2.3.4:1"), ("hget", "other", "f"), ("hset", "other", "f", "v"), ("del", "other"),
    ("xadd", "sgx", "*", "f", "v"), ("publish", "other", "x"), ("psubscribe", "*"), ("sort", "sg:x"), ("dump", "sg:x"),
    ("restore", "sg:x", "0", "x"), ("rename", "sg:x", "sg:y"), ("append", "sg:x", "1"), ("swapdb", "0", "1"),
]  # fmt: skip


@marked
@pytest.mark.parametrize("user", USERS)
async def test_the_documented_users_are_refused_all_else(settings_of, admin, user):
    store = await connect(settings_of(username=user))
    try:
        for command in REFUSED:
            with pytest.raises(redis.exceptions.NoPermissionError):
                await store.client.execute_command(*command)
        if user != "streamgauge":
            for command in (
                ("fcall", function_name("claim"), "1", "sg:x", "owner", ""),
                ("hset", "sg:x", "f", "v"),
                ("set", "sg:x", "1"),
                ("del", "sg:x"),
                ("xadd", "sg:alerts", "*", "f", "v"),
            ):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    await store.client.execute_command(*command)
    finally:
        await store.close()
    assert admin.dbsize() == 0


@marked
async def test_a_worker_whose_user_may_not_write_stops_with_the_reason(settings, settings_of, admin):
    settings = settings.model_copy(update={"redis": settings_of(username="streamgauge-reader")})
    begin = time.monotonic()
    async with working(settings) as work:
        await asyncio.wait_for(asyncio.wait([work]), 30)
    assert isinstance(work.exception(), StoreError)
    assert not isinstance(work.exception(), StoreUnavailableError)
    assert re.search(
        r"Redis at rediss://127.0.0.1:\d+ refuses .*permission", str(work.exception()), re.IGNORECASE
    )
    assert time.monotonic() - begin < 20


@marked
async def test_a_worker_without_its_functions_says_what_an_administrator_does(settings, settings_of, admin):
    admin.function_flush()
    settings = settings.model_copy(update={"redis": settings_of()})
    async with working(settings) as work:
        await asyncio.wait_for(asyncio.wait([work]), 30)
    assert "streamgauge functions > library.lua, redis-cli -x FUNCTION LOAD < library.lua" in str(
        work.exception()
    )
    assert admin.dbsize() == 0


@marked
@pytest.mark.parametrize("change", ["password", "certificate"])
async def test_a_worker_that_is_no_longer_let_in_stops_instead_of_waiting(
    settings, settings_of, certificates, admin, change
):
    settings = settings.model_copy(update={"redis": settings_of()})
    async with working(settings) as work:
        assert not work.done()
        if change == "password":
            admin.execute_command("acl", "setuser", "streamgauge", "resetpass", ">another")
        else:
            show(admin, certificates.expired)
        try:
            admin.client_kill_filter(_type="normal", skipme=True)
            await asyncio.wait_for(asyncio.wait([work]), 30)
        finally:
            admin.execute_command("acl", "setuser", "streamgauge", "resetpass", f">{SECRET}")
            show(admin, certificates.server)
    said = {"password": "refuses the login", "certificate": "certificate has expired"}
    assert said[change] in str(work.exception())
    assert not isinstance(work.exception(), StoreUnavailableError)


async def told(settings, *secrets):
    """What is said where Redis cannot be used; it must come soon, on one line, and without a secret."""
    begin = time.monotonic()
    with pytest.raises((StoreError, SettingsError)) as caught:
        await connect(settings)
    assert time.monotonic() - begin < 5, "trying again will not help"
    assert not isinstance(caught.value, StoreUnavailableError)
    everything = "".join(traceback.format_exception(caught.value))
    assert not any(secret in everything for secret in (SECRET, WRONG, KEY_PASSWORD, *secrets))
    assert str(caught.value).count("\n") == 0
    return str(caught.value)


@marked
@pytest.mark.parametrize("changes", [{"password": WRONG}, {"username": "nobody"}], ids=["password", "user"])
async def test_a_wrong_login_is_told_at_once(settings_of, changes):
    assert "refuses the login while connecting" in await told(settings_of(**changes))


@marked
async def test_no_login_is_told(settings_of):
    assert "refuses" in await told(settings_of(username=None, password=None))


@marked
async def test_a_store_of_an_unknown_authority_gets_no_password(settings_of, certificates):
    for ca in (str(certificates.other_ca), None):
        message = await told(settings_of(ca_file=ca))
        assert "cannot be trusted while connecting: its certificate is not trusted: " in message


@marked
@pytest.mark.parametrize(
    ("shown", "host", "reason"),
    [
        ("elsewhere", "127.0.0.1", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("elsewhere", "localhost", "Hostname mismatch, certificate is not valid for 'localhost'"),
        ("expired", "127.0.0.1", "certificate has expired"),
    ],
)
async def test_a_certificate_with_a_flaw_is_told(settings_of, certificates, admin, shown, host, reason):
    show(admin, getattr(certificates, shown))
    try:
        assert (await told(settings_of(host))).endswith(f"its certificate is not trusted: {reason}")
    finally:
        show(admin, certificates.server)


def show(admin, pair):
    admin.execute_command("config", "set", "tls-cert-file", str(pair.cert), "tls-key-file", str(pair.key))


@marked
async def test_a_server_may_ask_for_a_certificate_of_ours(settings_of, certificates, admin):
    client, stranger = certificates.client, certificates.stranger
    admin.config_set("tls-auth-clients", "yes")
    try:
        for files in (
            {"cert_file": str(client.cert), "key_file": str(client.key)},
            {"cert_file": str(client.both)},
            {"cert_file": str(client.cert), "key_file": str(client.locked), "key_password": KEY_PASSWORD},
        ):
            store = await connect(settings_of(**files))
            await store.close()
        for files in ({}, {"cert_file": str(stranger.cert), "key_file": str(stranger.key)}):
            message = await told(settings_of(**files))
            assert "the server does not accept our certificate (" in message
    finally:
        admin.config_set("tls-auth-clients", "no")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("ca_file", None, "ca_file: {} cannot be used: No such file or directory"),
        ("ca_file", b"no certificate", "ca_file: {} cannot be used: "),
        ("cert_file", None, "cert_file: {} cannot be used: No such file or directory"),
        ("cert_file", b"no certificate", "cert_file: {} cannot be used: "),
    ],
)
async def test_a_file_that_is_no_certificate_is_named(tmp_path, file, content, said):
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    message = await told(RedisSettings(url="rediss://127.0.0.1:1", **{file: str(path)}))
    assert said.format(path) in message
    assert message.startswith("redis.")


@pytest.mark.parametrize("password", [None, WRONG])
async def test_a_key_whose_password_is_wrong_is_named_and_nobody_is_asked(certificates, password):
    client = certificates.client
    files = {"cert_file": str(client.cert), "key_file": str(client.locked), "key_password": password}
    message = await told(RedisSettings(url="rediss://127.0.0.1:1", **files))
    assert f"redis.key_file: {client.locked} cannot be used: " in message


async def test_a_key_of_another_certificate_is_named(certificates):
    files = {"cert_file": str(certificates.client.cert), "key_file": str(certificates.server.key)}
    assert "key values mismatch" in await told(RedisSettings(url="rediss://127.0.0.1:1", **files))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"url": "redis://h:1", "ca_file": "/ca.pem"},
            "nothing would be encrypted; begin the URL with rediss://",
        ),
        ({"url": "unix:///run/redis.sock", "cert_file": "/c.pem"}, "nothing would be encrypted"),
        ({"url": "rediss://h:1", "key_file": "/k.pem"}, "key_file is set without cert_file"),
        ({"url": "rediss://h:1", "key_password": "x"}, "key_password is set without cert_file"),
        ({"url": "rediss://h:1", "username": "me"}, "username is set without password"),
        ({"url": "rediss://:p@h:1", "password": "x"}, "a login is in the URL and in username or password"),
        (
            {"url": "rediss://h:1?password=p", "password": "x"},
            "a login is in the URL and in username or password",
        ),
        (
            {"url": "rediss://h:1", "password": "x", "password_file": "/x"},
            "password and password_file are both set",
        ),
        ({"url": "rediss://h:1?ssl_cert_reqs=none"}, "no ssl options in the URL"),
        ({"url": "rediss://h:1?ssl_check_hostname=false"}, "no ssl options in the URL"),
        ({"url": "rediss://h:1?ssl_exclude_verify_flags="}, "no ssl options in the URL"),
        ({"url": "redis://h:1", "prefix": "{tag}"}, "pattern"),
        ({"url": "redis://h:1/2", "cluster": True}, "a Redis Cluster has hosts, and database 0 only"),
        ({"url": "unix:///run/redis.sock", "cluster": True}, "a Redis Cluster has hosts"),
    ],
    ids=str,
)
def test_settings_that_contradict_themselves_are_refused(settings, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        RedisSettings(**settings)


def test_verification_cannot_be_switched_off_by_the_environment(monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_REDIS", "rediss://h:1?ssl_cert_reqs=none")
    with pytest.raises(SettingsError, match="STREAMGAUGE_REDIS: no ssl options in the URL"):
        load_settings()
