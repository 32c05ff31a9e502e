"""How alerts look on a terminal: a line each, with colours."""

from collections.abc import Sequence
from typing import TypeAlias

from rich.markup import escape
from rich.text import Text

from stream_app.cli.printable import printable
from stream_app.cli.show import columns, instant
from stream_app.events import Alert, AlertState, Severity, grouped
from stream_app.settings.durations import format_duration
from stream_app.store import IncidentStatus

__all__ = ["COLOURS", "alert_line", "alert_lines", "incident_lines"]

COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
"""Colours of severities."""

_SEVERITY = 3
_GROUP = 3
"""From so many sources on, incidents that began together share a line: two may well be chance."""
_NAMED = 3

_Row: TypeAlias = tuple[str, float, AlertState, Severity, str, str]


def alert_line(alert: Alert) -> str:
    """One line for one beginning or end, with colours as rich markup."""
    when = instant(alert.changed_at)
    colour = "green" if alert.state is AlertState.RESOLVED else COLOURS[alert.severity]
    what = alert.state.value if alert.state is AlertState.RESOLVED else alert.severity.value
    return f"{when}  [{colour}]{what:8}[/{colour}]  {_literal(alert.id[:8])}  {_literal(f'{alert.stream}/{alert.source}')}  {_literal(_summary(alert))}"


def alert_lines(alerts: Sequence[Alert]) -> list[Text]:
    """Columns with a heading, a line an alert; lines are as long as they are, since a pipe has no width."""
    rows = [
        (
            alert.id,
            alert.started_at,
            alert.state,
            alert.severity,
            f"{alert.stream}/{alert.source}",
            _summary(alert),
        )
        for alert in alerts
    ]
    return _lines(rows)


def incident_lines(statuses: Sequence[IncidentStatus]) -> list[Text]:
    """Columns with a heading, a line an incident; those of several sources that began together share one."""
    by_id = {status.incident.id: status for status in statuses}
    rows = []
    for group in grouped(status.incident for status in statuses):
        if len(group) < _GROUP:
            rows += [_incident_row(by_id[one.id]) for one in group]
        else:
            rows.append(_group_row([by_id[one.id] for one in group]))
    return _lines(rows)


def _incident_row(status: IncidentStatus) -> _Row:
    case = status.incident
    more = f" (+{case.alerts - 1:,} alert{'s' if case.alerts > 2 else ''})" if case.alerts > 1 else ""
    lasted = f" (for {format_duration(case.changed_at - case.started_at)})" if not case.firing else ""
    what = case.summary + more + lasted + _notes([status])
    return case.id, case.started_at, case.state, status.severity, f"{case.stream}/{case.source}", what


def _group_row(statuses: Sequence[IncidentStatus]) -> _Row:
    cases = [status.incident for status in statuses]
    lasting = [status for status in statuses if status.incident.firing]
    worst = Severity.worst(status.severity for status in lasting or statuses)
    names = ", ".join(case.source for case in cases[:_NAMED])
    also = f" and {len(cases) - _NAMED:,} more" if len(cases) > _NAMED else ""
    first = cases[0]
    return (
        first.id,
        first.started_at,
        AlertState.FIRING if lasting else AlertState.RESOLVED,
        worst,
        f"{first.stream}/*",
        f"{len(cases):,} sources together ({names}{also}), first: {first.summary}{_notes(statuses)}",
    )


def _notes(statuses: Sequence[IncidentStatus]) -> str:
    """Say who has seen them all, and what was said of the first."""
    first = statuses[0]
    notes = []
    if all(status.acknowledged for status in statuses) and first.acknowledged:
        notes.append(f"seen by {first.acknowledged.by}")
    if first.muted:
        notes.append(f"muted by {first.muted.by}")
    if first.doubted:
        notes.append("mostly wrong before")
    if first.verdict:
        notes.append("real" if first.verdict.real else "false alarm")
    return f" ({'; '.join(notes)})" if notes else ""


def _lines(rows: Sequence[_Row]) -> list[Text]:
    cells = [
        (row_id[:8], instant(since), state.value, severity.value, where, what)
        for row_id, since, state, severity, where, what in rows
    ]
    lines = columns([("id", "since", "state", "severity", "source", "what"), *cells])
    for line, (_, _, _, severity, _, _) in zip(lines[1:], rows, strict=True):
        line[_SEVERITY].stylize(COLOURS[severity])
    return [Text.assemble(*line) for line in lines]


def _summary(alert: Alert) -> str:
    """Return what it says; of one that is over or became critical, also how long it lasted by then."""
    if alert.ended_at is None and alert.escalated_at is not None:
        return f"{alert.summary} (critical after {format_duration(alert.escalated_at - alert.started_at)})"
    if alert.ended_at is None:
        return alert.summary
    return f"{alert.summary} (for {format_duration(alert.ended_at - alert.started_at)})"


def _literal(text: str) -> str:
    """Make a text printable for a place where rich markup is read."""
    return escape(printable(text))
