"""How alerts look on a terminal: a line each, with colours."""

from collections.abc import Sequence

from rich.markup import escape
from rich.text import Text

from stream_app.cli.printable import printable
from stream_app.cli.show import columns, instant
from stream_app.events import Alert, AlertState, Severity
from stream_app.settings.durations import format_duration

__all__ = ["COLOURS", "alert_line", "alert_lines"]

COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
"""Colours of severities."""

_SEVERITY = 3


def alert_line(alert: Alert) -> str:
    """One line for one beginning or end, with colours as rich markup."""
    when = instant(alert.started_at if alert.ended_at is None else alert.ended_at)
    colour = "green" if alert.state is AlertState.RESOLVED else COLOURS[alert.severity]
    what = alert.state.value if alert.state is AlertState.RESOLVED else alert.severity.value
    return f"{when}  [{colour}]{what:8}[/{colour}]  {_literal(alert.id[:8])}  {_literal(f'{alert.stream}/{alert.source}')}  {_literal(_summary(alert))}"


def alert_lines(alerts: Sequence[Alert], notes: Sequence[str]) -> list[Text]:
    """Columns with a heading, a line an alert with its note; lines are as long as they are, since a pipe has no width."""
    rows = [("id", "since", "state", "severity", "source", "what")] + [
        (
            alert.id[:8],
            instant(alert.started_at),
            alert.state.value,
            alert.severity.value,
            f"{alert.stream}/{alert.source}",
            _summary(alert) + note,
        )
        for alert, note in zip(alerts, notes, strict=True)
    ]
    lines = columns(rows)
    for line, alert in zip(lines[1:], alerts, strict=True):
        line[_SEVERITY].stylize(COLOURS[alert.severity])
    return [Text.assemble(*line) for line in lines]


def _summary(alert: Alert) -> str:
    """Return what it says; of one that is over, also how long it lasted."""
    if alert.ended_at is None:
        return alert.summary
    return f"{alert.summary} (for {format_duration(alert.ended_at - alert.started_at)})"


def _literal(text: str) -> str:
    """Make a text printable for a place where rich markup is read."""
    return escape(printable(text))
