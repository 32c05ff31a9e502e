"""Schemas from a registry: what is asked, and what is said where there are none."""

import json

import pytest
from aiokafka import ConsumerRecord
from formats.messages import AVRO, confluent, protobuf_file
from servers.schema_registry import SchemaRegistryServer

from stream_app.errors import RegistryError, RegistryUnavailableError, SettingsError
from stream_app.formats import make_format, preparation
from stream_app.settings import SchemaRegistrySettings, SensorStream


@pytest.fixture
async def server():
    registry = SchemaRegistryServer()
    registry.url = await registry.start()
    yield registry
    await registry.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("stream_app.formats.preparing._WAIT_SECONDS", (0.01, 0.02))


def record(value, headers=()):
    return ConsumerRecord("t", 0, 0, 0, 0, None, value, None, 0, len(value or b""), tuple(headers))


def make(server, kind="avro", *, skip=False, **settings):
    stream = SensorStream(format=kind, on_unknown_schema="skip" if skip else "stop")
    wire = make_format(stream.format)
    return wire, preparation("pumps", stream, wire, SchemaRegistrySettings(url=server.url, **settings))


async def test_each_schema_is_asked_for_once_with_what_it_refers_to(server):
    unit = {"type": "record", "name": "Unit", "namespace": "p", "fields": [{"name": "u", "type": "string"}]}
    server.register("unit-value", json.dumps(unit))
    whole = {"type": "record", "name": "R", "namespace": "p", "fields": [{"name": "unit", "type": "p.Unit"}]}
    number = server.register(
        "r-value", json.dumps(whole), references=[{"name": "p.Unit", "subject": "unit-value", "version": 1}]
    )
    wire, prepare = make(server, username="me", password="secret", allow_plaintext_password=True)
    raw = confluent(number, b"\x02l")
    for _ in range(2):
        await prepare([record(raw), record(None), record(b"no prefix"), record(raw)])
    assert wire.plain(raw) == {"unit": {"u": "l"}}
    assert server.asked == ["/schemas/ids/2", "/subjects/unit-value/versions/1"]
    assert server.authorization == "Basic bWU6c2VjcmV0"


async def test_protobuf_comes_as_descriptors(server):
    number = server.register("p", "syntax…", "PROTOBUF", serialized=protobuf_file().SerializeToString())
    wire, prepare = make(server, "protobuf", token="t0ken", allow_plaintext_password=True)
    raw = confluent(number, b"\x0a\x02p1", indexes=b"\x02\x02")
    await prepare([record(raw)])
    assert wire.plain(raw)["source"] == "p1"
    assert server.authorization == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (503, RegistryUnavailableError, "answers 503"),
        (
            401,
            RegistryError,
            r"/schemas/ids/1: the schema registry answers 401; see schema_registry\.username",
        ),
        (302, RegistryError, r"answers 302; see schema_registry\.url"),
    ],
)
async def test_a_registry_that_refuses_or_is_away_is_told_apart(server, status, error, message):
    server.register("r", json.dumps(AVRO))
    server.status = status
    _, prepare = make(server)
    with pytest.raises(error, match=message) as caught:
        await prepare([record(confluent(1, b""))])
    assert isinstance(caught.value, RegistryUnavailableError) == (status == 503)
    await server.stop()
    with pytest.raises(RegistryUnavailableError, match="cannot be reached"):
        await prepare([record(confluent(1, b""))])


async def test_a_schema_that_the_registry_does_not_have_stops_or_is_passed_over(server):
    _, prepare = make(server)
    with pytest.raises(
        RegistryError, match=r"stream pumps: http://127\.0\.0\.1:\d+ has no schema 7, .*on_unknown_schema"
    ):
        await prepare([record(confluent(7, b""))])
    assert len(server.asked) == 5
    server.asked.clear()
    _, prepare = make(server, skip=True)
    for _ in range(3):
        await prepare([record(confluent(7, b""))])
    assert len(server.asked) == 1


async def test_a_schema_that_cannot_be_used_is_named(server):
    server.register("r", "{")
    server.register("p", "syntax…", "PROTOBUF")
    _, prepare = make(server)
    with pytest.raises(
        RegistryError, match=r"stream pumps: the schema 1 of http.* cannot be used: not an Avro schema"
    ):
        await prepare([record(confluent(1, b""))])
    _, prepare = make(server, "protobuf")
    with pytest.raises(RegistryError, match=r"the schema 2 of .* protoc --include_imports"):
        await prepare([record(confluent(2, b""))])


async def test_a_stream_whose_schemas_are_nowhere_is_refused():
    stream = SensorStream(format="avro")
    with pytest.raises(SettingsError, match=r"streams\.pumps\.format: .* set schema_registry\.url"):
        preparation("pumps", stream, make_format(stream.format), SchemaRegistrySettings())
