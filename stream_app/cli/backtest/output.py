"""What a backtest writes and prints."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.markup import escape
from rich.table import Table

from stream_app.backtesting import (
    Backtest,
    EventFile,
    Understood,
    Verdict,
    figure_rows,
    understood_rows,
)
from stream_app.cli.show import console, print_notes
from stream_app.errors import SettingsError
from stream_app.tables import InputTable

__all__ = ["EventFiles", "figures_json", "print_figures", "print_pairs", "rates", "speed"]


class EventFiles:
    """Where rows per event go: one file for all input, or in a directory a file for each.

    Parameters
    ----------
    out : Path
        A directory if there is one, or if the name has no ending; else a file.
    files : sequence of InputTable
        The input.

    Raises
    ------
    SettingsError
        If two inputs would go to one file of the directory, or one would be overwritten.
    """

    def __init__(self, out: Path, files: Sequence[InputTable]) -> None:
        self._out = out
        self._in_directory = out.is_dir() or not out.suffix
        self._common: EventFile | None = None
        self._all = ExitStack()
        targets = [self._target(file) for file in files]
        for target in targets:
            if self._in_directory and targets.count(target) > 1:
                raise SettingsError(
                    f"--events: two inputs would be written to {target}; write one file for all, OUT.csv"
                )
            if any(target.resolve() == Path(file.label).resolve() for file in files):
                raise SettingsError(f"--events: {target} is an input and would be overwritten")
        self.told = f"{out} ({len(targets)} files)" if self._in_directory else f"{out}"

    def _target(self, file: InputTable) -> Path:
        if not self._in_directory:
            return self._out
        path = Path(file.label)
        return self._out / f"{path.absolute().parent.name}-{path.stem}.csv"

    @contextmanager
    def of(self, file: InputTable) -> Iterator[EventFile]:
        """Give what the rows of a file go to.

        Raises
        ------
        SettingsError
            If it cannot be written.
        """
        if self._in_directory:
            with EventFile(self._target(file)) as own:
                yield own
            return
        if self._common is None:
            self._common = self._all.enter_context(EventFile(self._out))
        yield self._common

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.__exit__(kind, error, trace)


def print_figures(backtest: Backtest, found: Sequence[Understood], verdict: Verdict, seconds: float) -> None:
    """Print what was understood and the figures: a table on a terminal, plain lines elsewhere; and what was not judged."""
    figures = backtest.figures()
    rows = [*understood_rows(found, figures.period), *figure_rows(figures)]
    rows.append(("events a second", speed(backtest.rows, backtest.seconds, seconds)))
    print_pairs(rows)
    print_notes(verdict.notes)


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Print names with their texts: a table on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        width = max(len(name) for name, _ in rows) + 2
        for name, text in rows:
            print(f"{name:<{width}}{text}")  # noqa: T201 plain text for pipes
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for name, text in rows:
        table.add_row(name, escape(text))
    console.print(table)


def speed(events: int, monitor_seconds: float, seconds: float) -> str:
    """Say how fast a backtest was."""
    monitor, whole = rates(events, monitor_seconds, seconds)
    return f"{monitor:,.0f} in the monitor, {whole:,.0f} with reading and writing"


def rates(events: int, monitor_seconds: float, seconds: float) -> tuple[float, float]:
    """Return events a second of the monitor alone, and of all."""
    return events / max(monitor_seconds, 1e-9), events / max(seconds, 1e-9)


def figures_json(
    backtest: Backtest, found: Sequence[Understood], verdict: Verdict, seconds: float
) -> dict[str, Any]:
    """Return what was understood and all figures as plain values, pooled and by source."""
    monitor, whole = rates(backtest.rows, backtest.seconds, seconds)
    return backtest.figures().to_dict() | {
        "stream": backtest.name,
        "problem": verdict.problem,
        "notes": list(verdict.notes),
        "understood": asdict(found[0]),
        "warmup": backtest.config.warmup,
        "events_per_second": round(monitor, 1),
        "events_per_second_overall": round(whole, 1),
        "incidents": [incident.to_dict() for incident in backtest.incidents()],
        "alert_list": [episode.to_dict() for episode in backtest.alerts()],
        "by_source": {name: own.to_dict() for name, own in backtest.figures_by_source().items()},
    }
