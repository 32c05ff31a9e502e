"""What decoding costs: bytes to columns, by format of messages: ``python benchmarks/load/formats.py``.

Readings of 8 channels and 16 sources come in deliveries of 200, as flat messages through a mapping; the first row is JSON in our own
layout, which needs none. CPU time, the best of some passes.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_writer
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from stream_app.events import ReadingDecoder
from stream_app.formats import make_format
from stream_app.formats.framing import SchemaId
from stream_app.formats.schemas import Artifact
from stream_app.kinds.layouts import sensor_layout
from stream_app.settings import SensorStream

CHANNELS = [f"c{i}" for i in range(8)]
DELIVERY, DELIVERIES, PASSES = 200, 20, 7

Reading = dict[str, Any]


def deliveries() -> Iterator[list[Reading]]:
    """Yield deliveries of flat readings."""
    for begin in range(0, DELIVERY * DELIVERIES, DELIVERY):
        yield [
            {
                "source": f"p{i % 16}",
                "t": 1_770_000_000.0 + i,
                **{name: math.sin(i * (k + 1)) for k, name in enumerate(CHANNELS)},
            }
            for i in range(begin, begin + DELIVERY)
        ]


def avro(time_type: Any) -> tuple[str, Callable[[Reading], bytes]]:
    """Return a schema and what writes by it."""
    fields = [{"name": "source", "type": "string"}, {"name": "t", "type": time_type}]
    schema = {
        "type": "record",
        "name": "R",
        "fields": [*fields, *({"name": c, "type": "double"} for c in CHANNELS)],
    }
    parsed = parse_schema(schema)
    whole = time_type != "double"

    def write(reading: Reading) -> bytes:
        out = BytesIO(bytes([0, 0, 0, 0, 1]))
        out.seek(5)
        schemaless_writer(out, parsed, {**reading, "t": int(reading["t"] * 1000)} if whole else reading)
        return out.getvalue()

    return json.dumps(schema), write


def protobuf(directory: Path) -> tuple[dict[str, str], Callable[[Reading], bytes]]:
    """Return the settings of a format and what writes it."""
    file = descriptor_pb2.FileDescriptorProto(name="r.proto", syntax="proto3")
    message = file.message_type.add(name="R")
    message.field.add(name="source", number=1, type=9, label=1)
    for number, name in enumerate(["t", *CHANNELS], 2):
        message.field.add(name=name, number=number, type=1, label=1)
    path = directory / "r.pb"
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("R"))
    settings = {"kind": "protobuf", "descriptors": str(path), "message": "R"}
    return settings, lambda reading: bytes(6) + made(**reading).SerializeToString()


def ours(reading: Reading) -> bytes:
    """Write our own layout."""
    values = {name: reading[name] for name in CHANNELS}
    return json.dumps({"source": reading["source"], "ts": reading["t"], "values": values}).encode()


def microseconds(decoder: ReadingDecoder, raws: list[list[bytes]]) -> float:
    """Return the CPU time of a message."""
    best = math.inf
    for _ in range(PASSES):
        begin = time.process_time()
        for some in raws:
            readings, rejected = decoder.decode(some, [b"k"] * len(some), range(len(some)), [0.0] * len(some))
            if rejected or len(readings) != len(some):
                sys.exit(f"not decoded: {rejected[:1]}")
        best = min(best, time.process_time() - begin)
    return best / sum(map(len, raws)) * 1e6


def main() -> None:
    """Print a table."""
    flat = {"time": "t", "values": "."}
    plain, write_plain = avro("double")
    stamped, write_stamped = avro({"type": "long", "logicalType": "timestamp-millis"})
    with tempfile.TemporaryDirectory() as directory:
        descriptors, write_protobuf = protobuf(Path(directory))
        rows: list[tuple[str, Any, Any, str | None, Callable[[Reading], bytes]]] = [
            ("JSON, our layout", "json", None, None, ours),
            ("JSON", "json", flat, None, lambda one: json.dumps(one).encode()),
            ("JSON Schema", "json-schema", flat, None, lambda one: bytes(5) + json.dumps(one).encode()),
            ("MessagePack", "messagepack", flat, None, msgspec.msgpack.encode),
            ("Avro", "avro", flat, plain, write_plain),
            ("Avro, timestamp-millis", "avro", flat, stamped, write_stamped),
            ("Protobuf", descriptors, flat, None, write_protobuf),
            ("CSV", {"kind": "csv", "columns": ["source", "t", *CHANNELS]}, flat, None, lambda one: ",".join(map(str, one.values())).encode()),
        ]  # fmt: skip
        print("| format | bytes | µs a message |\n|---|---|---|")
        for name, said, mapping, schema, write in rows:
            stream = SensorStream(format=said, mapping=mapping)
            wire: Any = make_format(stream.format)
            if schema is not None:
                wire.schemas.put(SchemaId(1), Artifact(schema))
            raws = [[write(one) for one in some] for some in deliveries()]
            took = microseconds(ReadingDecoder(layout=sensor_layout("bench", stream), wire=wire), raws)
            size = sum(len(raw) for some in raws for raw in some) / (DELIVERY * DELIVERIES)
            print(f"| {name} | {size:.0f} | {took:.1f} |")


if __name__ == "__main__":
    main()
