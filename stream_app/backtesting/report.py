"""A directory that one can show a colleague: a page with the figures, and a picture of each source."""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from stream_app.backtesting.figures import Figures
from stream_app.backtesting.page import (
    MOST_PICTURES,
    html_table,
    incident_table,
    open_directory,
    picture_name,
    told_first,
    write_page,
)
from stream_app.backtesting.parts import SourcePart
from stream_app.backtesting.plot import draw_source
from stream_app.backtesting.run import Backtest
from stream_app.backtesting.show import duration, figure_rows, number
from stream_app.backtesting.trace import Trace
from stream_app.replacing import replacing

__all__ = ["Report"]


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
    MissingExtraError
        If matplotlib is not installed.
    SettingsError
        If the directory cannot be made.
    """

    def __init__(self, directory: Path, warmup: int) -> None:
        open_directory(directory)
        self._directory = directory
        self._warmup = warmup
        self._traces: dict[str, Trace] = {}

    def watch(self, part: SourcePart) -> None:
        """Take a source's part of a block; for `Backtest`."""
        if part.name in self._traces or len(self._traces) < MOST_PICTURES:
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
            pictures[name] = picture_name(number_of, name)
            told = "; ".join(source_line(by_source[name]))
            with replacing(self._directory / pictures[name]) as part:
                draw_source(name, trace, told=told, period=backtest.period).savefig(
                    part, format="png", dpi=110
                )
        config = backtest.config
        lead = (
            f"stream {backtest.name}, budget {config.budget}; "
            f"the first {backtest.warmup:,} rows of each source are learned from and not scored"
        )
        return write_page(self._directory, f"Backtest of {title}", lead, self._body(backtest, pictures))

    def _body(self, backtest: Backtest, pictures: Mapping[str, str]) -> list[str]:
        figures, by_source = backtest.figures(), backtest.figures_by_source()
        left_out = len(by_source) - len(pictures)
        verdict = backtest.verdict()
        body = [
            *told_first(verdict.problem, verdict.notes),
            html_table(("", ""), figure_rows(figures), numbers=0),
            "<h2>Sources</h2>",
            html_table(
                _SOURCE_HEADINGS, [_source_row(name, own) for name, own in by_source.items()], numbers=7
            ),
            "<h2>Incidents and their alerts</h2>",
            *incident_table(backtest.incidents()),
        ]
        body.append("<h2>Pictures</h2>")
        for name, file in pictures.items():
            body.append(
                f'<img src="{escape(file)}" alt="{escape(name)}: channels, score, what was found" loading="lazy">'
            )
        if left_out:
            body.append(f"<p>{left_out} more sources have no picture.</p>")
        return body


_SOURCE_HEADINGS = ("source", "events", "alerts", "F1", "FAR %", "MAR %", "false alarms", "median delay")


def source_line(figures: Figures) -> Iterator[str]:
    """Give a source's figures for its picture."""
    yield f"{figures.events:,} events"
    if said := figures.anomalies:
        yield f"F1 {number(said.f1, 3)}"
        yield f"FAR {number(said.false_alarm_rate, 1, scale=100.0)} %"
        yield f"MAR {number(said.missed_alarm_rate, 1, scale=100.0)} %"
    if (delays := figures.delays) and delays.events:
        found = delays.events - delays.missed
        share = "" if delays.events == 1 and found else f"{found:,} of {delays.events:,} "
        yield f"{share}marked" + (f" after {duration(delays.median)}" if found else "")
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
        duration(delays.median if delays else None),
    )
