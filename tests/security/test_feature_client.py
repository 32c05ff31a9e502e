"""Feature clients behind TLS and as the documented reader: what AlertReader and workers are held to holds for them, too."""

import re
import time
from pathlib import Path

import pytest
import redis
from security.certificates import PASSWORD as KEY_PASSWORD
from security.real import needs_redis
from servers.redis import RedisServer
from serving import NOW, Shop, bought

from stream_app.client import AsyncFeatureClient, FeatureClient
from stream_app.embedded import free_port
from stream_app.errors import StoreError
from stream_app.settings import RedisSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow, needs_redis]

ROOT = Path(__file__).resolve().parents[2]
READER = re.search(
    r"^user streamgauge-reader on >PASSWORD .*$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
)
SECRET = "hunter2=/secret+%40"


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    """A server with TLS and the documented reader; its plain port is the administrator's."""
    folder = tmp_path_factory.mktemp("redis")
    users = folder / "users.acl"
    users.write_text(
        f"user default on >administrator ~* &* +@all\n{READER[0].replace('>PASSWORD', '>' + SECRET)}\n"
    )
    options = {
        "aclfile": users,
        "tls-port": free_port(),
        "tls-ca-cert-file": certificates.ca,
        "tls-cert-file": certificates.server.cert,
        "tls-key-file": certificates.server.key,
        "tls-auth-clients": "no",
    }
    said = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    server = RedisServer(folder / "data", options=said)
    server.start()
    server.tls_port = options["tls-port"]
    yield server
    server.stop()


@pytest.fixture
async def shop(server):
    settings = RedisSettings(url=f"redis://127.0.0.1:{server.port}/0", password="administrator")
    shop = await Shop(settings).register()
    with redis.Redis(port=server.port, password="administrator") as admin:
        admin.acl_log_reset()
        yield await shop.sell(bought("17850", NOW - 60, 2.5))
        admin.config_set("tls-auth-clients", "no")
        admin.flushall()


@pytest.fixture
def settings_of(server, certificates):
    def make(host="127.0.0.1", **changes):
        said = {
            "url": f"rediss://{host}:{server.tls_port}/0",
            "username": "streamgauge-reader",
            "password": SECRET,
            "ca_file": str(certificates.ca),
        }
        return RedisSettings(**(said | changes))

    return make


@pytest.fixture(params=[FeatureClient, AsyncFeatureClient])
def ask(request):
    """Ask either client for everything of an entity."""

    async def all_of(settings, entity="17850"):
        if request.param is FeatureClient:
            with FeatureClient(settings) as client:
                client.list_entities("purchases")
                return client.get_online_features(["purchases:*"], [entity], NOW)
        async with AsyncFeatureClient(settings) as client:
            await client.list_entities("purchases")
            return await client.get_online_features(["purchases:*"], [entity], NOW)

    return all_of


async def test_the_documented_reader_may_read_features_over_tls(shop, ask, settings_of):
    assert (await ask(settings_of()))["17850", "purchases:spent_30m"].value == 2.5


async def test_a_server_may_ask_for_a_certificate_of_ours(shop, ask, settings_of, server, certificates):
    with redis.Redis(port=server.port, password="administrator") as admin:
        admin.config_set("tls-auth-clients", "yes")
    ours = {
        "cert_file": str(certificates.client.cert),
        "key_file": str(certificates.client.locked),
        "key_password": KEY_PASSWORD,
    }
    assert (await ask(settings_of(**ours)))["17850", "purchases:spent_30m"].value == 2.5
    with pytest.raises(StoreError, match="does not accept our certificate"):
        await ask(settings_of())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "not-the-password"}, "refuses the login"),
        ({"ca_file": None}, "its certificate is not trusted"),
    ],
)
async def test_what_will_not_pass_is_told_at_once_and_shows_no_password(
    shop, ask, settings_of, changes, said
):
    begin = time.monotonic()
    with pytest.raises(StoreError, match=said) as refused:
        await ask(settings_of(**changes))
    assert time.monotonic() - begin < 2.0
    assert SECRET not in str(refused.value)
    assert "not-the-password" not in str(refused.value)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [("elsewhere", "certificate is not valid for '127.0.0.1'"), ("expired", "certificate has expired")],
)
async def test_a_certificate_with_a_flaw_is_told(shop, ask, settings_of, server, certificates, shown, reason):
    with redis.Redis(port=server.port, password="administrator") as admin:

        def show(pair):
            files = ("tls-cert-file", str(pair.cert), "tls-key-file", str(pair.key))
            admin.execute_command("config", "set", *files)

        show(getattr(certificates, shown))
        try:
            with pytest.raises(StoreError, match=reason):
                await ask(settings_of())
        finally:
            show(certificates.server)
