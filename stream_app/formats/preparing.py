"""Schemas are fetched before messages are decoded: decoding waits for nobody."""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, Protocol

from stream_app.backoff import backoff
from stream_app.errors import RegistryError, SettingsError
from stream_app.events import Format, Header, MessageError, Record
from stream_app.formats.framing import Framing, SchemaId, unframe
from stream_app.formats.registry import SchemaRegistry
from stream_app.formats.schemas import Artifact, Schemas
from stream_app.settings import SchemaRegistrySettings, Stream

__all__ = ["Preparation", "preparation"]

_TRIES = 5
_WAIT_SECONDS = (0.2, 2.0)
_UNKNOWN_SECONDS = 60.0
"""How long it is believed that the registry has no schema of a number."""
_MOST_UNKNOWN = 10_000
_LONGEST_PREFIX = 10
"""In bytes; whatever names a schema is in them."""


class _WithSchemas(Protocol):
    """A format whose messages name schemas of a registry."""

    schemas: Schemas[Any]
    framing: Framing


class Preparation:
    """Sees that the schemas of messages are there.

    Parameters
    ----------
    stream : str
        Name of the stream, for messages.
    wire : Format
        What decodes the messages; has ``schemas`` and ``framing``.
    registry : SchemaRegistry
        Where they are.
    skip : bool
        Whether a message of a schema that the registry does not have is a dead letter, and not the end.
    """

    def __init__(self, stream: str, wire: _WithSchemas, registry: SchemaRegistry, *, skip: bool) -> None:
        self._stream, self._registry, self._skip = stream, registry, skip
        self._schemas = wire.schemas
        self._framing = wire.framing
        self._unframe = unframe(wire.framing)
        self._unknown: dict[SchemaId, float] = {}

    async def __call__(self, records: Sequence[Record]) -> None:
        """Fetch the schemas of records that are not there yet.

        Raises
        ------
        RegistryUnavailableError
            If the registry does not answer now; to be tried again.
        RegistryError
            If it refuses, has no such schema, or one that cannot be used; names the schema.
        """
        for key in self._missing(records):
            artifact = await self._fetched(key)
            if artifact is None:
                if len(self._unknown) >= _MOST_UNKNOWN:
                    self._unknown.clear()
                self._unknown[key] = monotonic()
                continue
            try:
                self._schemas.put(key, artifact)
            except SettingsError as error:
                raise RegistryError(
                    f"stream {self._stream}: the schema {key} of {self._registry.url} cannot be used: {error}"
                ) from None

    async def _fetched(self, key: SchemaId) -> Artifact | None:
        waits = backoff(*_WAIT_SECONDS)
        for attempt in range(1, _TRIES + 1):
            artifact = await self._registry.fetch(key)
            if artifact is not None or self._skip:
                return artifact
            if attempt < _TRIES:
                # Nodes of a registry know a new schema one after the other.
                await asyncio.sleep(next(waits))
        raise RegistryError(
            f"stream {self._stream}: {self._registry.url} has no schema {key}, which a message names; register it, or set "
            f'streams.{self._stream}.on_unknown_schema = "skip" to make dead letters of such messages'
        )

    def _missing(self, records: Sequence[Record]) -> list[SchemaId]:
        found: set[SchemaId] = set()
        if self._framing == "header":
            looked: Iterable[tuple[bytes, Iterable[Header]]] = (
                (b"", record.headers) for record in records if record.value is not None
            )
        else:
            # Most messages of a delivery have one schema: their beginnings are looked at, and not each message.
            beginnings = {record.value[:_LONGEST_PREFIX] for record in records if record.value is not None}
            looked = ((raw, ()) for raw in beginnings)
        for raw, some in looked:
            try:
                key = self._unframe(raw, some).id
            except MessageError:
                continue
            if key is not None and key not in self._schemas and not self._believed_unknown(key):
                found.add(key)
        return sorted(found)

    def _believed_unknown(self, key: SchemaId) -> bool:
        at = self._unknown.get(key)
        return self._skip and at is not None and monotonic() - at < _UNKNOWN_SECONDS


def preparation(
    name: str, stream: Stream, wire: Format, registry: SchemaRegistrySettings
) -> Preparation | None:
    """Return what fetches the schemas of a stream's messages; None where its format needs none.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : Stream
        Its settings.
    wire : Format
        What decodes its messages.
    registry : SchemaRegistrySettings
        Where schemas are.

    Raises
    ------
    SettingsError
        If it needs some, and no registry is set.
    """
    schemas = getattr(wire, "schemas", None)
    if schemas is None:
        return None
    if not registry.url:
        raise SettingsError(
            f"streams.{name}.format: its messages name schemas of a registry; set schema_registry.url, or the file of the schema"
        )
    return Preparation(
        name,
        wire,  # type: ignore[arg-type] # it has schemas
        SchemaRegistry(registry),
        skip=getattr(stream, "on_unknown_schema", "stop") == "skip",
    )
