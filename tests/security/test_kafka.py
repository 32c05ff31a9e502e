"""Apache Kafka behind passwords and certificates."""

import asyncio
import json
import os
import re
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from conftest import eventually
from security.certificates import PASSWORD as KEY_PASSWORD
from security.certificates import Certificates
from security.real import LIMITED, PASSWORD, USER, guarded_kafka, needs_kafka

from producers.progress import Silent
from producers.replay import Replay
from producers.replay import run as replay
from producers.sources import Simulated
from producers.water_loop import WaterLoop
from stream_app.cli.replay.run import present
from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.events import Topics
from stream_app.kafka import client_options, ensure_topics, refusal, start_producer
from stream_app.runtime.worker import Worker
from stream_app.settings import ImageStream, KafkaSettings, PredictionStream, SensorStream, SessionStream
from stream_app.store import FeatureReader

pytestmark = [pytest.mark.integration, pytest.mark.slow, needs_kafka]

WRONG = "not-the-password"
LOGIN = {"security": "SASL_SSL", "username": USER, "password": PASSWORD}
MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@pytest.fixture
def login(guarded, certificates):
    """Settings for the listener with passwords over TLS."""

    def make(mechanism="SCRAM-SHA-512", listener="LOGIN", **changes):
        said = {
            "bootstrap": guarded.at(listener),
            "security": "SASL_SSL",
            "sasl_mechanism": mechanism,
            "username": USER,
            "password": PASSWORD,
            "ca_file": str(certificates.ca),
        }
        return KafkaSettings(**(said | changes))

    return make


@pytest.fixture
def trusting(guarded, certificates):
    """Settings for the listeners with certificates only."""

    def make(listener="MUTUAL", host="127.0.0.1", **changes):
        said = {
            "bootstrap": guarded.at(listener, host),
            "security": "SSL",
            "ca_file": str(certificates.ca),
        }
        return KafkaSettings(**(said | changes))

    return make


def reading(i):
    return json.dumps({"source": "pump", "ts": 1.6e9 + i, "values": {"flow": float(i)}}).encode()


async def watch(settings, kafka, store, sender=None):
    """Send readings and let a worker watch them, by one login where no other is named."""
    settings = settings.model_copy(update={"kafka": kafka})
    worker = Worker(settings)
    work = asyncio.create_task(worker.run(handle_signals=False))
    await eventually(lambda: worker.ready.is_set() or work.done(), 40)
    producer = await start_producer(sender or kafka)
    try:
        for i in range(50):
            await producer.send(f"{settings.prefix}.sensor.readings", reading(i), key=b"pump")
        await producer.send(f"{settings.prefix}.sensor.readings", b"{", key=b"pump")
        await producer.flush()

        async def seen():
            assert not work.done(), work
            row = await FeatureReader(store, "sensors").get("pump")
            return row is not None and row.values["events"] == 50

        await eventually(seen, 40)
    finally:
        await producer.stop()
        worker.stop()
        await asyncio.wait_for(work, 20)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_worker_with_a_password_over_tls(settings, login, store, mechanism):
    await watch(settings, login(mechanism), store)


async def test_a_worker_with_a_certificate_of_its_own(settings, trusting, certificates, store):
    client = certificates.client
    await watch(settings, trusting(cert_file=str(client.cert), key_file=str(client.key)), store)


async def test_secrets_may_be_in_files(login, trusting, certificates, tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "key-password").write_text(f"{KEY_PASSWORD}\n")
    client = certificates.client
    for kafka in (
        login(password=None, password_file=str(tmp_path / "password")),
        trusting(cert_file=str(client.both)),
        trusting(cert_file=str(client.cert), key_file=str(client.locked), key_password=KEY_PASSWORD),
        trusting(
            cert_file=str(client.cert),
            key_file=str(client.locked),
            key_password_file=str(tmp_path / "key-password"),
        ),
    ):
        assert await ensure_topics(kafka, {}, create=False) == {}
        assert await refusal(kafka) is None


async def test_a_readable_password_works_where_it_is_allowed(guarded):
    kafka = KafkaSettings(
        bootstrap=guarded.at("READABLE"),
        security="SASL_PLAINTEXT",
        username=USER,
        password=PASSWORD,
        allow_plaintext_password=True,
    )
    assert await ensure_topics(kafka, {}, create=False) == {}


OPERATIONS = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
ACLS = re.findall(rf"^kafka-acls --add --allow-principal User:{LIMITED} .*$", OPERATIONS, re.MULTILINE)
"""Rights of a worker; those of people are others."""

SHOP = {"views": [{"name": "shop", "features": {"bought": {"count": "*", "window": "30m"}}}]}
KINDS, PATTERNS = {"topic": 2, "group": 3}, {"": 3, " --resource-pattern-type prefixed": 4}
OPERATIONS_OF_KAFKA = {"Read": 3, "Write": 4, "Describe": 8}


@pytest.fixture
async def allow(guarded, settings):
    """Allow the limited user what the documentation says, for the topics and the group of this test."""
    options = client_options(KafkaSettings(bootstrap=guarded.at("PLAINTEXT")))
    admin = AIOKafkaAdminClient(**options)
    await admin.start()

    async def run(lines):
        for line in lines:
            kind, name, pattern = re.search(
                r"--(topic|group) (\S+)( --resource-pattern-type prefixed)?", line
            ).groups()
            name = settings.worker.group if kind == "group" else f"{settings.prefix}.{name}"
            for operation in re.findall(r"--operation (\w+)", line):
                rule = (KINDS[kind], name, PATTERNS[pattern or ""], f"User:{LIMITED}", "*")
                request = CreateAclsRequest(*rule, OPERATIONS_OF_KAFKA[operation], 3)
                answer = await admin._send_to_controller(request)
                assert [code for code, _ in answer.creation_responses] == [0]

    yield run
    await admin.close()


@pytest.fixture
def closed(settings, guarded):
    """Settings of all kinds of streams that make no topics; those there must be are made by the administrator."""
    streams = {"sensors": SensorStream(), "images": ImageStream(), "predictions": PredictionStream()}
    closed = {
        "streams": streams | {"sessions": SessionStream.model_validate(SHOP)},
        "worker": settings.worker.model_copy(update={"create_topics": False}),
    }
    return settings.model_copy(update=closed)


async def make_all(guarded, settings):
    topics = Topics(settings.prefix)
    read = (topics.sensors, topics.images, topics.predictions, topics.sessions)
    written = (topics.dead_letters, topics.triggers, topics.audit, *topics.all_alerts())
    wanted = dict.fromkeys((*read, *written), 1)
    await ensure_topics(KafkaSettings(bootstrap=guarded.at("PLAINTEXT")), wanted, create=True)


async def test_a_worker_runs_with_the_documented_rights(guarded, closed, login, store, allow):
    await make_all(guarded, closed)
    await allow(ACLS)
    await watch(closed, login(username=LIMITED), store, sender=login())


@pytest.mark.parametrize("number", range(len(ACLS)))
async def test_without_one_of_its_rights_a_worker_stops_with_the_reason(
    guarded, closed, login, allow, number
):
    await make_all(guarded, closed)
    await allow(ACLS[:number] + ACLS[number + 1 :])
    producer = await start_producer(login())
    for value in (*map(reading, range(3)), b"{"):
        await producer.send(f"{closed.prefix}.sensor.readings", value, key=b"pump")
    await producer.stop()
    worker = Worker(closed.model_copy(update={"kafka": login(username=LIMITED)}))
    work = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await asyncio.wait_for(asyncio.wait([work]), 40)
    finally:
        worker.stop()
        await asyncio.wait_for(asyncio.gather(work, return_exceptions=True), 20)
    assert isinstance(work.exception(), BrokerError)
    missing = re.search(r"--(?:topic|group) (\S+)", ACLS[number])[1]
    assert (closed.worker.group if "--group" in ACLS[number] else f"{closed.prefix}.{missing}") in str(
        work.exception()
    )


async def test_who_may_only_write_replays_without_a_look_at_the_topic(guarded, closed, login, allow):
    topic = Topics(closed.prefix).sensors
    await make_all(guarded, closed)
    await allow(
        [f"kafka-acls --add --allow-principal User:{LIMITED} --operation Write --topic sensor.readings"]
    )
    producer = await start_producer(login())
    await producer.send_and_wait(topic, reading(0), key=b"pump")
    await producer.stop()
    source = Simulated(WaterLoop(), seed=7, pumps=1, events=3)
    plan = Replay(source, kafka=login(username=LIMITED), topics=(topic,))
    told = Silent()
    assert await present(plan, "sensors", closed, told.note) == {}
    assert told.notes[0].startswith(f"not known how new the events are that {topic} has already: ")
    assert (await replay(plan, progress=told)).events == 3
    with pytest.raises(BrokerError, match="cannot be read"):
        await present(replace(plan, from_now=True), "sensors", closed, told.note)


async def test_a_worker_that_is_no_longer_let_in_stops_instead_of_waiting(settings, tmp_path):
    own = Certificates(tmp_path / "certificates")
    guarded = guarded_kafka(tmp_path / "kafka", own)
    guarded.broker.start()
    kafka = KafkaSettings(bootstrap=guarded.at("LOGIN"), ca_file=str(own.ca), **LOGIN)
    worker = Worker(settings.model_copy(update={"kafka": kafka}))
    work = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await eventually(lambda: worker.ready.is_set() or work.done(), 40)
        assert not work.done()
        guarded.broker.kill()
        own.server.both.write_bytes(own.expired.both.read_bytes())
        guarded.broker.start()
        await asyncio.wait_for(asyncio.wait([work]), 60)
    finally:
        worker.stop()
        await asyncio.wait_for(asyncio.gather(work, return_exceptions=True), 20)
        guarded.broker.kill()
    assert "cannot be used over TLS: its certificate is not trusted: certificate has expired" in str(
        work.exception()
    )


async def told(kafka):
    """What is said where a broker cannot be used; it must come soon, on one line, and without a secret."""
    begin = time.monotonic()
    with pytest.raises(BrokerError) as caught:
        await ensure_topics(kafka, {"t": 1}, create=True)
    assert time.monotonic() - begin < 10
    assert not isinstance(caught.value, BrokerUnavailableError), "trying again will not help"
    everything = "".join(traceback.format_exception(caught.value))
    assert not any(secret in everything for secret in (PASSWORD, WRONG, KEY_PASSWORD))
    message = str(caught.value)
    assert message.count("\n") == 0
    assert kafka.bootstrap.rpartition(":")[2] in message
    return message


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("changes", [{"password": WRONG}, {"username": "nobody"}], ids=["password", "user"])
async def test_a_wrong_login_is_told_at_once(login, mechanism, changes):
    kafka = login(mechanism, **changes)
    assert f"refuses the login of {kafka.username} by {mechanism}" in await told(kafka)


async def test_a_broker_of_an_unknown_authority_gets_no_password(login, certificates):
    message = await told(login(ca_file=str(certificates.other_ca)))
    assert "cannot be used over TLS: its certificate is not trusted: " in message


async def test_the_system_s_authorities_do_not_know_a_broker_of_our_own(login):
    assert "its certificate is not trusted: " in await told(login(ca_file=None))


@pytest.mark.parametrize(
    ("listener", "host", "reason"),
    [
        ("ELSEWHERE", "127.0.0.1", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("ELSEWHERE", "localhost", "Hostname mismatch, certificate is not valid for 'localhost'"),
        # The name is right at first, but the address that the broker then names itself by is not.
        ("NAMED", "localhost", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("EXPIRED", "127.0.0.1", "certificate has expired"),
    ],
)
async def test_a_certificate_with_a_flaw_is_told(trusting, listener, host, reason):
    assert (await told(trusting(listener, host))).endswith(f"its certificate is not trusted: {reason}")


@pytest.mark.parametrize("shown", ["none", "stranger"])
async def test_a_client_that_the_broker_does_not_trust_is_told(trusting, certificates, shown):
    stranger = certificates.stranger
    files = {"cert_file": str(stranger.cert), "key_file": str(stranger.key)} if shown == "stranger" else {}
    message = await told(trusting(**files))
    assert "the server does not accept our certificate (" in message
    assert "see cert_file and key_file" in message


@pytest.mark.parametrize(
    ("listener", "security", "said"),
    [
        ("LOGIN", "PLAINTEXT", "hangs up on PLAINTEXT; see kafka.security"),
        ("READABLE", "PLAINTEXT", "hangs up on PLAINTEXT; see kafka.security"),
        ("LOGIN", "SSL", "hangs up on SSL; see kafka.security"),
        ("PLAINTEXT", "SSL", "hangs up on SSL; see kafka.security"),
        ("NAMED", "SASL_SSL", "kafka.security"),
    ],
)
async def test_the_wrong_protocol_is_told(guarded, login, listener, security, said):
    # A proxy before a broker that is away looks the same, so it is tried for some seconds.
    changes = {} if security.startswith("SASL") else {"username": None, "password": None}
    changes |= {} if security.endswith("SSL") else {"ca_file": None}
    kafka = login(bootstrap=guarded.at(listener, "localhost"), security=security, **changes)
    begin = time.monotonic()
    with pytest.raises(BrokerError) as caught:
        await ensure_topics(kafka, {}, create=False)
    assert time.monotonic() - begin < 30
    assert said in str(caught.value)
    assert str(caught.value).count("\n") == 0


async def run(*arguments, **env):
    """Run the program and return its exit code and everything that it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "stream_app", *arguments),
        env={name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode()


async def test_the_program_ends_with_one_line_and_no_secret(login, store_url, prefix, tmp_path):
    kafka = login()
    env = {
        "STREAMGAUGE_KAFKA": kafka.bootstrap,
        "STREAMGAUGE_KAFKA__SECURITY": "SASL_SSL",
        "STREAMGAUGE_KAFKA__USERNAME": USER,
        "STREAMGAUGE_KAFKA__PASSWORD": WRONG,
        "STREAMGAUGE_KAFKA__CA_FILE": kafka.ca_file,
        "STREAMGAUGE_REDIS": store_url,
    }
    said = f"Kafka at {kafka.bootstrap} refuses the login of {USER} by SCRAM-SHA-512: "
    code, out = await run("worker", **env)
    assert (code, out.count("\n")) == (1, 1), out
    assert out.startswith(f"streamgauge: {said}")
    code, out = await run("check", **env)
    assert code == 1
    assert f"wrong Kafka    {said}" in out
    for command in (["worker", "--verbose"], ["check"], ["replay", "sensors", "--simulate", "--limit", "1"]):
        code, out = await run(*command, **env)
        assert code == 1
        assert WRONG not in out
