"""Our formats, as settings find them. Their libraries are imported when one is used."""

import importlib
from pathlib import Path
from typing import Any

from stream_app.errors import MissingExtraError, SettingsError
from stream_app.events import JSON, Format
from stream_app.formats.csv_line import CsvLine
from stream_app.formats.json_schema import JsonWithSchema
from stream_app.formats.kind import FormatKind
from stream_app.formats.messagepack import MessagePack
from stream_app.formats.schemas import Artifact
from stream_app.settings import (
    AvroFormat,
    CsvLineFormat,
    JsonFormat,
    JsonSchemaFormat,
    MessagePackFormat,
    ProtobufFormat,
)

__all__ = [
    "AVRO_KIND",
    "CSV_KIND",
    "JSON_KIND",
    "JSON_SCHEMA_KIND",
    "MESSAGEPACK_KIND",
    "PROTOBUF_KIND",
]

_MOST_BYTES = 16_777_216
"""A larger file of schemas is another one by mistake."""


def _make_avro(settings: AvroFormat) -> Format:
    avro = _imported("avro", "Avro needs", "fastavro")
    schema = None
    if settings.schema_file is not None:
        text = _read(settings.schema_file).decode(errors="replace")
        try:
            schema = avro.compile_avro(Artifact(text))
        except SettingsError as error:
            raise SettingsError(f"{settings.schema_file}: {error}") from None
    made: Format = avro.Avro(settings.framing, schema)
    return made


def _make_protobuf(settings: ProtobufFormat) -> Format:
    protobuf = _imported("protobuf", "Protobuf needs", "protobuf")
    message = None
    if settings.descriptors is not None and settings.message is not None:
        try:
            message = protobuf.find_message(_read(settings.descriptors), settings.message)
        except SettingsError as error:
            raise SettingsError(f"{settings.descriptors}: {error}") from None
    made: Format = protobuf.Protobuf(settings.framing, message)
    return made


def _imported(name: str, need: str, library: str) -> Any:
    try:
        return importlib.import_module(f"stream_app.formats.{name}")
    except ModuleNotFoundError:
        raise MissingExtraError(need, library, "formats") from None


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise SettingsError(f"{path}: larger than {_MOST_BYTES} bytes; is this the file of schemas?")
    return raw


JSON_KIND = FormatKind(settings=JsonFormat, make=lambda _: JSON)
JSON_SCHEMA_KIND = FormatKind(settings=JsonSchemaFormat, make=lambda said: JsonWithSchema(said.framing))
AVRO_KIND = FormatKind(settings=AvroFormat, make=_make_avro)
PROTOBUF_KIND = FormatKind(settings=ProtobufFormat, make=_make_protobuf)
MESSAGEPACK_KIND = FormatKind(settings=MessagePackFormat, make=lambda _: MessagePack())
CSV_KIND = FormatKind(settings=CsvLineFormat, make=lambda said: CsvLine(said.columns, said.delimiter))
