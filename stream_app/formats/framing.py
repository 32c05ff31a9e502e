"""How a message names its schema: by the bytes before it, or by a header.

Confluent's wire format is a zero byte and the schema's number in four bytes, for Protobuf followed by where the message's type is
in its file. Apicurio's older one has eight bytes, and its other way is a header with eight.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from stream_app.events import Header, MessageError, Reason

__all__ = ["Framed", "Framing", "SchemaId", "message_indexes", "unframe"]

Framing = Literal["confluent", "apicurio", "header", "none"]

_MAGIC = 0
_ID_BYTES = {"confluent": 4, "apicurio": 8}
_HEADERS = {
    "apicurio.value.globalId": "global",
    "apicurio.value.contentId": "content",
}
_MOST_INDEXES = 32
_LONGEST_VARINT = 5
_MOST_PREFIXES = 1_000


class SchemaId(NamedTuple):
    """What a registry knows a schema by.

    Parameters
    ----------
    number : int
    space : str
        ``content``, the number of a text, as Confluent's; or ``global``, that of a version of an artifact, as Apicurio's older ones.
    """

    number: int
    space: str = "content"

    def __str__(self) -> str:
        return f"{self.number}" if self.space == "content" else f"{self.number} (globalId)"


class Framed(NamedTuple):
    """A message without what names its schema.

    Parameters
    ----------
    id : SchemaId or None
        None where nothing names one.
    start : int
        Where the payload begins.
    """

    id: SchemaId | None
    start: int


def unframe(framing: Framing) -> Callable[[bytes, Iterable[Header]], Framed]:
    """Return what finds the schema's number and the payload of a message.

    Examples
    --------
    >>> unframe("confluent")(bytes([0, 0, 0, 0, 7]) + b"payload", ())
    Framed(id=SchemaId(number=7, space='content'), start=5)
    >>> unframe("header")(b"payload", [("apicurio.value.globalId", bytes([0, 0, 0, 0, 0, 0, 0, 9]))])
    Framed(id=SchemaId(number=9, space='global'), start=0)
    >>> unframe("confluent")(b'{"flow": 1}', ())
    Traceback (most recent call last):
    stream_app.events.rejection.MessageError: the message does not begin with a zero byte and the number of a schema in 4 bytes
    """
    if framing == "none":
        return lambda _raw, _headers: Framed(None, 0)
    if framing == "header":
        return _from_headers
    size = _ID_BYTES[framing]
    space = "content" if framing == "confluent" else "global"

    known: dict[bytes, Framed] = {}

    def prefixed(raw: bytes, _headers: Iterable[Header]) -> Framed:
        prefix = raw[: size + 1]
        found = known.get(prefix)
        if found is not None:
            return found
        if len(prefix) <= size or prefix[0] != _MAGIC:
            raise MessageError(
                Reason.UNDECODABLE,
                f"the message does not begin with a zero byte and the number of a schema in {size} bytes",
            )
        if len(known) >= _MOST_PREFIXES:
            known.clear()
        found = known[prefix] = Framed(SchemaId(int.from_bytes(prefix[1:], "big"), space), size + 1)
        return found

    return prefixed


def _from_headers(_raw: bytes, headers: Iterable[Header]) -> Framed:
    for name, value in headers:
        space = _HEADERS.get(name)
        if space is not None and value is not None and len(value) == 8:
            return Framed(SchemaId(int.from_bytes(value, "big"), space), 0)
    raise MessageError(
        Reason.UNDECODABLE, f"no header {' or '.join(_HEADERS)} with the number of a schema in 8 bytes"
    )


def message_indexes(raw: bytes, start: int) -> tuple[tuple[int, ...], int]:
    r"""Return where the type of a Protobuf message is in its file, from the outside to the inside, and where the message begins.

    Confluent writes their count and then each as a zigzag number of variable length; a single zero stands for the first type.

    Examples
    --------
    >>> message_indexes(b"\x00payload", 0)
    ((0,), 1)
    >>> message_indexes(b"\x04\x02\x04payload", 0)
    ((1, 2), 3)
    """
    count, place = _varint(raw, start)
    if count == 0:
        return (0,), place
    if not 0 < count <= _MOST_INDEXES:
        raise MessageError(Reason.UNDECODABLE, f"a message type that is nested {count} deep")
    indexes: list[int] = []
    for _ in range(count):
        index, place = _varint(raw, place)
        indexes.append(index)
    return tuple(indexes), place


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift, byte in enumerate(raw[place : place + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), place + shift + 1
    raise MessageError(Reason.UNDECODABLE, "the message does not say of which type it is")
