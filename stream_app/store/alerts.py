"""Alerts and notices in Redis: each is recorded exactly once. What is read is checked: others may write to the same keys."""

import logging
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from types import MappingProxyType

from pydantic import ValidationError

from stream_app.errors import StateError, StoreError
from stream_app.events import Alert
from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger
from stream_app.store.connection import Store
from stream_app.store.fence import Fence, fenced_pipeline

__all__ = [
    "NOTICES",
    "AlertReader",
    "AlertWriter",
    "Notice",
    "NoticeWriter",
    "parse_alert",
    "sound_alerts",
]

_log = logging.getLogger(__name__)

Notice = RetrainingTrigger | AuditRecord
"""What is published of models, beside alerts."""

NOTICES: MappingProxyType[str, type[Notice]] = MappingProxyType(
    {"trigger": RetrainingTrigger, "audit": AuditRecord}
)
"""By the field of an outbox's entry that holds one."""

_FIELDS = {kind: field for field, kind in NOTICES.items()}

_KEPT_SECONDS = 30 * 86_400
"""Notices, and alerts after their end; as long as they fire they stay."""
_STREAM_LENGTH = 100_000
_READ_AT_ONCE = 500
_SEARCHED = 10_000
"""Newest beginnings and ends among which the beginning of an id is looked for."""
_ID_BEGINNING = re.compile(r"[0-9a-f]{1,31}")


class AlertWriter:
    """Writes alerts, so that writing one again changes nothing.

    The alerts of a partition's owner are fenced, and put into the partition's outbox in the same step.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._raise = store.function("raise_alert")

    async def write(self, alerts: Sequence[Alert], fence: Fence | None = None) -> list[bool]:
        """Write alerts in one round trip.

        Parameters
        ----------
        alerts : sequence of Alert
            In the order of their events.
        fence : Fence, optional
            The partition they come from; without it they are neither fenced nor put into an outbox.

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
        if not alerts:
            return []
        keys = self._store.keys
        async with self._store.errors("writing alerts"), fenced_pipeline(self._store, fence) as pipe:
            outbox = pipe.outbox_keys
            for alert in alerts:
                case = alert.case
                await self._raise(
                    keys=[
                        keys.alert(alert.id),
                        keys.alerts,
                        keys.firing,
                        keys.incident(case.id),
                        keys.incident_alerts(case.id),
                        keys.firing_incidents,
                        *outbox,
                    ],
                    args=[
                        *pipe.owner,
                        alert.id,
                        alert.transition,
                        alert.started_at,
                        alert.model_dump_json(),
                        _KEPT_SECONDS,
                        _STREAM_LENGTH,
                        keys.live_channel,
                        case.id,
                        case.state.value,
                        case.started_at,
                        case.model_dump_json(),
                    ],
                    client=pipe.client,
                )
            return [new == 1 for new in await pipe.execute()]


class NoticeWriter:
    """Writes notices of models, so that writing one again changes nothing; each goes into the outbox of its partition."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._record = store.function("tell_notice")

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
        async with self._store.errors("writing notices"), fenced_pipeline(self._store, fence) as pipe:
            outbox = pipe.outbox_keys
            for notice in notices:
                await self._record(
                    keys=[self._store.keys.notice(notice.id), *outbox],
                    args=[*pipe.owner, _FIELDS[type(notice)], notice.model_dump_json(), _KEPT_SECONDS],
                    client=pipe.client,
                )
            return [new == 1 for new in await pipe.execute()]


class AlertReader:
    """Looks alerts up and follows them.

    An entry that is no alert is named in the log and passed over; where it alone was asked for, it is a `StateError`. A store
    that is away or refuses is a `StoreError`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def show(self, alert_id: str) -> Alert | None:
        """Return one alert by its id or the beginning of it; None if there is none.

        A beginning is looked for among the alerts that are firing and the newest 10,000 beginnings and ends.

        Raises
        ------
        StoreError
            If several alerts begin so.
        """
        key = self._store.keys.alert(alert_id)
        async with self._store.errors("reading an alert"):
            found = await self._store.client.hget(key, "alert")
            if found is None and _ID_BEGINNING.fullmatch(alert_id):
                alert_id = await self._complete(alert_id)
                key = self._store.keys.alert(alert_id)
                found = await self._store.client.hget(key, "alert")
        return None if found is None else parse_alert(found, key)

    async def _complete(self, beginning: str) -> str:
        """Return the id that begins so; the beginning itself where there is none."""
        client, keys = self._store.client, self._store.keys
        # Not SCAN: that would show a reader the names of all keys, whoever's they are.
        found = {one for one in await client.zrange(keys.firing, 0, -1) if one.startswith(beginning.encode())}
        last = "+"
        for _ in range(_SEARCHED // _READ_AT_ONCE):
            entries = await client.xrevrange(keys.alerts, max=last, count=_READ_AT_ONCE)
            ids = (fields.get(b"id", b"") for _, fields in entries)
            found |= {one for one in ids if one.startswith(beginning.encode())}
            if len(entries) < _READ_AT_ONCE:
                break
            last = f"({entries[-1][0].decode()}"
        if len(found) > 1:
            raise StoreError(f"{len(found)} alerts begin with {beginning}; give more of the id")
        return found.pop().decode(errors="replace") if found else beginning

    async def firing(self) -> list[Alert]:
        """All alerts that are firing, oldest first."""
        async with self._store.errors("reading the firing alerts"):
            ids = await self._store.client.zrange(self._store.keys.firing, 0, -1)
        return await self.read(ids)

    async def firing_in(self, stream: str, partition: int, detector: str | None = None) -> list[Alert]:
        """Return the alerts of a stream's partition that are firing, oldest first; of one detector or of all."""
        return [
            alert
            for alert in await self.firing()
            if (alert.stream, alert.partition) == (stream, partition) and detector in {None, alert.detector}
        ]

    async def read(self, ids: Sequence[bytes]) -> list[Alert]:
        """Return the alerts of some ids, in their order; without those that are not kept any more."""
        keys = [self._store.keys.alert(each.decode(errors="replace")) for each in ids]
        raws: list[bytes | None] = []
        async with self._store.errors("reading alerts"):
            for first in range(0, len(keys), _READ_AT_ONCE):
                async with self._store.client.pipeline(transaction=False) as pipe:
                    for key in keys[first : first + _READ_AT_ONCE]:
                        pipe.hget(key, "alert")
                    raws += await pipe.execute()
        return list(sound_alerts((raw, key) for key, raw in zip(keys, raws, strict=True) if raw is not None))

    async def recent(self, count: int) -> list[Alert]:
        """Return the newest beginnings and ends, oldest first."""
        async with self._store.errors("reading alerts"):
            entries = await self._store.client.xrevrange(self._store.keys.alerts, count=count)
        key = self._store.keys.alerts
        return list(sound_alerts((fields.get(b"alert"), key) for _, fields in reversed(entries)))

    async def position(self) -> str:
        """Where the stream of alerts ends now, for `follow`."""
        async with self._store.errors("reading alerts"):
            newest = await self._store.client.xrevrange(self._store.keys.alerts, count=1)
        return newest[0][0].decode() if newest else "0"

    async def follow(self, start: str, *, block_ms: int = 1000) -> AsyncIterator[Alert | None]:
        """Yield alerts as they come, and None whenever nothing came for a while; see `follow_entries`."""
        async for found in self.follow_entries(start, block_ms=block_ms):
            yield None if found is None else found[1]

    async def follow_entries(
        self, start: str, *, block_ms: int = 1000
    ) -> AsyncIterator[tuple[str, Alert] | None]:
        """Yield alerts as they come, each with where one may go on behind it, and None whenever nothing came for a while.

        Parameters
        ----------
        start : str
            What `position` gave, or ``0`` for all.
        block_ms : int
            How long to wait before yielding None.
        """
        key, last = self._store.keys.alerts, start
        while True:
            async with self._store.errors("following alerts"):
                answer = await self._store.client.xread({key: last}, block=block_ms)
            if not answer:
                yield None
                continue
            entries = answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))[0]
            for entry, fields in entries:
                last = entry.decode()
                for alert in sound_alerts([(fields.get(b"alert"), key)]):
                    yield last, alert


def parse_alert(raw: bytes | None, key: str) -> Alert:
    """Read a stored alert.

    Parameters
    ----------
    raw : bytes or None
        The entry; None where a field is not there.
    key : str
        Where it stands.

    Raises
    ------
    StateError
        If it is something else; it names the key and what is wrong.
    """
    try:
        return Alert.model_validate_json(raw or b"")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'entry'}: {first['msg']}"
        raise StateError(
            f"{key}: an entry is not an alert ({problem}); has something else written to it?"
        ) from error


def sound_alerts(entries: Iterable[tuple[bytes | None, str]]) -> Iterator[Alert]:
    """Read stored alerts, each with its key; what is no alert is named in the log and passed over."""
    for raw, key in entries:
        try:
            yield parse_alert(raw, key)
        except StateError as error:
            _log.warning("passed over: %s", error)
