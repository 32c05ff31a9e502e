"""Settings of formats of messages: built-in ones, and those of other packages by the entry points ``streamgauge.formats``."""

from functools import cache
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from stream_app.settings.registry import Registry
from stream_app.settings.table import FileName, Table

__all__ = [
    "FORMAT_GROUP",
    "AnyMessageFormat",
    "AvroFormat",
    "CsvLineFormat",
    "JsonFormat",
    "JsonSchemaFormat",
    "MessageFormat",
    "MessagePackFormat",
    "ProtobufFormat",
    "format_names",
    "load_format",
]

FORMAT_GROUP = "streamgauge.formats"
"""Entry-point group of formats that other packages offer; see `stream_app.formats.FormatKind`."""

_Column = Annotated[str, Field(min_length=1, max_length=256)]


class MessageFormat(Table):
    """How the bytes of messages become values: the base of the settings of each format.

    Parameters
    ----------
    kind : str
        Name of the format; its default is that of the model.
    """

    kind: str


class JsonFormat(MessageFormat):
    """JSON.

    Parameters
    ----------
    kind : str
        ``json``.
    """

    kind: str = "json"


class MessagePackFormat(MessageFormat):
    """MessagePack.

    Parameters
    ----------
    kind : str
        ``messagepack``.
    """

    kind: str = "messagepack"


class CsvLineFormat(MessageFormat):
    """A line of CSV a message.

    Parameters
    ----------
    kind : str
        ``csv``.
    columns : list of str
        Names of the cells, in order.
    delimiter : str
        Character between cells.
    """

    kind: str = "csv"
    columns: Annotated[tuple[_Column, ...], Field(min_length=1, max_length=1024)]
    delimiter: Annotated[str, Field(min_length=1, max_length=1, pattern=r'^[^"\r\n]$')] = ","

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = next((one for one in self.columns if self.columns.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"columns: {twice!r} is there twice")
        return self


class _FramedFormat(MessageFormat):
    """A format whose messages name their schema.

    Parameters
    ----------
    framing : {"confluent", "apicurio", "header", "none"}
        How messages name their schema: by a zero byte and four bytes, by a zero byte and eight, by a header of Apicurio's, or not
        at all.
    """

    framing: Literal["confluent", "apicurio", "header", "none"] = "confluent"


class JsonSchemaFormat(_FramedFormat):
    """JSON behind the number of a schema.

    Parameters
    ----------
    kind : str
        ``json-schema``.
    """

    kind: str = "json-schema"


class AvroFormat(_FramedFormat):
    """Avro.

    Parameters
    ----------
    kind : str
        ``avro``.
    schema_file : path, optional
        File of the schema of all messages, instead of a registry.
    """

    kind: str = "avro"
    schema_file: FileName | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.framing == "none" and self.schema_file is None:
            raise ValueError('framing = "none" needs schema_file: messages name no schema')
        return self


class ProtobufFormat(_FramedFormat):
    """Protobuf.

    Parameters
    ----------
    kind : str
        ``protobuf``.
    descriptors : path, optional
        File of descriptors, made by ``protoc --include_imports --descriptor_set_out=FILE``, instead of a registry.
    message : str, optional
        Type of the messages in it, with its package.
    """

    kind: str = "protobuf"
    descriptors: FileName | None = None
    message: Annotated[str, Field(min_length=1, max_length=512)] | None = None

    @model_validator(mode="after")
    def _has_type(self) -> Self:
        if (self.descriptors is None) != (self.message is None):
            raise ValueError("descriptors and message belong together: a file, and the type of the messages")
        if self.framing == "none" and self.descriptors is None:
            raise ValueError('framing = "none" needs descriptors and message: messages name no schema')
        return self


_FORMATS = Registry(
    noun="format",
    unknown="no such format",
    group=FORMAT_GROUP,
    ours={
        "json": "stream_app.formats.kinds:JSON_KIND",
        "json-schema": "stream_app.formats.kinds:JSON_SCHEMA_KIND",
        "avro": "stream_app.formats.kinds:AVRO_KIND",
        "protobuf": "stream_app.formats.kinds:PROTOBUF_KIND",
        "messagepack": "stream_app.formats.kinds:MESSAGEPACK_KIND",
        "csv": "stream_app.formats.kinds:CSV_KIND",
    },
    expected="stream_app.formats.FormatKind",
    model=MessageFormat,
    default="json",
)


def format_names() -> tuple[str, ...]:
    """Return the names of all formats.

    Examples
    --------
    >>> format_names()[:3]
    ('json', 'json-schema', 'avro')
    """
    return _FORMATS.names()


@cache
def load_format(name: str) -> Any:
    """Return the `stream_app.formats.FormatKind` of a name; ours win over those of other packages.

    Raises
    ------
    KeyError
        If there is none.
    PluginError
        If it cannot be imported, or is no format.
    """
    return _FORMATS.load(name)


def _parse(value: Any) -> Any:
    return _FORMATS.parse({"kind": value} if isinstance(value, str) else value, load_format)


AnyMessageFormat: TypeAlias = Annotated[SerializeAsAny[MessageFormat], BeforeValidator(_parse)]
"""A format by its name, or a table with the name as its ``kind``."""
