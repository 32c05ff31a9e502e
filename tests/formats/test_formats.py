"""Formats: what comes out of messages, and what becomes of bytes that are none."""

import base64
import json

import msgspec
import pytest
from formats.messages import AVRO, avro, confluent, knowing, protobuf_file
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from stream_app.errors import SettingsError
from stream_app.events import MessageError, Reason
from stream_app.formats.avro import Avro, compile_avro
from stream_app.formats.csv_line import CsvLine
from stream_app.formats.framing import SchemaId
from stream_app.formats.json_schema import JsonWithSchema
from stream_app.formats.messagepack import MessagePack
from stream_app.formats.protobuf import Protobuf, compile_protobuf, find_message
from stream_app.formats.schemas import MAX_SCHEMAS, Artifact, Schemas


def serialized():
    return base64.b64encode(protobuf_file().SerializeToString()).decode()


def reading(**fields):
    """A Protobuf message made by the library alone."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(protobuf_file())
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("plant.Reading"))
    return made(**fields).SerializeToString()


def test_avro_is_read_with_the_schema_that_each_message_names():
    newer = {
        **AVRO,
        "fields": [
            *AVRO["fields"],
            {"name": "unit", "type": {"type": "enum", "name": "U", "symbols": ["l"]}},
        ],
    }
    wire = knowing(Avro("confluent"), AVRO, newer)
    old = wire.plain(confluent(1, avro(AVRO, {"source": "p1", "t": 1_770_000_000_000, "flow": None})))
    new = wire.plain(
        confluent(2, avro(newer, {"source": "p2", "t": 1_770_000_000_500, "flow": 1.5, "unit": "l"}))
    )
    assert old == {"source": "p1", "t": "2026-02-02T02:40:00+00:00", "flow": None}
    assert new == {"source": "p2", "t": "2026-02-02T02:40:00.500000+00:00", "flow": 1.5, "unit": "l"}


def test_avro_finds_the_schemas_that_its_own_refers_to():
    unit = json.dumps(
        {"type": "record", "name": "Unit", "namespace": "p", "fields": [{"name": "u", "type": "string"}]}
    )
    whole = {"type": "record", "name": "R", "namespace": "p", "fields": [{"name": "unit", "type": "p.Unit"}]}
    wire = Avro("confluent")
    wire.schemas.put(SchemaId(1), Artifact(json.dumps(whole), {"p.Unit": Artifact(unit)}))
    assert wire.plain(confluent(1, b"\x02l")) == {"unit": {"u": "l"}}


def doubled(times):
    """Return a schema of records each of which has two of the one before."""
    schema = {"type": "record", "name": "R0", "fields": []}
    for number in range(times):
        fields = [{"name": "a", "type": schema}, {"name": "b", "type": f"R{number}"}]
        schema = {"type": "record", "name": f"R{number + 1}", "fields": fields}
    return schema


def nested(times):
    return '{"type": "array", "items": ' * times + '"int"' + "}" * times


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", "not an Avro schema"),
        ({"type": "record", "name": "R", "fields": [{"name": "x", "type": "p.Missing"}]}, "not an Avro schema: p.Missing"),
        # A message of 20,000 bytes makes fastavro overflow the stack of C.
        ({"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}, "N holds itself"),
        ({"type": "record", "name": "N", "fields": [{"name": "all", "type": {"type": "map", "values": "N"}}]}, "N holds itself"),
        # A message of 10 bytes makes a list of any length.
        ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, "values that take no bytes"),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, "values that take no bytes"),
        # A message of no byte makes as many values as records are named.
        (doubled(14), "more than 10000 types"),
        (nested(600), "not an Avro schema: maximum recursion depth exceeded"),
    ],
)  # fmt: skip
def test_a_schema_by_which_a_message_could_do_harm_is_refused(schema, message):
    with pytest.raises(SettingsError, match=message):
        compile_avro(Artifact(schema if isinstance(schema, str) else json.dumps(schema)))


@pytest.mark.parametrize("from_file", [False, True])
def test_protobuf_is_read_by_descriptors_of_a_registry_or_a_file(from_file):
    files = descriptor_pb2.FileDescriptorSet()
    files.file.add().CopyFrom(protobuf_file())
    message = find_message(files.SerializeToString(), "plant.Reading") if from_file else None
    wire = Protobuf("confluent", message)
    if not from_file:
        wire.schemas.put(SchemaId(1), Artifact(serialized()))
    payload = reading(
        source="p1", t={"seconds": 1_770_000_000}, values={"flow": 1.5}, state=1, loads=[{"kilowatts": 2.0}],
        count=2**60, raw=b"ab",
    )  # fmt: skip
    assert wire.plain(confluent(1, payload, indexes=b"\x02\x02")) == {
        "source": "p1", "t": "2026-02-02T02:40:00Z", "values": {"flow": 1.5}, "state": "ON",
        "loads": [{"kilowatts": 2.0}], "count": 2**60, "raw": "YWI=",
    }  # fmt: skip
    empty = wire.plain(confluent(1, b"", indexes=b"\x02\x02"))
    assert empty == {"source": "", "values": {}, "state": "OFF", "loads": [], "count": 0, "raw": ""}


def test_protobuf_without_descriptors_says_how_to_make_them():
    with pytest.raises(SettingsError, match="protoc --include_imports --descriptor_set_out"):
        compile_protobuf(Artifact('syntax = "proto3"; message Reading { double flow = 1; }'))
    with pytest.raises(SettingsError, match=r"no message type 'plant\.Pump'"):
        find_message(b"", "plant.Pump")


def test_lines_of_csv_are_cells_by_name():
    wire = CsvLine(["source", "t", "flow", "note"], ";")
    assert wire.plain(b'"p;1";1770000000;-1.5e3;on\r\n') == {
        "source": "p;1",
        "t": 1770000000,
        "flow": -1500.0,
        "note": "on",
    }
    assert wire.plain("\ufeff007;1_0;;NaN".encode()) == {
        "source": "007",
        "t": "1_0",
        "flow": None,
        "note": None,
    }


@pytest.mark.parametrize(
    ("wire", "raw", "message"),
    [
        (CsvLine(["a", "b"]), b"1,2,3", "3 cells; expected one line of 2"),
        (CsvLine(["a", "b"]), b"1,2\n3,4", "expected one line"),
        (CsvLine(["a"]), b'"1', "not one line of CSV"),
        (CsvLine(["a"]), b"\xff", "not UTF-8"),
        (MessagePack(), b"\x81\xa1a", "Invalid MessagePack"),
        (MessagePack(), b"\x91" * 5000, "Invalid MessagePack"),
        (MessagePack(), b"\xdd\xff\xff\xff\xff", "Invalid MessagePack"),
        (MessagePack(), msgspec.msgpack.encode({"x": msgspec.msgpack.Ext(5, b"")}), "a value of type Ext"),
        (knowing(Avro("confluent"), AVRO), b'{"flow": 1.5}', "does not begin with a zero byte"),
        (knowing(Avro("confluent"), AVRO), confluent(9, b""), "no schema of the number 9"),
        (knowing(Avro("confluent"), AVRO), confluent(1, b"\x06p1"), "not Avro of the schema plant.Reading"),
        (knowing(Avro("confluent"), AVRO), confluent(1, avro(AVRO, {"source": "", "t": 0, "flow": 0.5}) + b"!"), "1 bytes are left over"),
        (knowing(Protobuf("confluent"), serialized()), confluent(1, b"\xff\xff", b"\x00"), "not Protobuf of the type plant.Unused"),
        (knowing(Protobuf("confluent"), serialized()), confluent(1, b"", b"\x02\x0c"), r"no message type at \(6,\)"),
        (knowing(Protobuf("confluent"), serialized()), confluent(1, b""), "does not say of which type"),
        (knowing(Protobuf("apicurio"), serialized()), bytes(8) + b"\x01\x7f", "does not say of which type"),
        (Avro("header", compile_avro(Artifact(json.dumps(AVRO)))), b"", "no header apicurio.value.globalId"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_message_are_refused_in_words(wire, raw, message):
    with pytest.raises(MessageError, match=message) as caught:
        wire.plain(raw, ())
    assert caught.value.rejected.reason is Reason.UNDECODABLE


WIRES = [
    CsvLine(["a", "b"]),
    MessagePack(),
    JsonWithSchema("confluent"),
    knowing(
        Avro("confluent"),
        AVRO,
        {"type": "map", "values": {"type": "array", "items": ["int", "bytes", "string"]}},
    ),
    knowing(Protobuf("confluent"), serialized()),
]


class Flow(msgspec.Struct):
    """What a struct of a stream may be like."""

    flow: float | None
    source: str = ""


@given(
    wire=st.sampled_from(WIRES),
    raw=st.one_of(
        st.binary(max_size=60),
        st.tuples(st.sampled_from([1, 2]), st.binary(max_size=60)).map(lambda pair: confluent(*pair)),
        st.binary(max_size=40).map(lambda rest: confluent(1, b"\x02\x02" + rest)),
    ),
)
def test_any_bytes_are_a_message_or_refused(wire, raw):
    try:
        plain = wire.plain(raw, ())
    except MessageError:
        plain = None
    else:
        json.dumps(plain)  # nothing but what JSON knows
    try:
        struct = wire.typed(Flow)(raw)
    except ValueError:
        return
    assert struct.source == plain.get("source", "")


def test_compiled_schemas_are_bounded():
    schemas = Schemas(lambda artifact: artifact.text)
    for number in range(MAX_SCHEMAS + 5):
        schemas.put(SchemaId(number), Artifact("x"))
        assert schemas.get(SchemaId(0)) == "x"
    assert SchemaId(1) not in schemas
    assert SchemaId(MAX_SCHEMAS) in schemas
