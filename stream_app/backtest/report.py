"""A directory that one can show a colleague: a page with the figures, and a picture of each source."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from stream_app.backtest.figures import Figures
from stream_app.backtest.parts import SourcePart
from stream_app.backtest.plot import plot_source, require_matplotlib
from stream_app.backtest.run import Backtest
from stream_app.backtest.show import figure_rows, number
from stream_app.backtest.trace import Trace
from stream_app.errors import SettingsError
from stream_app.events import Alert

__all__ = ["MOST_SOURCES", "Report"]

MOST_SOURCES = 50
"""Sources that get a picture, in the order of their first rows: each is held in memory until the end."""
_MOST_ALERTS = 500

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 1100px; margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.lead { color: #57606a; margin-top: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top; }
th { color: #57606a; font-weight: 600; } td.n, th.n { text-align: right; }
img { width: 100%; margin: .4rem 0 1.6rem; border: 1px solid #e4e7eb; }
.wide { overflow-x: auto; }
"""


class Report:
    """Gathers what a report shows while a backtest runs, and writes it at the end.

    Parameters
    ----------
    directory : Path
        Where to; made if it is missing.
    warmup : int
        First rows of each source, from which the monitor learns.

    Raises
    ------
    SettingsError
        If matplotlib is not installed or the directory cannot be made.
    """

    def __init__(self, directory: Path, warmup: int) -> None:
        require_matplotlib()
        self._directory = directory
        self._warmup = warmup
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"--report {directory}: cannot be made: {error.strerror}") from None
        self._traces: dict[str, Trace] = {}
        self._alerts: list[Alert] = []

    def watch(self, part: SourcePart) -> None:
        """Take a source's part of a block; for `Backtest`."""
        self._alerts += [alert for _, alert in part.begun][: _MOST_ALERTS - len(self._alerts)]
        if part.name in self._traces or len(self._traces) < MOST_SOURCES:
            self._traces.setdefault(part.name, Trace(self._warmup)).update(part)

    def write(self, backtest: Backtest, title: str) -> Path:
        """Draw the pictures and write the page.

        Returns
        -------
        Path
            The page.
        """
        pictures: dict[str, str] = {}
        by_source = backtest.figures_by_source()
        for number_of, (name, trace) in enumerate(self._traces.items(), start=1):
            pictures[name] = f"{number_of:02d}-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:60]}.png"
            plot_source(name, trace, self._directory / pictures[name], told="; ".join(_told(by_source[name])))
        page = self._directory / "summary.html"
        page.write_text(self._page(backtest, title, pictures), encoding="utf-8")
        return page

    def _page(self, backtest: Backtest, title: str, pictures: Mapping[str, str]) -> str:
        figures, config = backtest.figures(), backtest.config
        by_source = backtest.figures_by_source()
        left_out = len(by_source) - len(pictures)
        lead = (
            f"stream {config.stream}, budget {config.budget}; "
            f"the first {config.warmup:,} rows of each source are learned from and not scored"
        )
        body = [
            f"<h1>Backtest of {escape(title)}</h1>",
            f'<p class="lead">{escape(lead)}</p>',
            _table(("", ""), figure_rows(figures), numbers=0),
            "<h2>Sources</h2>",
            _table(_SOURCE_HEADINGS, [_source_row(name, own) for name, own in by_source.items()], numbers=7),
            "<h2>Alerts</h2>",
            _table(_ALERT_HEADINGS, [_alert_row(alert) for alert in self._alerts], numbers=0)
            if self._alerts
            else "<p>None.</p>",
        ]
        if sum(figures.alerts.values()) > len(self._alerts):
            body.append(f"<p>Only the first {len(self._alerts)} alerts are listed.</p>")
        body.append("<h2>Pictures</h2>")
        for name, file in pictures.items():
            body.append(
                f'<img src="{escape(file)}" alt="{escape(name)}: channels, score, what was found" loading="lazy">'
            )
        if left_out:
            body.append(f"<p>{left_out} more sources have no picture.</p>")
        return (
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Backtest of {escape(title)}</title>\n'
            f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</html>\n"
        )


_SOURCE_HEADINGS = ("source", "events", "alerts", "F1", "FAR %", "MAR %", "false alarms", "median delay s")
_ALERT_HEADINGS = ("began (UTC)", "source", "kind", "severity", "what")


def _told(figures: Figures) -> Iterator[str]:
    """Give a source's figures for its picture."""
    yield f"{figures.events:,} events"
    if said := figures.anomalies:
        yield f"F1 {number(said.f1, 3)}"
        yield f"FAR {number(said.false_alarm_rate, 1, scale=100.0)} %"
        yield f"MAR {number(said.missed_alarm_rate, 1, scale=100.0)} %"
    if (delays := figures.delays) and delays.events:
        found = delays.events - delays.missed
        share = "" if delays.events == 1 and found else f"{found:,} of {delays.events:,} "
        yield f"{share}marked" + (f" after {number(delays.median, 0)} s" if found else "")
    alerts = sum(figures.alerts.values())
    yield "1 alert" if alerts == 1 else f"{alerts:,} alerts"


def _source_row(name: str, figures: Figures) -> tuple[str, ...]:
    said, delays = figures.anomalies, figures.delays
    return (
        name,
        f"{figures.events:,}",
        f"{sum(figures.alerts.values()):,}",
        number(said.f1 if said else None, 3),
        number(said.false_alarm_rate if said else None, 1, scale=100.0),
        number(said.missed_alarm_rate if said else None, 1, scale=100.0),
        "-" if figures.false_alarms is None else f"{sum(figures.false_alarms.values()):,}",
        number(delays.median if delays else None, 1),
    )


def _alert_row(alert: Alert) -> tuple[str, ...]:
    began = datetime.fromtimestamp(alert.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (began, alert.source, alert.kind, alert.severity.value, alert.summary)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int) -> str:
    """Return a table whose last `numbers` columns are numbers."""
    first = len(headings) - numbers

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if i >= first else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells)
        )

    head = f"<tr>{line('th', headings)}</tr>\n" if any(headings) else ""
    body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table>\n{head}{body}\n</table></div>'
