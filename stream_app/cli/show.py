"""How alerts and features look on a terminal."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from stream_app.events import Alert, AlertState, Severity

__all__ = ["alert_line", "alert_table", "console", "instant"]

console = Console(highlight=False)
"""Standard output; plain text where it is not a terminal."""

_COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}


def instant(ts: float) -> str:
    """Event time as text, UTC.

    Examples
    --------
    >>> instant(0.0)
    '1970-01-01 00:00:00Z'
    """
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def alert_line(alert: Alert) -> str:
    """One line for one beginning or end, with colours as rich markup."""
    when = instant(alert.started_at if alert.ended_at is None else alert.ended_at)
    colour = "green" if alert.state is AlertState.RESOLVED else _COLOURS[alert.severity]
    what = alert.state.value if alert.state is AlertState.RESOLVED else alert.severity.value
    return f"{when}  [{colour}]{what:8}[/{colour}]  {alert.id[:8]}  {alert.stream}/{alert.source}  {alert.summary}"


def alert_table(alerts: list[Alert], title: str) -> Table:
    """Make a table of alerts."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in ("id", "since", "state", "severity", "source", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for alert in alerts:
        colour = _COLOURS[alert.severity]
        table.add_row(
            alert.id[:8],
            instant(alert.started_at),
            alert.state.value,
            f"[{colour}]{alert.severity.value}[/{colour}]",
            f"{alert.stream}/{alert.source}",
            alert.summary,
        )
    return table
