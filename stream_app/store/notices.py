"""Retraining triggers and audit records on their way out: each is put into the outbox of its partition once."""

from collections.abc import Sequence
from types import MappingProxyType

from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger
from stream_app.store.connection import Store
from stream_app.store.fence import Fence
from stream_app.store.marked import marked
from stream_app.store.scripts import script

__all__ = ["NOTICES", "Notice", "NoticeWriter"]

Notice = RetrainingTrigger | AuditRecord
"""What is told of models, beside alerts."""

NOTICES: MappingProxyType[str, type[Notice]] = MappingProxyType(
    {"trigger": RetrainingTrigger, "audit": AuditRecord}
)
"""By the field of an outbox's entry that holds one."""

_FIELDS = {kind: field for field, kind in NOTICES.items()}
_KEPT_SECONDS = 30 * 86_400


class NoticeWriter:
    """Writes notices, so that telling one again changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tell = store.client.register_script(script("fence", "tell_notice"))

    async def write(self, notices: Sequence[Notice], fence: Fence) -> list[bool]:
        """Write notices in one round trip.

        Parameters
        ----------
        notices : sequence of RetrainingTrigger or AuditRecord
            In the order of their events.
        fence : Fence
            The partition they come from.

        Returns
        -------
        list of bool
            For each, whether it was new.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            If Redis cannot be reached or refuses the write; some may have been written, writing again is safe.
        """
        if not notices:
            return []
        async with self._store.errors("writing notices"), marked(self._store, fence) as pipe:
            outbox = pipe.outbox_keys
            for notice in notices:
                await self._tell(
                    keys=[self._store.keys.notice(notice.id), *outbox],
                    args=[*pipe.owner, _FIELDS[type(notice)], notice.model_dump_json(), _KEPT_SECONDS],
                    client=pipe.client,
                )
            return [new == 1 for new in await pipe.execute()]
