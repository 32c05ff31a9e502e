"""What the demo shows: progress while it runs, and the closing tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stream_app.backtesting.episodes import episodes_of
from stream_app.backtesting.incidents import incidents_of, last_states
from stream_app.cli.alert_lines import COLOURS, alert_line
from stream_app.cli.demo.judging import FALSE, UNKNOWN, Part, Verdict
from stream_app.cli.printable import printable
from stream_app.cli.show import instant
from stream_app.events import Alert, AlertState, Severity
from stream_app.settings.durations import format_duration

__all__ = ["Replaying", "Screen", "alerts_table", "faults_table", "replays_table"]

_SHOWN_ALERTS = 8
_CAUSE_COLOURS = {FALSE: "red", UNKNOWN: "dim"}


@dataclass(slots=True)
class Replaying:
    """How far one replay is; told by it."""

    title: str
    total: int = 0
    done: int = 0

    def begin(self, total: int | None, done: int) -> None:
        """Take note of the size, as far as it is known."""
        self.total = total or self.total
        self.done = done

    def update(self, done: int) -> None:
        """Take note of how many events were acknowledged."""
        self.done = done

    def note(self, text: str) -> None:
        """Say nothing: the demo shows results."""

    def end(self) -> None:
        """Do nothing."""


@dataclass
class Screen:
    """Progress of the replays and the latest alerts: a live picture on a terminal, lines elsewhere."""

    console: Console
    replays: Sequence[Replaying]
    alerts: list[Alert] = field(default_factory=list)
    _live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(self, console=self.console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, alert: Alert) -> None:
        """Show an alert."""
        self.alerts.append(alert)
        if self._live is None and alert.state is AlertState.FIRING:
            self.console.print(alert_line(alert), soft_wrap=True)

    def __rich__(self) -> Group:
        bars = Table.grid(padding=(0, 2))
        for replaying in self.replays:
            done = min(replaying.done, replaying.total)
            bar = ProgressBar(total=max(1, replaying.total), completed=done, width=32)
            bars.add_row(replaying.title, bar, f"{done:,} of {replaying.total:,} events")
        lines = [
            Text.from_markup(alert_line(alert), overflow="ellipsis") for alert in self.alerts[-_SHOWN_ALERTS:]
        ]
        for line in lines:
            line.no_wrap = True
        return Group(
            bars, Text(), Text("Latest alerts (times are those of the events)", style="bold"), *lines
        )


def replays_table(parts: Sequence[Part], alerts: Sequence[Alert]) -> Table:
    """Show what was replayed, how many incidents and alerts began, and how many of these were false.

    Parameters
    ----------
    parts : sequence of Part
        What was replayed.
    alerts : sequence of Alert
        Of all sources.
    """
    table = Table(title="Replayed", title_justify="left", box=None, pad_edge=False)
    table.add_column("source")
    for heading in ("events", "incidents", "alerts", "false alarms"):
        table.add_column(heading, justify="right")
    for part in parts:
        begun = part.begun(alerts)
        causes = [part.cause(alert) for alert in begun]
        incidents = len({alert.case.id for alert in begun})
        wrong = UNKNOWN if UNKNOWN in causes else f"{causes.count(FALSE):,}"
        table.add_row(part.title, f"{part.events:,}", f"{incidents:,}", f"{len(causes):,}", wrong)
    return table


def alerts_table(parts: Sequence[Part], alerts: Sequence[Alert]) -> Table:
    """Show all alerts, by what was replayed and by incident, with what caused each.

    Parameters
    ----------
    parts : sequence of Part
        What was replayed.
    alerts : sequence of Alert
        Beginnings and ends, of all sources.
    """
    table = Table(title="Alerts", title_justify="left", box=None, pad_edge=False)
    for heading in ("began (UTC)", "lasted", "severity", "cause"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what")
    for part in parts:
        mine = [alert for alert in alerts if alert.source in part.sources]
        incidents = incidents_of(episodes_of(mine), last_states(mine))
        if incidents:
            table.add_row(f"[bold]{part.title}[/bold]")
        for incident in incidents:
            several = len(incident.alerts) > 1
            if several:
                causes = dict.fromkeys(part.cause(alert.began) for alert in incident.alerts)
                # Where one of its alerts is about a fault, the incident is.
                cause = next((one for one in causes if one != FALSE), FALSE)
                case, more = incident.incident, len(incident.alerts)
                cells = (instant(case.started_at), incident.seconds, case.severity, cause)
                table.add_row(*_cells(*cells, f"{more} alerts:"))
            for alert in incident.alerts:
                worst = (alert.ended or alert.began).severity
                began = ("  " if several else "") + instant(alert.started_at)
                cells = (began, alert.seconds, worst, part.cause(alert.began))
                table.add_row(*_cells(*cells, alert.began.summary), style="dim" if several else None)
    return table


def _cells(began: str, seconds: float | None, severity: Severity, cause: str, what: str) -> tuple[str, ...]:
    return (
        began.removesuffix("Z"),
        "-" if seconds is None else format_duration(seconds),
        f"[{COLOURS[severity]}]{severity.value}[/]",
        f"[{_CAUSE_COLOURS.get(cause, 'green')}]{cause}[/]",
        escape(printable(what)),
    )


def faults_table(verdicts: Sequence[Verdict]) -> Table:
    """Show which faults were found, and how soon."""
    table = Table(title="Faults", title_justify="left", box=None, pad_edge=False)
    table.add_column("fault")
    table.add_column("found after", justify="right")
    table.add_column("first told as")
    for verdict in verdicts:
        if verdict.alert is None or verdict.after is None:
            table.add_row(verdict.fault.name, "[red]missed[/red]", "")
        else:
            table.add_row(verdict.fault.name, f"[green]{verdict.after:.0f} s[/green]", verdict.alert.summary)
    return table
