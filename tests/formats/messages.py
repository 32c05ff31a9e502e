"""Messages of other formats, and their schemas, for tests."""

import json
from io import BytesIO

from fastavro import parse_schema, schemaless_writer
from google.protobuf import descriptor_pb2, timestamp_pb2

from stream_app.formats.framing import SchemaId
from stream_app.formats.schemas import Artifact

__all__ = ["AVRO", "avro", "confluent", "knowing", "protobuf_file"]

AVRO = {
    "type": "record",
    "name": "Reading",
    "namespace": "plant",
    "fields": [
        {"name": "source", "type": "string"},
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "flow", "type": ["null", "double"]},
    ],
}


def avro(schema, value) -> bytes:
    """A value in Avro, without a prefix."""
    out = BytesIO()
    schemaless_writer(out, parse_schema(schema), value)
    return out.getvalue()


def confluent(number: int, payload: bytes, indexes: bytes = b"") -> bytes:
    """A message in Confluent's wire format."""
    return bytes([0]) + number.to_bytes(4, "big") + indexes + payload


def knowing(wire, *texts, **references):
    """A format that has schemas, numbered from 1."""
    for number, text in enumerate(texts, 1):
        wire.schemas.put(
            SchemaId(number), Artifact(text if isinstance(text, str) else json.dumps(text), references)
        )
    return wire


def protobuf_file() -> descriptor_pb2.FileDescriptorProto:
    """plant.proto: an unused type, and a reading with a nested type, an enumeration, a map and a time."""
    file = descriptor_pb2.FileDescriptorProto(
        name="plant.proto", package="plant", syntax="proto3", dependency=[timestamp_pb2.DESCRIPTOR.name]
    )
    file.message_type.add(name="Unused").field.add(name="x", number=1, type=5, label=1)
    reading = file.message_type.add(name="Reading")
    state = reading.enum_type.add(name="State")
    state.value.add(name="OFF", number=0)
    state.value.add(name="ON", number=1)
    inner = reading.nested_type.add(name="Load")
    inner.field.add(name="kilowatts", number=1, type=2, label=1)
    entry = reading.nested_type.add(name="ValuesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=1, label=1)
    reading.field.add(name="source", number=1, type=9, label=1)
    reading.field.add(name="t", number=2, type=11, type_name=".google.protobuf.Timestamp", label=1)
    reading.field.add(name="values", number=3, type=11, type_name=".plant.Reading.ValuesEntry", label=3)
    reading.field.add(name="state", number=4, type=14, type_name=".plant.Reading.State", label=1)
    reading.field.add(name="loads", number=5, type=11, type_name=".plant.Reading.Load", label=3)
    reading.field.add(name="count", number=6, type=4, label=1)
    reading.field.add(name="raw", number=7, type=12, label=1)
    return file
