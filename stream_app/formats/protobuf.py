"""Protobuf, by descriptors: those of a registry, or of a file."""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# What these define, files of users import.
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    json_format,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from stream_app.errors import SettingsError
from stream_app.events import Header, MessageError, Reason
from stream_app.formats.framing import Framing, message_indexes, unframe
from stream_app.formats.plain import converting
from stream_app.formats.schemas import MAX_SCHEMAS, Artifact, Schemas

__all__ = ["MessageType", "Protobuf", "ProtobufFile", "compile_protobuf", "find_message"]

_COMMON = {
    module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb
    for module in (any_pb2, duration_pb2, empty_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
}
_REMEDY = (
    "the registry gives no descriptors of its Protobuf schemas; name a file of them and the type of the messages: "
    'format = { kind = "protobuf", descriptors = "FILE", message = "PACKAGE.TYPE" }, with FILE made by '
    "protoc --include_imports --descriptor_set_out=FILE"
)


class MessageType(NamedTuple):
    """A type of messages.

    Parameters
    ----------
    name : str
        With its package.
    parse : callable
        Makes a message of bytes.
    """

    name: str
    parse: Callable[[bytes], Any]


class ProtobufFile:
    """The types of messages of a file, by where they are in it."""

    def __init__(
        self, pool: descriptor_pool.DescriptorPool, file: descriptor_pb2.FileDescriptorProto
    ) -> None:
        self._pool, self._file = pool, file
        self._found: dict[tuple[int, ...], MessageType] = {}

    def type_at(self, indexes: tuple[int, ...]) -> MessageType:
        """Return the type at a place, such as ``(0,)`` for the first.

        Raises
        ------
        MessageError
            If there is none.
        """
        found = self._found.get(indexes)
        if found is None:
            names = [self._file.package] if self._file.package else []
            types: Any = self._file.message_type
            for index in indexes:
                if not 0 <= index < len(types):
                    raise MessageError(Reason.UNDECODABLE, f"the schema has no message type at {indexes}")
                names.append(types[index].name)
                types = types[index].nested_type
            found = self._found[indexes] = _message_type(self._pool, ".".join(names))
        return found


class Protobuf:
    """Protobuf, one message of one type.

    Parameters
    ----------
    framing : str
        How a message names its schema.
    message : MessageType, optional
        That of all messages, whatever they name.
    """

    def __init__(self, framing: Framing, message: MessageType | None = None) -> None:
        self.schemas = None if message is not None else Schemas(compile_protobuf)
        self.framing = framing
        self._unframe = unframe(framing)
        self._type = message
        self._readers: dict[Descriptor, list[tuple[str, bool, Callable[[Any], Any] | None]]] = {}

    def plain(self, raw: bytes, headers: Iterable[Header] = (), /) -> Any:
        """Return a message's fields by name: enumerations by theirs, times as RFC 3339 texts, bytes as base64.

        A field that has a presence and is not there is left out; others have their defaults.
        """
        number, start = self._unframe(raw, headers)
        indexes: tuple[int, ...] = (0,)
        if self.framing == "confluent":
            indexes, start = message_indexes(raw, start)
        elif self.framing == "apicurio":
            start = _behind_reference(raw, start)
        message = self._type
        if message is None:
            file = None if self.schemas is None or number is None else self.schemas.get(number)
            if file is None:
                raise MessageError(Reason.UNDECODABLE, f"the registry has no schema of the number {number}")
            message = file.type_at(indexes)
        try:
            return self._fields(message.parse(raw[start:]))
        except (DecodeError, json_format.Error, ValueError, TypeError, RecursionError) as error:
            raise MessageError(
                Reason.UNDECODABLE, f"not Protobuf of the type {message.name}: {str(error)[:200]}"
            ) from None

    def typed(self, model: type, /) -> Callable[[bytes], Any] | None:
        """Return what decodes a message into a struct; None where headers name the schema."""
        return None if self.framing == "header" else converting(self.plain, model)

    def _fields(self, message: Any) -> Any:
        kind = message.DESCRIPTOR
        if kind.file.name in _COMMON:
            return json_format.MessageToDict(message)
        readers = self._readers.get(kind)
        if readers is None:
            if len(self._readers) >= MAX_SCHEMAS:
                self._readers.clear()
            readers = self._readers[kind] = [
                (field.name, field.has_presence, self._reader(field)) for field in kind.fields
            ]
        return {
            name: getattr(message, name) if read is None else read(getattr(message, name))
            for name, optional, read in readers
            if not optional or message.HasField(name)
        }

    def _reader(self, field: FieldDescriptor) -> Callable[[Any], Any] | None:
        """Return what makes plain values of a field's; None where they are."""
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            read = self._reader(kind.fields_by_name["value"])
            return lambda found: {str(key): found[key] if read is None else read(found[key]) for key in found}
        one = self._single(field)
        if not field.is_repeated:
            return one
        return list if one is None else lambda found: [one(value) for value in found]

    def _single(self, field: FieldDescriptor) -> Callable[[Any], Any] | None:
        if field.message_type is not None:
            return self._fields
        if field.enum_type is not None:
            names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
            return lambda number: names.get(number, number)
        return _base64 if field.type == FieldDescriptor.TYPE_BYTES else None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _behind_reference(raw: bytes, start: int) -> int:
    """Return where the message begins that Apicurio's serializer writes behind the name of its type."""
    if start >= len(raw) or raw[start] > 0x7F or start + 1 + raw[start] > len(raw):
        raise MessageError(Reason.UNDECODABLE, "the message does not say of which type it is")
    return start + 1 + raw[start]


def compile_protobuf(artifact: Artifact) -> ProtobufFile:
    """Make message types of a file's descriptor in base64, as a registry gives it.

    Raises
    ------
    SettingsError
        If it is none.
    """
    pool = descriptor_pool.DescriptorPool()
    try:
        for name, reference in artifact.all_references():
            _add(pool, _descriptor(reference.text), name)
        file = _descriptor(artifact.text)
        _add(pool, file, file.name or "schema.proto")
    except (TypeError, KeyError, ValueError) as error:
        raise SettingsError(f"not a descriptor of Protobuf: {str(error)[:300]}") from None
    return ProtobufFile(pool, file)


def find_message(descriptors: bytes, name: str) -> MessageType:
    """Return a message type of a set of descriptors.

    Parameters
    ----------
    descriptors : bytes
        What ``protoc --include_imports --descriptor_set_out=FILE`` writes.
    name : str
        Of the type, with its package.

    Raises
    ------
    SettingsError
        If they are no descriptors, or there is no such type.
    """
    pool = descriptor_pool.DescriptorPool()
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptors).file
        for file in files:
            _add(pool, file, file.name)
        return _message_type(pool, name)
    except DecodeError:
        raise SettingsError("not a set of descriptors, as protoc --descriptor_set_out writes") from None
    except (TypeError, KeyError, ValueError) as error:
        raise SettingsError(f"no message type {name!r}: {str(error)[:300]}") from None


def _descriptor(text: str) -> descriptor_pb2.FileDescriptorProto:
    try:
        return descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (DecodeError, binascii.Error, ValueError):
        raise SettingsError(_REMEDY) from None


def _add(pool: descriptor_pool.DescriptorPool, file: descriptor_pb2.FileDescriptorProto, name: str) -> None:
    for needed in file.dependency:
        if needed in _COMMON:
            # Again is no harm: it is the same.
            pool.AddSerializedFile(_COMMON[needed])
    file.name = name
    pool.Add(file)


def _message_type(pool: descriptor_pool.DescriptorPool, name: str) -> MessageType:
    made: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return MessageType(name, made.FromString)
