"""Codes of categories, so that a channel of categories is a numeric column."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stream_app.events.rejection import MAX_EVENT_BYTES
from stream_app.events.sensor import MAX_NAME

__all__ = ["category_code", "category_name", "code_categories", "encode_categories"]


def category_code(text: str) -> float:
    """Return a number for a text: the same in every process, and larger than a code that a producer would send.

    It is a hash of 52 bits, above 2**52, where a float still tells whole numbers apart.

    Examples
    --------
    >>> category_code("eco") == category_code("eco") != category_code("boost")
    True
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return float((1 << 52) | (int.from_bytes(digest, "little") >> 12))


def category_name(code: float, names: Mapping[float, str]) -> str:
    """Return the text of a code, or the number that a producer sent as a category.

    Examples
    --------
    >>> category_name(3.0, {}), category_name(category_code("eco"), {category_code("eco"): "eco"})
    ('3', 'eco')
    """
    return names.get(code, f"{code:.12g}")


def encode_categories(raw: bytes | None, categories: Sequence[str], names: dict[float, str]) -> bytes | None:
    """Return a reading in JSON whose categories are codes; what is no good comes back as it is, and is refused where it is decoded.

    Parameters
    ----------
    raw : bytes or None
        The value of a Kafka record.
    categories : sequence of str
        Channels whose values may be texts, or true and false.
    names : dict of float to str
        Takes the texts of the codes.

    Examples
    --------
    >>> names = {}
    >>> encode_categories(b'{"values":{"mode":"eco"}}', ("mode",), names) != b'{"values":{"mode":"eco"}}'
    True
    >>> list(names.values())
    ['eco']
    """
    if raw is None or len(raw) > MAX_EVENT_BYTES:
        return raw
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw
    values = event.get("values") if isinstance(event, dict) else None
    if not isinstance(values, dict):
        return raw
    return msgspec.json.encode({**event, "values": code_categories(values, categories, names)})


def code_categories(values: Any, categories: Sequence[str], names: dict[float, str]) -> Any:
    """Return values whose categories are codes; what is no table of values comes back as it is.

    Parameters
    ----------
    values : dict of str to value
        Values of a reading by channel.
    categories, names
        As for `encode_categories`.
    """
    if not isinstance(values, dict):
        return values
    coded = dict(values)
    for channel in categories:
        value = values.get(channel)
        text = str(value).lower() if isinstance(value, bool) else value
        if isinstance(text, str) and 0 < len(text) <= MAX_NAME:
            code = category_code(text)
            coded[channel] = code
            names[code] = text
    return coded
