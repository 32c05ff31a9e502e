"""JSON behind the number of a schema. The schema is the producers' to keep, so it is not asked for."""

from collections.abc import Callable, Iterable
from typing import Any

from stream_app.events import JSON, Header
from stream_app.formats.framing import Framing, unframe

__all__ = ["JsonWithSchema"]


class JsonWithSchema:
    """JSON as serializers with a schema registry write it.

    Parameters
    ----------
    framing : str
        How a message names its schema.

    Examples
    --------
    >>> JsonWithSchema("confluent").plain(bytes(5) + b'{"flow": 1.5}')
    {'flow': 1.5}
    """

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._unframe = unframe(framing)

    def plain(self, raw: bytes, headers: Iterable[Header] = (), /) -> Any:
        """Return a document."""
        return JSON.plain(raw[self._unframe(raw, headers).start :], headers)

    def typed(self, model: type, /) -> Callable[[bytes], Any] | None:
        """Return what decodes a document into a struct."""
        decode, find = JSON.typed(model), self._unframe
        if decode is None or self._framing == "header":
            return None
        return lambda raw: decode(raw[find(raw, ()).start :])
