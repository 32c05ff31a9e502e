"""How alerts, features and what else came with events look on a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from stream_app.events import Alert, AlertState, Severity

__all__ = ["alert_line", "alert_lines", "columns", "console", "instant", "print_columns", "printable"]

console = Console(highlight=False)
"""Standard output; plain text where it is not a terminal."""

_COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_SEVERITY = 3


def instant(ts: float) -> str:
    """Event time as text, UTC.

    Examples
    --------
    >>> instant(0.0)
    '1970-01-01 00:00:00Z'
    """
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def printable(text: str) -> str:
    r"""Spell out control characters of a text that came with the events: they could steer the terminal.

    Examples
    --------
    >>> print(printable("pump \x1b[2J"))
    pump \x1b[2J
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _literal(text: str) -> str:
    """Do the same for a place where rich markup is read."""
    return escape(printable(text))


def alert_line(alert: Alert) -> str:
    """One line for one beginning or end, with colours as rich markup."""
    when = instant(alert.started_at if alert.ended_at is None else alert.ended_at)
    colour = "green" if alert.state is AlertState.RESOLVED else _COLOURS[alert.severity]
    what = alert.state.value if alert.state is AlertState.RESOLVED else alert.severity.value
    return f"{when}  [{colour}]{what:8}[/{colour}]  {alert.id[:8]}  {_literal(f'{alert.stream}/{alert.source}')}  {_literal(alert.summary)}"


def alert_lines(alerts: Sequence[Alert], notes: Sequence[str]) -> list[Text]:
    """Columns with a heading, a line an alert with its note; lines are as long as they are, since a pipe has no width."""
    rows = [("id", "since", "state", "severity", "source", "what")] + [
        (
            alert.id[:8],
            instant(alert.started_at),
            alert.state.value,
            alert.severity.value,
            printable(f"{alert.stream}/{alert.source}"),
            printable(alert.summary + note),
        )
        for alert, note in zip(alerts, notes, strict=True)
    ]
    lines = columns(rows)
    for line, alert in zip(lines[1:], alerts, strict=True):
        line[_SEVERITY].stylize(_COLOURS[alert.severity])
    return [Text.assemble(*line) for line in lines]


def columns(rows: Sequence[Sequence[str]]) -> list[list[Text]]:
    """Pad cells so that they stand below each other, all but the last of a row; the first row is the heading.

    Examples
    --------
    >>> ["".join(cell.plain for cell in line) for line in columns([("id", "what"), ("0:17", "late")])]
    ['id    what', '0:17  late']
    """
    widths = [max(map(cell_len, column)) + 2 for column in zip(*rows, strict=True)][:-1]
    padded = [[*map(set_cell_size, cells, widths), last] for *cells, last in rows]
    return [[Text(cell, "" if i else "bold") for cell in cells] for i, cells in enumerate(padded)]


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print `columns` of rows; lines are as long as they are, since a pipe has no width."""
    for line in columns(rows):
        console.print(Text.assemble(*line), soft_wrap=True)
