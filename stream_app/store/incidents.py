"""Incidents in Redis: how they stand, their alerts, and what people said about them."""

import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import ValidationError

from stream_app.core.alerting import Precision, detector_family, precisions, raised_thresholds
from stream_app.errors import StateError
from stream_app.events import MAX_INSTANT, Alert, AuditRecord, Incident, Severity
from stream_app.events.audit import AuditKind
from stream_app.store.alerts import AlertReader
from stream_app.store.calibrations import CalibrationStore
from stream_app.store.connection import Store

__all__ = ["IncidentReader", "IncidentStatus", "Note", "NoteKind"]

_log = logging.getLogger(__name__)

_READ_AT_ONCE = 500
_RECENT = 1_000
"""Newest beginnings and ends of alerts by which incidents that are over are found."""

NoteKind: TypeAlias = Literal["acknowledged", "muted", "verdict"]
"""What people may say about an incident; the fields of its entry."""

_FIELDS: tuple[NoteKind, ...] = ("acknowledged", "muted", "verdict")

_SAID: dict[AuditKind, tuple[NoteKind, bool | None]] = {
    AuditKind.ACKNOWLEDGED: ("acknowledged", None),
    AuditKind.MUTED: ("muted", None),
    AuditKind.UNMUTED: ("muted", None),
    AuditKind.FALSE_ALARM: ("verdict", False),
    AuditKind.REAL: ("verdict", True),
}
"""Where that which people say is kept, and whether it is that there was something."""

_Instant: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=MAX_INSTANT)]


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person said about an incident.

    Parameters
    ----------
    by, comment : str
        Who, and what they said.
    at : float
        When, in epoch seconds.
    until : float, optional
        Until when it is muted; for ever where nothing is said.
    real : bool, optional
        Whether there was something, as a verdict has it; else it was a false alarm.
    """

    by: str
    comment: str
    at: _Instant
    until: _Instant | None = None
    real: bool | None = None


class _Verdict(msgspec.Struct, frozen=True):
    """Whether there was something, for what found it."""

    stream: str
    found_by: list[tuple[str, str]]
    real: bool


@dataclass(frozen=True, slots=True)
class IncidentStatus:
    """An incident with what people said about it.

    Parameters
    ----------
    incident : Incident
        As it stands.
    acknowledged, muted, verdict : Note or None
        The last of each.
    doubted : bool
        Whether all that found it is mostly wrong, as people said; see `Precision`.
    """

    incident: Incident
    acknowledged: Note | None = None
    muted: Note | None = None
    verdict: Note | None = None
    doubted: bool = False

    @property
    def severity(self) -> Severity:
        """That of the incident; one less where all that found it is mostly wrong, never none."""
        return self.incident.severity.one_less if self.doubted else self.incident.severity

    def is_muted(self, at: float) -> bool:
        """Whether it is muted at a time, in epoch seconds."""
        return self.muted is not None and (self.muted.until is None or at < self.muted.until)


class IncidentReader:
    """Looks incidents up, and writes what people say about them.

    An entry that is none is named in the log and passed over; where it alone was asked for, it is a `StateError`. A store that
    is away or refuses is a `StoreError`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._alerts = AlertReader(store)

    async def firing(self) -> list[IncidentStatus]:
        """All incidents that are firing, oldest first."""
        return [status async for status in self.each_firing()]

    async def each_firing(self) -> AsyncIterator[IncidentStatus]:
        """Yield the incidents that are firing, oldest first, a few in memory at a time."""
        async with self._store.errors("reading the firing incidents"):
            ids = await self._store.client.zrange(self._store.keys.firing_incidents, 0, -1)
        for first in range(0, len(ids), _READ_AT_ONCE):
            some = (each.decode(errors="replace") for each in ids[first : first + _READ_AT_ONCE])
            for status in await self.read(some):
                yield status

    async def recent(self, count: int = _RECENT) -> list[IncidentStatus]:
        """Return those that are firing and those among the newest beginnings and ends of alerts, oldest first."""
        firing = await self.firing()
        known = {status.incident.id for status in firing}
        newest = dict.fromkeys(alert.case.id for alert in await self._alerts.recent(count))
        over = await self.read(each for each in newest if each not in known)
        return sorted([*firing, *over], key=lambda status: (status.incident.started_at, status.incident.id))

    async def show(self, some_id: str) -> tuple[IncidentStatus, list[Alert]] | None:
        """Return an incident with its alerts, in the order of their beginnings.

        Parameters
        ----------
        some_id : str
            Id of the incident or of one of its alerts, or the beginning of either; see `AlertReader.show`.

        Returns
        -------
        (IncidentStatus, list of Alert) or None
            None if there is none.

        Raises
        ------
        StoreError
            If several alerts begin so.
        """
        alert = await self._alerts.show(some_id)
        if alert is None:
            return None
        found = await self.read([alert.case.id])
        if not found:
            raise StateError(
                f"{self._store.keys.incident(alert.case.id)} is not there or damaged, though {alert.id} belongs to it"
            )
        return found[0], await self.alerts_of([alert.case.id])

    async def alerts_of(self, incident_ids: Sequence[str]) -> list[Alert]:
        """Return the alerts of incidents that are still kept, those of each in the order of their beginnings."""
        keys = [self._store.keys.incident_alerts(each) for each in incident_ids]
        ids: list[bytes] = []
        async with self._store.errors("reading incidents"):
            for first in range(0, len(keys), _READ_AT_ONCE):
                async with self._store.client.pipeline(transaction=False) as pipe:
                    for key in keys[first : first + _READ_AT_ONCE]:
                        pipe.zrange(key, 0, -1)
                    ids += chain.from_iterable(await pipe.execute())
        return await self._alerts.read(ids)

    async def say(
        self,
        incident: Incident,
        what: AuditKind,
        *,
        by: str,
        at: float,
        comment: str = "",
        until: float | None = None,
    ) -> Note:
        """Write down what a person says; the last of a kind replaces those before.

        Parameters
        ----------
        incident : Incident
            What they speak of.
        what : AuditKind
            That it is acknowledged, muted, muted no more, a false alarm or real. The last two count for what found the incident, and may
            make that doubted, or trusted again. The record for the audit log waits in Redis until a worker appends it.
        by, comment : str
            Who, and in what words.
        at : float
            When, in epoch seconds.
        until : float, optional
            Until when it is muted; for ever where nothing is said.

        Returns
        -------
        Note
            What is kept.
        """
        kind, real = _SAID[what]
        note = Note(by, comment, at, until=at if what is AuditKind.UNMUTED else until, real=real)
        record = AuditRecord.said(what, incident, by=by, note=comment, at=at)
        keys, client = self._store.keys, self._store.client
        async with self._store.errors("writing a note"), client.pipeline(transaction=True) as pipe:
            pipe.hset(keys.incident(incident.id), kind, msgspec.json.encode(note))
            if note.real is not None:
                verdict = _Verdict(incident.stream, list(incident.found_by), note.real)
                pipe.hset(keys.verdicts, incident.id, msgspec.json.encode(verdict))
            pipe.rpush(keys.deeds, record.model_dump_json())
            await pipe.execute()
        if note.real is not None:
            await self._weigh(note)
        return note

    async def _weigh(self, note: Note) -> None:
        """Keep after a verdict which detectors are doubted, so that lists need not read all verdicts, and whose thresholds are raised."""
        keys = self._store.keys
        verdicts = await self._verdicts()
        now = {(one.stream, one.detector, one.channel) for one in _precisions(verdicts) if one.doubted}
        changes = sorted(now ^ await self._doubted())
        wanted = _raised(verdicts)
        raised = {
            key: wanted.get(key, 0)
            for key, had in (dict.fromkeys(wanted, 0) | await self._raised()).items()
            if wanted.get(key, 0) != had
        }
        if not (changes or raised):
            return
        async with (
            self._store.errors("writing a note"),
            self._store.client.pipeline(transaction=True) as pipe,
        ):
            for parts in changes:
                pipe.hset(keys.doubted, msgspec.json.encode(parts), b"1" if parts in now else b"0")
                record = AuditRecord.doubted(*parts, by=note.by, at=note.at)
                pipe.rpush(keys.deeds, record.model_dump_json())
            for (stream, detector), halvings in sorted(raised.items()):
                pipe.hset(keys.raised, msgspec.json.encode((stream, detector)), halvings)
                record = AuditRecord.raised(stream, detector, halvings, by=note.by, at=note.at)
                pipe.rpush(keys.deeds, record.model_dump_json())
            await pipe.execute()

    async def _raised(self) -> dict[tuple[str, str], int]:
        found = await CalibrationStore(self._store).raised()
        return {(stream, name): n for stream, one in found.items() for name, n in one.items()}

    async def _doubted(self) -> set[tuple[str, str, str]]:
        key = self._store.keys.doubted
        async with self._store.errors("reading which detectors are doubted"):
            found = await self._store.client.hgetall(key)
        doubted: set[tuple[str, str, str]] = set()
        for raw, value in found.items():
            try:
                parts = msgspec.json.decode(raw, type=tuple[str, str, str])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                _log.warning("%s: an entry names no detector, and is passed over: %s", key, error)
                continue
            if value == b"1":
                doubted.add(parts)
        return doubted

    async def precisions(self) -> list[Precision]:
        """Return how often each detector was right in each channel, as people said."""
        return _precisions(await self._verdicts())

    async def detector_precisions(self) -> list[Precision]:
        """Return how often each detector was right over all channels, as people said: an incident counts once for each."""
        return precisions(
            (each.stream, detector, "*", each.real)
            for each in await self._verdicts()
            for detector in sorted({name for name, _ in each.found_by})
        )

    async def _verdicts(self) -> list[_Verdict]:
        key = self._store.keys.verdicts
        async with self._store.errors("reading verdicts"):
            found = await self._store.client.hgetall(key)
        verdicts: list[_Verdict] = []
        for raw in found.values():
            try:
                verdicts.append(msgspec.json.decode(raw, type=_Verdict))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                _log.warning("%s: an entry is no verdict, and is passed over: %s", key, error)
        return verdicts

    async def read(self, ids: Iterable[str]) -> list[IncidentStatus]:
        """Return the incidents of some ids, in their order; without those that are not kept any more."""
        keys = [self._store.keys.incident(each) for each in ids]
        found: list[Sequence[bytes | None]] = []
        async with self._store.errors("reading incidents"):
            for first in range(0, len(keys), _READ_AT_ONCE):
                async with self._store.client.pipeline(transaction=False) as pipe:
                    for key in keys[first : first + _READ_AT_ONCE]:
                        pipe.hmget(key, "incident", *_FIELDS)
                    found += await pipe.execute()
        doubted = await self._doubted() if keys else set()
        statuses = (
            _status(dict(zip(("incident", *_FIELDS), raws, strict=True)), key, doubted)
            for key, raws in zip(keys, found, strict=True)
        )
        return [status for status in statuses if status is not None]


def _precisions(verdicts: Iterable[_Verdict]) -> list[Precision]:
    return precisions((each.stream, *parts, each.real) for each in verdicts for parts in each.found_by)


def _raised(verdicts: Iterable[_Verdict]) -> dict[tuple[str, str], int]:
    """Return how often the part of the budget of each stream's detectors is halved; an incident counts once for each."""
    found = raised_thresholds(
        (each.stream, family, each.real)
        for each in verdicts
        for family in sorted({detector_family(detector) or "" for detector, _ in each.found_by} - {""})
    )
    return {(stream, name): n for stream, one in found.items() for name, n in one.items()}


def _status(
    raws: Mapping[str, bytes | None], key: str, doubted: Collection[tuple[str, str, str]]
) -> IncidentStatus | None:
    if raws["incident"] is None:
        return None
    try:
        incident = Incident.model_validate_json(raws["incident"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        _log.warning(
            "passed over: %s: no incident (%s); has something else written to it?", key, first["msg"]
        )
        return None
    notes: dict[str, Any] = {kind: _note(raws[kind], kind, key) for kind in _FIELDS}
    wrong = [(incident.stream, *parts) in doubted for parts in incident.found_by]
    return IncidentStatus(incident, **notes, doubted=bool(wrong) and all(wrong))


def _note(raw: bytes | None, kind: str, key: str) -> Note | None:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=Note)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.warning("%s: the field %s is no note of a person, and is passed over: %s", key, kind, error)
        return None
