"""Incidents: alerts of one source that have one cause, as they stand after an alert of theirs began or ended."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from stream_app.events.cloudevent import EpochSeconds
from stream_app.events.trace import TraceContext

__all__ = ["AlertState", "Incident", "Severity", "grouped"]

_TOGETHER_SECONDS = 60.0


class Severity(StrEnum):
    """Severity of an alert or an incident."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Place in the order from the least severe, counted from 0."""
        return list(Severity).index(self)

    @classmethod
    def worst(cls, severities: Iterable["Severity"]) -> "Severity":
        """Return the most severe of some, at least one."""
        return max(severities, key=lambda severity: severity.rank)

    @property
    def one_less(self) -> "Severity":
        """The next less severe one; itself where there is none."""
        return list(Severity)[max(self.rank - 1, 0)]


class AlertState(StrEnum):
    """State of an alert or an incident."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Incident(BaseModel):
    """An incident, as it stands after one of its alerts began or ended.

    Parameters
    ----------
    id : str
        That of its first alert.
    stream, source : str
        Where it is.
    state : AlertState
        Firing as long as one of its alerts is. It may fire again when another joins soon after.
    severity : Severity
        The worst of the alerts that are firing; of a resolved one, the worst of all.
    started_at, changed_at : float
        When its first alert began, and when the last one began or ended; event times in epoch seconds.
    alerts, firing : int
        Alerts that began so far, and those of them that fire now.
    channels : tuple of (channel, share)
        Which channels are how much to blame, largest first, at most eight.
    found_by : tuple of (detector, channel)
        What found it, in the order in which they did.
    summary : str
        What its leading alert says: the first of the most severe.
    explanation : str
        The newest paragraph about its causes that one of its alerts gave; empty where none did.
    trace : TraceContext or None
        That of its first alert.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    stream: str
    source: str
    state: AlertState
    severity: Severity
    started_at: EpochSeconds
    changed_at: EpochSeconds
    alerts: Annotated[int, Field(ge=1)]
    firing: Annotated[int, Field(ge=0)]
    channels: tuple[tuple[str, float], ...] = ()
    found_by: tuple[tuple[str, str], ...] = ()
    summary: str
    explanation: str = ""
    trace: TraceContext | None = None

    def after_end(self, at: float, firing: Sequence[Severity]) -> Self:
        """Return the incident after one of its alerts ended.

        Parameters
        ----------
        at : float
            When, in epoch seconds of event time.
        firing : sequence of Severity
            Of its alerts that still fire.
        """
        changes: dict[str, Any] = {"changed_at": max(at, self.changed_at), "firing": len(firing)}
        if firing:
            changes["severity"] = Severity.worst(firing)
        else:
            changes["state"] = AlertState.RESOLVED
        return self.model_copy(update=changes)


def grouped(incidents: Iterable[Incident], within: float = _TOGETHER_SECONDS) -> list[list[Incident]]:
    """Group incidents of a stream's sources that began together, as when a line or a server fails on which many depend.

    Parameters
    ----------
    incidents : iterable of Incident
        Of any streams, in any order.
    within : float
        Seconds of event time after the first of a group in which others of it begin.

    Returns
    -------
    list of list of Incident
        Groups by their beginning, each with its incidents likewise; most have one. Of a source there is one in each.

    Examples
    --------
    >>> def incident(source, ts):
    ...     return Incident(
    ...         id=f"{source}{ts}", stream="pumps", source=source, state="firing", severity="warning", started_at=ts,
    ...         changed_at=ts, alerts=1, firing=1, summary="no readings for 1 min",
    ...     )
    >>> found = grouped([incident("b", 1010), incident("a", 1000), incident("c", 1100), incident("a", 1020)])
    >>> [[one.source for one in group] for group in found]
    [['a', 'b'], ['a'], ['c']]
    """
    groups: list[list[Incident]] = []
    newest: dict[str, list[list[Incident]]] = {}
    for one in sorted(incidents, key=lambda each: (each.started_at, each.source, each.id)):
        still = [
            group for group in newest.get(one.stream, ()) if one.started_at - group[0].started_at <= within
        ]
        home = next((group for group in still if all(other.source != one.source for other in group)), None)
        if home is None:
            home = []
            groups.append(home)
            still.append(home)
        home.append(one)
        newest[one.stream] = still
    return groups
