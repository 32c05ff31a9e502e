"""What a call of ``streamgauge tune`` asks for, and the way to its table."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import typer

from producers.progress import progress_for
from stream_app.backtesting import ChangeWindow, Understood, understand, understood_rows
from stream_app.backtesting.page import open_directory
from stream_app.backtesting.tuning import Choice, Setting, Trial, choose, settings_to_try, try_settings
from stream_app.backtesting.tuning_report import trial_rows, write_tuning_page
from stream_app.cli.backtest.output import print_pairs
from stream_app.cli.backtest.stream import choose_stream
from stream_app.cli.show import console, error_console, print_columns, print_notes
from stream_app.core.kernel_cache import when_compiling
from stream_app.errors import SettingsError
from stream_app.kinds import SENSORS
from stream_app.kinds.sensors import changed_stream
from stream_app.monitors.sensors.compiling import compile_kernels
from stream_app.settings import SensorStream, Settings
from stream_app.settings.durations import format_duration
from stream_app.tables import Columns, InputTable, open_files, read_reference, sorted_by_time

__all__ = ["Call", "prepare"]

_MOST = 64
"""Settings at most: each has a monitor of its own."""


@dataclass(frozen=True, slots=True)
class Call:
    """The options of one call.

    Parameters
    ----------
    paths : tuple of str
        Files, directories and globs.
    columns : Columns
        Meaning of their columns, but for the truth.
    label, changepoint : str or None
        Columns with the truth.
    window : str or None
        How long after a true changepoint a detection counts; the default where nothing is said.
    sort : bool
        Whether rows are sorted by time.
    budgets, detectors : tuple of str
        What to try; see `settings_to_try`.
    warmups : tuple of int
        The same.
    report : Path or None
        Where a report goes.
    as_json, quiet : bool
        How much is printed, and how.
    """

    paths: tuple[str, ...]
    columns: Columns
    label: str | None
    changepoint: str | None
    window: str | None
    sort: bool
    budgets: tuple[str, ...]
    warmups: tuple[int, ...]
    detectors: tuple[str, ...]
    report: Path | None
    as_json: bool
    quiet: bool


def prepare(settings: Settings, stream: str | None, call: Call) -> Callable[[], None]:
    """Settle everything that can be wrong with a call; what is returned does it.

    Raises
    ------
    SettingsError
        If an option makes no sense.
    MissingExtraError
        If pictures are asked for and matplotlib is not installed.
    SourceError
        If a file cannot be read or a column is not there.
    """
    name, found = _stream(settings, stream)
    chosen = changed_stream(name, found, {"channels": call.columns.channels}, option="--{}")
    columns = replace(call.columns, channels=chosen.channel_names or ())
    to_try = settings_to_try(chosen, call.budgets, call.warmups, call.detectors)
    _check(to_try, name, chosen)
    window = ChangeWindow.parse(call.window, "--changepoint-window")
    files = open_files(call.paths, columns, anomaly=call.label, changepoint=call.changepoint)
    understood = [understand(file) for file in files]
    files = sorted_by_time(files) if call.sort else files
    reference = (
        None if chosen.reference is None else read_reference(chosen.reference, columns, chosen.categories)
    )
    if call.report is not None:
        open_directory(call.report)

    def work() -> None:
        when_compiling(lambda: typer.echo("compiling the detection kernels, up to a minute, once", err=True))
        compile_kernels([chosen.draws])
        progress = progress_for(error_console, "tune", quiet=call.quiet or call.as_json)
        progress.begin(_total(files), 0)
        begin = perf_counter()
        try:
            trials, left_out = try_settings(
                files,
                chosen,
                to_try,
                name=name,
                period=columns.period,
                reference=reference,
                window=window,
                progress=progress.update,
            )
        finally:
            progress.end()
        _tell(call, name, understood, trials, left_out, perf_counter() - begin)

    return work


def _tell(
    call: Call,
    name: str,
    understood: Sequence[Understood],
    trials: Sequence[Trial],
    left_out: Sequence[Setting],
    seconds: float,
) -> None:
    choice = choose(trials)
    notes = list(choice.trial.run.verdict().notes)
    notes += [f"left out, as its warm-up takes all rows: {setting}" for setting in left_out]
    page = None
    if call.report is not None:
        page = write_tuning_page(call.report, ", ".join(call.paths), trials, choice, notes, name)
    if call.as_json:
        plain = {
            "understood": asdict(understood[0]),
            "notes": notes,
            **_plain(name, trials, choice, left_out, seconds),
        }
        typer.echo(msgspec.json.encode(plain).decode())
        return
    print_pairs(understood_rows(understood, choice.trial.figures.period))
    _print(name, trials, choice, notes, seconds)
    if page is not None:
        typer.echo(f"\nwritten: {page}")


def _stream(settings: Settings, name: str | None) -> tuple[str, SensorStream]:
    found, stream = choose_stream(settings, name, None)
    readings = SENSORS.streams(settings)
    if found not in readings:
        raise SettingsError(
            f"--stream: {found} is a stream of {stream.kind}; only readings and images can be tuned"
        )
    return found, readings[found]


def _check(settings: Sequence[Setting], name: str, stream: SensorStream) -> None:
    if len(settings) > _MOST:
        raise SettingsError(f"{len(settings)} settings are more than {_MOST}; give fewer budgets or warm-ups")
    for setting in settings:
        setting.applied(name, stream)


def _total(files: Sequence[InputTable]) -> int | None:
    totals = [file.total for file in files]
    known = [total for total in totals if total is not None]
    return sum(known) if len(known) == len(totals) else None


def _print(name: str, trials: Sequence[Trial], choice: Choice, notes: Sequence[str], seconds: float) -> None:
    figures = choice.trial.figures
    console.print(
        f"\n{len(trials)} settings over {figures.events:,} events of {figures.sources:,} source{'s' * (figures.sources != 1)}, "
        f"{figures.scored:,} after the shortest warm-up, in {format_duration(seconds)}\n",
        soft_wrap=True,
    )
    print_columns(trial_rows(trials, choice.trial))
    print_notes(notes)
    console.print(f"\ntake {choice.trial.setting}: {choice.reason}\n", markup=False, soft_wrap=True)
    console.print(choice.toml(name), markup=False, soft_wrap=True)


def _plain(
    name: str, trials: Sequence[Trial], choice: Choice, left_out: Sequence[Setting], seconds: float
) -> dict[str, Any]:
    figures = choice.trial.figures
    return {
        "stream": name,
        "sources": figures.sources,
        "events": figures.events,
        "scored": figures.scored,
        "seconds": round(seconds, 2),
        "settings": [trial.to_dict() for trial in trials],
        "left_out": [asdict(setting) for setting in left_out],
        "chosen": trials.index(choice.trial),
        "reason": choice.reason,
        "toml": choice.toml(name),
    }
