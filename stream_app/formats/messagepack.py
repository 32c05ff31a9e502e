"""MessagePack, by msgspec."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from stream_app.events import Header, MessageError, Reason
from stream_app.formats.plain import plain_values

__all__ = ["MessagePack"]


class MessagePack:
    """MessagePack.

    Examples
    --------
    >>> MessagePack().plain(msgspec.msgpack.encode({"flow": 1.5, 7: None}))
    {'flow': 1.5, '7': None}
    """

    def plain(self, raw: bytes, _headers: Iterable[Header] = (), /) -> Any:
        """Return a message; names that are numbers become texts, timestamps RFC 3339."""
        try:
            return plain_values(msgspec.msgpack.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MessageError(Reason.UNDECODABLE, f"Invalid MessagePack: {error}") from None

    def typed(self, model: type, /) -> Callable[[bytes], Any]:
        """Return what decodes a message into a struct."""
        decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(model).decode
        return decode
