"""MQTT to Kafka: each message arrives, whatever is killed on the way."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trustme
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from conftest import eventually
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from servers.mosquitto import Mosquitto, program

from producers.mqtt import Bridge, bridge
from producers.progress import Silent
from stream_app.embedded import EmbeddedBroker
from stream_app.errors import SourceError
from stream_app.kafka import most_message_bytes
from stream_app.kafka.clients import admin_client
from stream_app.settings import KafkaSettings, MqttSettings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        program() is None, reason="no mosquitto; on Debian or Ubuntu: sudo apt-get install mosquitto"
    ),
]


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory):
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def topic(prefix):
    return f"{prefix}.readings"


@asynccontextmanager
async def running(plan):
    """Run a bridge; give what it tells, what ends it, and what it will return."""
    told, stop = Silent(), asyncio.Event()
    task = asyncio.create_task(bridge(plan, progress=told, stop=stop))
    await eventually(lambda: any("connected to" in one for one in told.notes) or task.done())
    try:
        yield told, stop, task
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=30)


class Sensors:
    """Publishes with QoS 1, and says when the broker has all."""

    def __init__(self, port):
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="sensors", clean_session=False)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._sent = []

    def publish(self, topic, payload, *, qos=1, retain=False):
        self._sent.append(self._client.publish(topic, payload, qos=qos, retain=retain))

    async def arrived(self):
        await eventually(lambda: all(sent.is_published() for sent in self._sent), timeout=60)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def sensors(mosquitto):
    client = Sensors(mosquitto.port)
    yield client
    client.close()


def plan_for(mosquitto, kafka, topic, **changes):
    filters = changes.pop("filters", [f"{topic}/+/flow"])
    mqtt = MqttSettings(url=f"mqtt://127.0.0.1:{mosquitto.port}", **changes.pop("mqtt", {}))
    return Bridge(mqtt=mqtt, filters=filters, kafka=kafka, topic=topic, partitions=2, **changes)


@asynccontextmanager
async def tailing(kafka, topic):
    """Give a function that returns all records of a topic so far."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    records = []

    async def so_far():
        for some in (await consumer.getmany(timeout_ms=100)).values():
            records.extend(some)
        return records

    try:
        yield so_far
    finally:
        await consumer.stop()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_messages_arrive_with_their_topic_and_what_is_no_event_of_now_does_not(
    version, mosquitto, sensors, kafka, topic, read_topic
):
    sensors.publish(f"{topic}/p0/flow", b"old", retain=True)
    await sensors.arrived()
    plan = plan_for(mosquitto, kafka, topic, key_level=2, mqtt={"version": version}, limit=3)
    async with running(plan) as (_, _, task):
        sensors.publish(f"{topic}/p1/temperature", b"not asked for")
        for number, qos in enumerate((1, 0, 1)):
            sensors.publish(f"{topic}/p1/flow", b'{"v":%d}' % number, qos=qos)
        summary = await asyncio.wait_for(task, 60)
    assert (summary.messages, summary.repeated, summary.interrupted) == (3, 0, False)
    records = await read_topic(topic, 3)
    assert sorted(record.value for record in records) == [b'{"v":0}', b'{"v":1}', b'{"v":2}']
    assert {record.key for record in records} == {b"p1"}
    assert dict(records[0].headers) == {
        "mqtt.topic": f"{topic}/p1/flow".encode(),
        "mqtt.topic.1": topic.encode(),
        "mqtt.topic.2": b"p1",
        "mqtt.topic.3": b"flow",
    }


async def test_what_comes_while_the_bridge_is_away_waits_for_it(mosquitto, sensors, kafka, topic):
    plan = plan_for(mosquitto, kafka, topic)
    async with running(plan) as (told, stop, task):
        stop.set()
        assert (await asyncio.wait_for(task, 60)).interrupted
    assert told.notes[0].startswith(f"made the topic {topic}, which was not there")
    for number in range(5):
        sensors.publish(f"{topic}/p1/flow", b"%d" % number)
    sensors.publish(f"{topic}/p1/flow", b"x" * 899_990)
    await sensors.arrived()
    async with running(plan) as (told, stop, task), tailing(kafka, topic) as so_far:

        async def all_there():
            return len(await so_far()) == 5

        await eventually(all_there)
        await eventually(lambda: len(told.notes) == 2)
        stop.set()
        summary = await asyncio.wait_for(task, 60)
        assert [record.value for record in await so_far()] == [b"0", b"1", b"2", b"3", b"4"]
    assert summary.left_out == {"larger than 900000 bytes": 1}
    assert f"a message of '{topic}/p1/flow' is left out: larger than 900000 bytes" in told.notes


@pytest.mark.slow
async def test_two_bridges_with_one_client_id_say_so(mosquitto, kafka, topic):
    plan = plan_for(mosquitto, kafka, topic)
    async with running(plan) as (first, *_), running(plan):
        await eventually(
            lambda: any(
                f"does another client call itself 'streamgauge-{topic}'" in one for one in first.notes
            ),
            timeout=60,
        )


async def test_a_broker_that_is_away_or_refuses_ends_the_bridge_with_its_address(
    kafka, topic, tmp_path, monkeypatch
):
    monkeypatch.setattr("producers.mqtt.session._WAIT_SECONDS", (0.01, 0.02))
    away = MqttSettings(url="mqtt://127.0.0.1:1")
    with pytest.raises(SourceError, match=r"mqtt://127\.0\.0\.1:1 cannot be reached \(tried 5 times\)"):
        await bridge(Bridge(mqtt=away, filters=["#"], kafka=kafka, topic=topic, partitions=2))
    strict = Mosquitto(tmp_path, {"allow_anonymous": "false"})
    strict.start()
    try:
        with pytest.raises(SourceError, match=r"refuses the connection: Not authorized; see mqtt\.username"):
            await bridge(plan_for(strict, kafka, topic))
    finally:
        strict.stop()


async def test_tls_trusts_the_named_authority_only(kafka, topic, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    server = Mosquitto(tmp_path, {"certfile": f"{tmp_path}/server.pem", "keyfile": f"{tmp_path}/server.pem"})
    url = server.start()
    try:
        plan = plan_for(server, kafka, topic)
        stranger, known = (MqttSettings(url=url, ca_file=ca) for ca in (None, f"{tmp_path}/ca.pem"))
        with pytest.raises(SourceError, match="its certificate is not trusted"):
            await bridge(replace(plan, mqtt=stranger))
        async with running(replace(plan, mqtt=known)) as (told, *_):
            assert told.notes == [f"connected to the MQTT broker at {url} as 'streamgauge-{topic}'"]
    finally:
        server.stop()


@pytest.mark.slow
async def test_nothing_is_lost_when_the_broker_ends_in_mid_flow(kafka, topic, tmp_path):
    server = Mosquitto(tmp_path)
    server.start()
    plan = plan_for(server, kafka, topic, mqtt={"max_in_flight": 20})
    sensors = Sensors(server.port)
    try:
        async with running(plan) as (told, stop, task), tailing(kafka, topic) as so_far:
            for number in range(1000):
                sensors.publish(f"{topic}/p{number % 3}/flow", b"%d" % number)
                if number in (300, 600):

                    async def some_there(least=number // 2):
                        return len(await so_far()) > least

                    await eventually(some_there)
                    server.stop()
                    server.start()

            async def all_there():
                return len({record.value for record in await so_far()}) == 1000

            await eventually(all_there, timeout=60)
            stop.set()
            summary = await asyncio.wait_for(task, 60)
        assert summary.reconnects == 2
        assert "; trying again" in " ".join(told.notes)
        assert "forgot the session" not in " ".join(told.notes)
    finally:
        sensors.close()
        server.stop()


@pytest.mark.slow
async def test_nothing_is_lost_when_the_program_is_killed_in_mid_flow(mosquitto, sensors, kafka, topic):
    async with running(plan_for(mosquitto, kafka, topic)) as (_, stop, _):
        stop.set()  # the session is there from now on
    for number in range(3000):
        sensors.publish(f"{topic}/p{number % 3}/flow", b"%d" % number)
    await sensors.arrived()

    def start():
        command = [sys.executable, "-m", "stream_app", "replay", "mqtt", f"{topic}/+/flow", "--json"]
        command += ["--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}", "--kafka", kafka.bootstrap]
        return subprocess.Popen([*command, "--topic", topic], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    async with tailing(kafka, topic) as so_far:
        for least in (1, 1000):
            process = start()

            async def some_there(least=least):
                return len(await so_far()) > least

            await eventually(some_there, timeout=60)
            process.kill()
            process.communicate()
        process = start()

        async def all_there():
            return len({record.value for record in await so_far()}) == 3000

        await eventually(all_there, timeout=60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        records = await so_far()
    assert process.returncode == 130
    assert json.loads(out)["interrupted"]
    by_key = {}
    for record in records:
        by_key.setdefault(record.key, {})[int(record.value)] = None
    for numbers in by_key.values():
        assert list(numbers) == sorted(numbers)


async def test_a_stop_is_heard_where_kafka_is_away_after_the_limit(mosquitto, sensors, topic, monkeypatch):
    module = sys.modules[bridge.__module__]
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(module, "_LAST_SECONDS", 0.2)
    server = EmbeddedBroker()
    plan = plan_for(mosquitto, KafkaSettings(bootstrap=server.start()), topic, limit=1)
    try:
        async with running(plan) as (told, stop, task):
            server.stop()
            sensors.publish(f"{topic}/p1/flow", b"1")
            await eventually(lambda: any("has acknowledged nothing" in one for one in told.notes))
            stop.set()
            summary = await asyncio.wait_for(task, 20)
    finally:
        server.stop()
    assert (summary.messages, summary.interrupted) == (0, True)


async def test_what_is_larger_than_the_topic_takes_is_told_and_left_out(
    mosquitto, sensors, kafka, topic, read_topic
):
    async with admin_client(kafka) as admin:
        await admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"max.message.bytes": "2000"})])
    if await most_message_bytes(kafka, topic) != 2000:
        pytest.skip("this broker does not keep max.message.bytes")
    plan = plan_for(mosquitto, kafka, topic, limit=40)
    async with running(plan) as (told, _, task):
        sensors.publish(f"{topic}/p1/flow", b"x" * 2000)
        for number in range(40):
            sensors.publish(f"{topic}/p1/flow", b"%03d" % number + random.Random(number).randbytes(1500))
        summary = await asyncio.wait_for(task, 60)
    assert summary.messages == 40
    ((reason, count),) = summary.left_out.items()
    assert reason.startswith("larger than ")
    assert count == 1
    assert any("takes 2,000 bytes" in note for note in told.notes)
    assert len(await read_topic(topic, 40)) == 40
