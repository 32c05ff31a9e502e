"""Values of formats that know more types than JSON, as JSON would have them."""

import base64
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from stream_app.events import MessageError, Reason

__all__ = ["converting", "plain_values"]

_PLAIN = frozenset({str, int, float, bool, type(None)})

_WRITTEN: dict[type, Callable[[Any], Any]] = {
    datetime: datetime.isoformat,  # Avro's local times have no zone; the mapping's is for texts without one
    date: str,
    time: str,
    UUID: str,
    Decimal: float,
    bytes: lambda value: base64.b64encode(value).decode(),
}


def plain_values(value: Any) -> Any:
    """Return a value with dictionaries with names, lists, texts, numbers, booleans and None in place of others.

    Times become RFC 3339 texts, decimals numbers, bytes base64.

    Parameters
    ----------
    value : object
        As a decoder made it; its nesting is bounded by the decoder.

    Raises
    ------
    MessageError
        If a value has no such form.

    Examples
    --------
    >>> plain_values({"at": datetime(2026, 1, 31), "load": Decimal("1.5"), 3: b"ab"})
    {'at': '2026-01-31T00:00:00', 'load': 1.5, '3': 'YWI='}
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {
            name if type(name) is str else _name(name): one if type(one) in _PLAIN else plain_values(one)
            for name, one in value.items()
        }
    if kind is list:
        return [plain_values(one) for one in value]
    write = _WRITTEN.get(kind)
    if write is None:
        raise MessageError(Reason.UNDECODABLE, f"a value of type {kind.__name__} is in the message")
    return write(value)


def _name(name: Any) -> str:
    if isinstance(name, bool | int | float | bytes):
        return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
    raise MessageError(Reason.UNDECODABLE, f"a name of type {type(name).__name__} is in the message")


def converting(decode: Callable[[bytes], Any], model: type) -> Callable[[bytes], Any]:
    """Return what decodes a message into a struct by way of its values.

    Parameters
    ----------
    decode : callable
        Returns the values of a message.
    model : type
        A struct of msgspec.
    """
    convert = msgspec.convert

    def typed(raw: bytes) -> Any:
        return convert(decode(raw), model)

    return typed
