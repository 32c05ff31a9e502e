"""Audit records on the wire: CloudEvents 1.0, structured JSON."""

from enum import StrEnum
from typing import Any, Self

from pydantic import ConfigDict

from stream_app.events.cloudevent import Enveloped, EpochSeconds
from stream_app.events.identity import LogId, identity
from stream_app.events.incident import Incident
from stream_app.events.trigger import RetrainingTrigger

__all__ = ["MONITOR", "REGISTRY", "AuditKind", "AuditRecord"]

_TYPE = "io.streamgauge.audit.v1"

MONITOR = "streamgauge"
"""Author of records that no person caused."""

REGISTRY = "registry"
"""Stands in the place of a stream in records about a registered model, which may answer in several."""


class AuditKind(StrEnum):
    """Kind of an audit record."""

    TRIGGERED = "retraining.triggered"
    ACKNOWLEDGED = "incident.acknowledged"
    MUTED = "incident.muted"
    UNMUTED = "incident.unmuted"
    FALSE_ALARM = "incident.false-alarm"
    REAL = "incident.real"
    DOUBTED = "detector.doubted"
    RAISED = "detector.raised"
    REFERENCE_SET = "reference.set"
    VERSION_SEEN = "model.version-seen"
    REGISTERED = "model.registered"
    PROMOTED = "model.promoted"
    ROLLED_BACK = "model.rolled-back"
    KEPT = "model.kept"
    FAILED = "model.failed"
    RETRAINING_FAILED = "retraining.failed"


class AuditRecord(Enveloped):
    """One line of the audit log; made by `triggered`, `said`, `doubted`, `raised`, `reference_set`, `version_seen` or `of_model`.

    Parameters
    ----------
    id : str
        The same for the same deed, however often it is written: readers keep the first.
    kind : AuditKind
        What was done.
    at : float
        When, in epoch seconds: event time of what a monitor did, wall time of what a person did.
    by : str
        Who: a person, or `MONITOR`.
    stream, source : str
        What it is about.
    subject : str
        Id of the trigger or incident, or the version of the model.
    summary : str
        One line for a person.
    note : str
        What the person said.

    Examples
    --------
    >>> seen = AuditRecord.version_seen("models", "digits", "v2", ts=5.0, log=LogId(0), offset=7, before="v1")
    >>> seen.kind.value, seen.by, seen.summary
    ('model.version-seen', 'streamgauge', 'digits: version v2 after v1')
    >>> AuditRecord.from_cloudevent(seen.to_cloudevent()) == seen
    True
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: AuditKind
    at: EpochSeconds
    by: str
    stream: str
    source: str
    subject: str
    summary: str
    note: str = ""

    @classmethod
    def triggered(cls, trigger: RetrainingTrigger) -> Self:
        """Return the record of a published trigger."""
        return cls(
            id=identity(AuditKind.TRIGGERED, trigger.id),
            kind=AuditKind.TRIGGERED,
            at=trigger.ts,
            by=MONITOR,
            stream=trigger.stream,
            source=trigger.source,
            subject=trigger.id,
            summary=trigger.summary,
        )

    @classmethod
    def said(cls, kind: AuditKind, incident: Incident, *, by: str, note: str, at: float) -> Self:
        """Return the record of what a person said about an incident."""
        return cls(
            id=identity(kind, incident.id, by, note, at),
            kind=kind,
            at=at,
            by=by,
            stream=incident.stream,
            source=incident.source,
            subject=incident.id,
            summary=incident.summary,
            note=note,
        )

    @classmethod
    def doubted(cls, stream: str, detector: str, channel: str, *, by: str, at: float) -> Self:
        """Return the record that verdicts made a detector doubted in a channel, or trusted again."""
        return cls(
            id=identity(AuditKind.DOUBTED, stream, detector, channel, at),
            kind=AuditKind.DOUBTED,
            at=at,
            by=by,
            stream=stream,
            source=channel,
            subject=detector,
            summary=f"{detector} in {channel}: whether it is mostly wrong has changed by a verdict",
        )

    @classmethod
    def raised(cls, stream: str, detector: str, halvings: int, *, by: str, at: float) -> Self:
        """Return the record that verdicts changed what a detector may spend of its budget, and so its thresholds."""
        part = f"1/{2**halvings}" if halvings else "all"
        return cls(
            id=identity(AuditKind.RAISED, stream, detector, halvings, at),
            kind=AuditKind.RAISED,
            at=at,
            by=by,
            stream=stream,
            source="*",
            subject=detector,
            summary=f"{detector} spends {part} of its part of the budget from now on, by the verdicts on what it found",
        )

    @classmethod
    def reference_set(
        cls, stream: str, version: str, *, by: str, at: float, summary: str, note: str = ""
    ) -> Self:
        """Return the record that a stream has another reference; its version is empty where it has none any more."""
        return cls(
            id=identity(AuditKind.REFERENCE_SET, stream, version, by, at),
            kind=AuditKind.REFERENCE_SET,
            at=at,
            by=by,
            stream=stream,
            source="*",
            subject=version,
            summary=summary,
            note=note,
        )

    @classmethod
    def version_seen(
        cls,
        stream: str,
        source: str,
        version: str,
        *,
        ts: float,
        log: LogId,
        offset: int,
        before: str = "",
    ) -> Self:
        """Return the record of a model's version that came up in the events for the first time.

        Parameters
        ----------
        stream, source, version : str
            The stream, the model and its version.
        ts : float
            Time of the first event of it.
        log, offset : LogId, int
            Position of the event that gave rise to it.
        before : str
            The version seen before; empty for the first.
        """
        after = f" after {before}" if before else ""
        return cls(
            id=identity(AuditKind.VERSION_SEEN, stream, source, version, *log.parts(offset)),
            kind=AuditKind.VERSION_SEEN,
            at=ts,
            by=MONITOR,
            stream=stream,
            source=source,
            subject=version,
            summary=f"{source}: version {version}{after}",
        )

    @classmethod
    def of_model(
        cls,
        kind: AuditKind,
        name: str,
        version: str,
        *,
        by: str,
        at: float,
        summary: str,
        note: str = "",
        stream: str = REGISTRY,
    ) -> Self:
        """Return the record of what was done, or tried, with a registered model.

        Parameters
        ----------
        kind : AuditKind
        name, version : str
            The model, and the number of the version or whatever it was asked for by.
        by, note : str
            Who did it, and what they said.
        at : float
            When, in epoch seconds.
        summary : str
            One line for a person.
        stream : str
            The stream for which it was done, if for one.

        Examples
        --------
        >>> done = AuditRecord.of_model(
        ...     AuditKind.PROMOTED, "digits", "3", by="ann", at=5.0, summary="digits 3 is the champion, before it 2"
        ... )
        >>> done.stream, done.source, done.subject
        ('registry', 'digits', '3')
        """
        return cls(
            id=identity(kind, stream, name, version, by, note, at),
            kind=kind,
            at=at,
            by=by,
            stream=stream,
            source=name,
            subject=version,
            summary=summary,
            note=note,
        )

    def to_cloudevent(self) -> dict[str, Any]:
        """Return the CloudEvents 1.0 envelope."""
        return self.enveloped(_TYPE, id=self.id, stream=self.stream, subject=self.source, at=self.at)
