"""Whether an incident is one that a route, a maintenance window, a silence or inhibition means."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from stream_app.events import Alert, Severity
from stream_app.settings import Match
from stream_app.store import IncidentStatus

__all__ = ["Subject", "matches", "subject_of_alert", "subject_of_incident"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of an alert or an incident.

    Parameters
    ----------
    stream, source : str
        Where it is.
    detectors, kinds : collection of str
        What found it, and the kinds of its alerts.
    severity : Severity or None
        How severe it is; None where that is not asked yet.
    labels : mapping of str to str
        Labels of its stream.
    """

    stream: str
    source: str
    detectors: Collection[str]
    kinds: Collection[str] = ()
    severity: Severity | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def subject_of_alert(alert: Alert, labels: Mapping[str, str]) -> Subject:
    """Return what is known of an alert; its severity may still rise, with its incident's."""
    return Subject(alert.stream, alert.source, (alert.detector,), (alert.kind,), None, labels)


def subject_of_incident(status: IncidentStatus, kinds: Collection[str], labels: Mapping[str, str]) -> Subject:
    """Return what is known of an incident."""
    case = status.incident
    detectors = tuple(detector for detector, _ in case.found_by)
    return Subject(case.stream, case.source, detectors, kinds, status.severity, labels)


def matches(match: Match, subject: Subject, *, wholly: bool = False) -> bool:
    """Whether all that is said holds.

    Parameters
    ----------
    match : Match
        What is said.
    subject : Subject
        Of what.
    wholly : bool
        Every detector and every kind of it has to be one that is meant; else one is enough. So a silence of drift does not
        hide an incident that is an anomaly, too.

    Examples
    --------
    >>> pump = Subject("plant", "pump-1", ("ks", "anomaly"), ("drift", "anomaly"), Severity.WARNING, {"site": "north"})
    >>> matches(Match(source="pump-*", severity="warning"), pump), matches(Match(severity="critical"), pump)
    (True, False)
    >>> matches(Match(kind="drift"), pump), matches(Match(kind="drift"), pump, wholly=True)
    (True, False)
    >>> matches(Match(labels={"site": "south"}), pump)
    False
    """
    some = all if wholly else any
    return (
        _is_one_of(subject.stream, match.stream)
        and _is_one_of(subject.source, match.source)
        and (not match.detector or some(_is_one_of(each, match.detector) for each in subject.detectors))
        and (not match.kind or some(each in match.kind for each in subject.kinds))
        and (
            match.severity is None
            or subject.severity is None
            or subject.severity.rank >= Severity(match.severity).rank
        )
        and all(fnmatchcase(subject.labels.get(name, ""), glob) for name, glob in match.labels.items())
    )


def _is_one_of(name: str, globs: Collection[str]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)
