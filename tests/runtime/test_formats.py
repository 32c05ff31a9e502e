"""Messages of other formats from Kafka to live features and dead letters."""

import asyncio
import json

import msgspec
import pytest
from conftest import eventually
from formats.messages import AVRO, avro, confluent
from servers.schema_registry import SchemaRegistryServer
from workers import working

from stream_app.cli.check.topics import topic_findings
from stream_app.embedded import free_port
from stream_app.errors import RegistryError
from stream_app.events import Topics
from stream_app.runtime.worker import Worker
from stream_app.settings import SchemaRegistrySettings, SensorStream
from stream_app.store import FeatureReader

pytestmark = pytest.mark.integration

START = 1_700_000_000
MAPPING = {"time": "t", "values": "."}


@pytest.mark.slow
async def test_avro_and_other_formats_become_features_though_the_registry_is_away_at_first(
    settings, store, producer, make_topic, read_topic
):
    registry, port = SchemaRegistryServer(), free_port()
    number = registry.register("avro-value", json.dumps(AVRO))
    formats = {
        "avro": "avro",
        "pack": "messagepack",
        "line": {"kind": "csv", "columns": ["source", "t", "flow"]},
    }
    streams = {
        name: SensorStream(topic=await make_topic(name), format=said, mapping=MAPPING)
        for name, said in formats.items()
    }
    changes = {
        "streams": streams,
        "schema_registry": SchemaRegistrySettings(url=f"http://127.0.0.1:{port}"),
        "worker": settings.worker.model_copy(update={"partitions": 1, "max_state_bytes": 1}),
    }
    settings = settings.model_copy(update=changes)
    for i in range(40):
        reading = {"source": f"p{i % 3}", "t": START + i, "flow": float(i)}
        messages = {
            "avro": confluent(number, avro(AVRO, {**reading, "t": reading["t"] * 1000})),
            "pack": msgspec.msgpack.encode(reading),
            "line": f"{reading['source']},{reading['t']},{reading['flow']}".encode(),
        }
        for name, raw in messages.items():
            await producer.send(streams[name].topic, value=raw, partition=0)
    await producer.send(streams["avro"].topic, value=confluent(number, b"\x06p"), partition=0)
    await producer.flush()

    async def row(stream):
        found = await FeatureReader(store, stream).get("p0")
        return found if found is not None and found.event_ts == START + 39 else None

    try:
        async with working(settings):
            for stream in ("pack", "line"):
                await eventually(lambda stream=stream: row(stream), timeout=60)
            assert await row("avro") is None
            await registry.start(port)
            found = [await eventually(lambda stream=stream: row(stream), timeout=60) for stream in formats]
            looked = await topic_findings(settings)
            (letter,) = await read_topic(Topics(settings.prefix).dead_letters, 1)
    finally:
        await registry.stop()
    assert [finding.ok for finding in looked] == [True] * 3
    assert "3 sources" in str(looked[1])
    assert [(one.values["flow.count"], one.values["flow.max"]) for one in found] == [(14, 39)] * 3
    assert dict(letter.headers)["__streamgauge.errors.exception.class.name"] == b"undecodable"


async def test_a_schema_that_cannot_be_had_ends_the_worker_with_its_name(
    settings, producer, make_topic, monkeypatch
):
    monkeypatch.setattr("stream_app.formats.preparing._WAIT_SECONDS", (0.01, 0.02))
    registry = SchemaRegistryServer()
    url = await registry.start()
    stream = SensorStream(topic=await make_topic("avro"), format="avro")
    await producer.send_and_wait(stream.topic, value=confluent(7, b"\x02"))
    changes = {"streams": {"pumps": stream}, "schema_registry": SchemaRegistrySettings(url=url)}
    worker = Worker(settings.model_copy(update=changes))
    try:
        with pytest.raises(RegistryError, match=f"stream pumps: {url} has no schema 7"):
            await asyncio.wait_for(worker.run(), 60)
    finally:
        await registry.stop()
