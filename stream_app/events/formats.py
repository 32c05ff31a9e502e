"""Formats of messages: how the bytes of a record become values, before anything is known of their meaning."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
from pydantic_core import from_json

from stream_app.events.dead_letter import Header, Reason
from stream_app.events.rejection import MessageError

__all__ = ["JSON", "Format"]


class Format(Protocol):
    """Decodes messages. Where the parts of an event are in what comes out, a `stream_app.events.Layout` says."""

    def plain(self, raw: bytes, headers: Iterable[Header], /) -> Any:
        """Return a message as dictionaries with names, lists, texts, numbers, booleans and None.

        It is the same for the same bytes and headers, whatever came before.

        Raises
        ------
        MessageError
            If it cannot be decoded.
        """

    def typed(self, model: type, /) -> Callable[[bytes], Any] | None:
        """Return what decodes a message straight into a struct of msgspec, as `plain` and `msgspec.convert` would; None without.

        It raises `msgspec.DecodeError`, or another `ValueError`, for any other message.
        """


class _Json:
    """JSON in UTF-8."""

    def plain(self, raw: bytes, _headers: Iterable[Header] = (), /) -> Any:
        """Return a document; NaN and infinite numbers are in it as they are, to be refused by name."""
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            return from_json(raw)
        except ValueError as error:
            raise MessageError(Reason.NOT_JSON, f"Invalid JSON: {error}") from None

    def typed(self, model: type, /) -> Callable[[bytes], Any]:
        """Return what decodes a document into a struct."""
        decode: Callable[[bytes], Any] = msgspec.json.Decoder(model).decode
        return decode


JSON: Format = _Json()
"""JSON, the format where no other is named."""
