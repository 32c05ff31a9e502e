"""Avro, by fastavro, with the schema that each message was written with."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException, UnknownType

from stream_app.errors import SettingsError
from stream_app.events import Header, MessageError, Reason
from stream_app.formats.framing import Framing, unframe
from stream_app.formats.plain import converting, plain_values
from stream_app.formats.schemas import Artifact, Schemas

__all__ = ["Avro", "compile_avro"]

_MOST_TYPES = 10_000
"""Types in a schema, those of a record each time that it is named: records within records that take no bytes double each time."""


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """A schema that messages can be read with.

    Parameters
    ----------
    parsed : dict or list
        As fastavro has it.
    plain : bool
        Whether all its values are those that JSON knows, too.
    """

    parsed: Any
    plain: bool


class Avro:
    """Avro without a file's header, one value a message.

    Parameters
    ----------
    framing : str
        How a message names its schema.
    schema : AvroSchema, optional
        That of all messages, whatever they name.

    Examples
    --------
    >>> schema = compile_avro(Artifact('{"type": "record", "name": "Reading", "fields": [{"name": "flow", "type": "double"}]}'))
    >>> Avro("none", schema).plain(bytes([0, 0, 0, 0, 0, 0, 248, 63]))
    {'flow': 1.5}
    """

    def __init__(self, framing: Framing, schema: AvroSchema | None = None) -> None:
        self.schemas = None if schema is not None else Schemas(compile_avro)
        self.framing = framing
        self._unframe = unframe(framing)
        self._schema = schema

    def plain(self, raw: bytes, headers: Iterable[Header] = (), /) -> Any:
        """Return a message's values; times become RFC 3339 texts, decimals numbers, bytes base64."""
        number, start = self._unframe(raw, headers)
        schema = self._schema
        if schema is None and self.schemas is not None and number is not None:
            schema = self.schemas.get(number)
        if schema is None:
            raise MessageError(Reason.UNDECODABLE, f"the registry has no schema of the number {number}")
        data = BytesIO(raw)
        data.seek(start)
        try:
            value: Any = schemaless_reader(data, schema.parsed, None)
        except Exception as error:  # noqa: BLE001 bytes of another schema lead fastavro to errors of any kind
            said = str(error) or type(error).__name__
            raise MessageError(
                Reason.UNDECODABLE, f"not Avro of the schema {_name(schema)}: {said[:200]}"
            ) from None
        left = len(raw) - data.tell()
        if left:
            raise MessageError(
                Reason.UNDECODABLE, f"{left} bytes are left over behind Avro of the schema {_name(schema)}"
            )
        return value if schema.plain else plain_values(value)

    def typed(self, model: type, /) -> Callable[[bytes], Any] | None:
        """Return what decodes a message into a struct; None where headers name the schema."""
        return None if self.framing == "header" else converting(self.plain, model)


def compile_avro(artifact: Artifact) -> AvroSchema:
    """Make a schema that messages can be read with.

    Raises
    ------
    SettingsError
        If it is none, refers to itself, has very many types, or lists of what takes no bytes: a few bytes could make any number of
        values then.
        fastavro reads what is nested by recursion in C, which a message could make overflow.

    Examples
    --------
    >>> compile_avro(Artifact('{"type": "array", "items": "null"}'))
    Traceback (most recent call last):
    stream_app.errors.SettingsError: the Avro schema has an array of values that take no bytes, which is not read
    """
    named: dict[str, Any] = {}
    try:
        for _, reference in artifact.all_references():
            parse_schema(json.loads(reference.text), named_schemas=named)
        parsed = parse_schema(json.loads(artifact.text), named_schemas=named)
        look = _Look(named)
        look.size(parsed, ())
    except (ValueError, SchemaParseException, UnknownType, RecursionError, TypeError, KeyError) as error:
        raise SettingsError(f"not an Avro schema: {str(error)[:300]}") from None
    return AvroSchema(parsed, plain=look.plain)


def _name(schema: AvroSchema) -> str:
    return (
        str(schema.parsed.get("name", schema.parsed.get("type")))
        if isinstance(schema.parsed, dict)
        else "union"
    )


class _Look:
    """A look at all types of a schema: whether they are plain, finite, and take bytes."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._left = _MOST_TYPES
        self.plain = True

    def size(self, schema: Any, outer: tuple[str, ...]) -> bool:
        """Return whether a value takes at least a byte; `outer` are the records that hold it."""
        self._left -= 1
        if self._left < 0:
            raise SettingsError(f"the Avro schema has more than {_MOST_TYPES} types, which is not read")
        if isinstance(schema, list):
            for one in schema:
                self.size(one, outer)
            return True
        if isinstance(schema, str):
            if schema in self._named:
                return self._of_record(schema, self._named[schema], outer)
            self.plain = self.plain and schema != "bytes"
            return schema != "null"
        self.plain = self.plain and "logicalType" not in schema
        return self._of_complex(schema["type"], schema, outer)

    def _of_complex(self, kind: Any, schema: Any, outer: tuple[str, ...]) -> bool:
        if not isinstance(kind, str):
            return self.size(kind, outer)
        if kind in ("record", "error"):
            return self._of_record(schema["name"], schema, outer)
        if kind == "array" and not self.size(schema["items"], outer):
            raise SettingsError(
                "the Avro schema has an array of values that take no bytes, which is not read"
            )
        if kind == "map":
            self.size(schema["values"], outer)
        if kind == "fixed":
            self.plain = False
            return int(schema["size"]) > 0
        return True if kind in {"array", "map", "enum"} else self.size(kind, outer)

    def _of_record(self, name: str, schema: Any, outer: tuple[str, ...]) -> bool:
        if not isinstance(schema, dict) or "fields" not in schema:
            return self.size(schema, outer)
        if name in outer:
            raise SettingsError(f"the Avro schema's {name} holds itself, which is not read")
        sizes = [self.size(one["type"], (*outer, name)) for one in schema["fields"]]
        return any(sizes)
