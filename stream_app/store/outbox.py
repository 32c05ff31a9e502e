"""The outbox of a partition: alerts and notices that are in Redis and not yet on their topic, oldest first.

They are put here by the very scripts that record them (see `alerts`), so none is recorded without being published and none
is published twice because its batch was processed twice. Whoever owns the partition publishes, and removes what the
broker has acknowledged.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from stream_app.errors import StateError
from stream_app.events import Alert, AuditRecord
from stream_app.store.alerts import NOTICES, Notice
from stream_app.store.connection import Store
from stream_app.store.fence import Claim, refuse

__all__ = ["OutboxEntry", "OutboxStore"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An alert or a notice that waits, under the id that Redis gave it."""

    id: str
    event: Alert | Notice


class OutboxStore:
    """Reads and trims outboxes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trim = store.function("trim_outbox")

    async def read(self, claim: Claim, *, count: int) -> list[OutboxEntry]:
        """Return the oldest entries.

        Raises
        ------
        StateError
            If one is neither an alert nor a notice; it names the key.
        StoreError
            If Redis cannot be reached.
        """
        key = self._key(claim)
        async with self._store.errors(f"reading the outbox of {claim.where}"):
            found = await self._store.client.xrange(key, count=count)
        try:
            return [OutboxEntry(entry.decode(), _read(fields)) for entry, fields in found]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"{key}: an entry is neither an alert nor a notice; has something else written to it?"
            ) from error

    async def remove(self, claim: Claim, last: OutboxEntry) -> int:
        """Remove entries up to one, and return how many are left.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses.
        """
        moment, number = last.id.split("-")
        position = self._store.keys.offsets(*claim.parts)
        async with self._store.errors(f"trimming the outbox of {claim.where}"):
            verdict, left = await self._trim(
                keys=[self._key(claim), position],
                args=[*claim.arguments(), f"{moment}-{int(number) + 1}"],
            )
        if verdict < 0:
            refuse(claim, verdict, left, place=self._store.place)
        return int(left)

    async def add_deeds(self, records: Sequence[AuditRecord]) -> None:
        """Put records of what people did where a worker takes them for the audit log; it works with Kafka away.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        if records:
            async with self._store.errors("writing what people did"):
                key = self._store.keys.deeds
                await self._store.client.rpush(key, *(record.model_dump_json() for record in records))

    async def deeds(self, *, count: int) -> list[AuditRecord]:
        """Return the oldest records of what people did that the audit log does not have; one that is none is dropped.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        key, client = self._store.keys.deeds, self._store.client
        records = []
        async with self._store.errors("reading what people did"):
            for raw in await client.lrange(key, 0, count - 1):
                try:
                    records.append(AuditRecord.model_validate_json(raw))
                except ValidationError as error:
                    _log.warning("%s: dropped an entry that is no audit record: %s", key, error)
                    await client.lrem(key, 1, raw)
        return records

    async def remove_deeds(self, records: Sequence[AuditRecord]) -> None:
        """Remove records that the audit log has.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with (
            self._store.errors("removing what people did"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for record in records:
                pipe.lrem(self._store.keys.deeds, 1, record.model_dump_json())
            await pipe.execute()

    async def lengths(self, claims: Sequence[Claim]) -> int:
        """Return how many alerts and notices wait in some outboxes."""
        async with (
            self._store.errors("measuring the outboxes"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for claim in claims:
                pipe.xlen(self._key(claim))
            return sum(await pipe.execute())

    def _key(self, claim: Claim) -> str:
        return self._store.keys.outbox(*claim.parts)


def _read(fields: Mapping[bytes, bytes]) -> Alert | Notice:
    ((field, raw),) = fields.items()
    name = field.decode()
    kind = Alert if name == "alert" else NOTICES[name]
    return kind.model_validate_json(raw)
