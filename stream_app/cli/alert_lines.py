"""How alerts look on a terminal: a line each, with colours."""

from collections.abc import Sequence

from rich.markup import escape
from rich.text import Text

from stream_app.cli.printable import printable
from stream_app.cli.show import columns, instant
from stream_app.events import Alert, AlertState, Severity

__all__ = ["alert_line", "alert_lines"]

_COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_SEVERITY = 3


def alert_line(alert: Alert) -> str:
    """One line for one beginning or end, with colours as rich markup."""
    when = instant(alert.started_at if alert.ended_at is None else alert.ended_at)
    colour = "green" if alert.state is AlertState.RESOLVED else _COLOURS[alert.severity]
    what = alert.state.value if alert.state is AlertState.RESOLVED else alert.severity.value
    return f"{when}  [{colour}]{what:8}[/{colour}]  {_literal(alert.id[:8])}  {_literal(f'{alert.stream}/{alert.source}')}  {_literal(alert.summary)}"


def alert_lines(alerts: Sequence[Alert], notes: Sequence[str]) -> list[Text]:
    """Columns with a heading, a line an alert with its note; lines are as long as they are, since a pipe has no width."""
    rows = [("id", "since", "state", "severity", "source", "what")] + [
        (
            alert.id[:8],
            instant(alert.started_at),
            alert.state.value,
            alert.severity.value,
            f"{alert.stream}/{alert.source}",
            alert.summary + note,
        )
        for alert, note in zip(alerts, notes, strict=True)
    ]
    lines = columns(rows)
    for line, alert in zip(lines[1:], alerts, strict=True):
        line[_SEVERITY].stylize(_COLOURS[alert.severity])
    return [Text.assemble(*line) for line in lines]


def _literal(text: str) -> str:
    """Make a text printable for a place where rich markup is read."""
    return escape(printable(text))
