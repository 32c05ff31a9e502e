"""A backtest of readings: what the call asks for, and the way to its figures."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import msgspec
import typer

from producers.progress import Progress, progress_for
from stream_app.backtesting import Backtest, ChangeWindow, Report, sweep, understand
from stream_app.cli.backtest.alert_output import AlertFile, print_incidents
from stream_app.cli.backtest.call import Call, refuse
from stream_app.cli.backtest.output import EventFiles, figures_json, print_figures
from stream_app.cli.show import error_console
from stream_app.core.kernel_cache import when_compiling
from stream_app.errors import DataError
from stream_app.kinds.sensors import changed_stream
from stream_app.monitors.sensors.compiling import compile_kernels
from stream_app.settings import SensorStream
from stream_app.tables import InputTable, open_files, read_reference, sorted_by_time

__all__ = ["prepare"]

_OF_PLATFORMS = "belongs to streams of platforms; say --kind platform, or --stream with the name of one"
_WHY = "belongs to streams of predictions; say --kind predictions, or --stream with the name of one"


def prepare(name: str, stream: SensorStream, call: Call) -> Callable[[], None]:
    """Settle everything that can be wrong with a call; what is returned does it.

    Raises
    ------
    SettingsError
        If an option makes no sense.
    SourceError
        If a file cannot be read or a column is not there.
    """
    said = call.predictions
    own = said.own | {
        "--id-column": said.id,
        "--attributes": said.categories,
        "--label-delay": call.label_delay or None,
        "--task": call.task,
        "--versions": call.versions,
    }
    refuse(own, dict.fromkeys(own, _WHY))
    own = {"--models": call.models, "--register": call.register}
    refuse(own, dict.fromkeys(own, _OF_PLATFORMS))
    # The command line wins over the file.
    changes = {"channels": call.columns.channels, "warmup": call.warmup, "budget": call.budget}
    config = changed_stream(name, stream, changes, option="--{}")
    # A stream that declares its channels names the columns, too.
    columns = replace(call.columns, channels=config.channel_names or ())
    window = ChangeWindow.parse(call.window, "--changepoint-window")
    files = open_files(call.paths, columns, anomaly=call.label, changepoint=call.changepoint)
    found = [understand(file) for file in files]
    files = sorted_by_time(files) if call.sort else files
    event_files = None if call.events is None else EventFiles(call.events, files)
    taken: list[str | Path] = [file.label for file in files]
    taken += [] if call.events is None else [call.events]
    alert_file = None if call.alerts is None else AlertFile(call.alerts, taken)
    named = call.reference or stream.reference
    reference = None if named is None else read_reference(str(named), columns, config.categories)
    learned = 0 if reference is None else len(reference)
    pictures = None if call.report is None else Report(call.report, max(config.warmup - learned, 0))
    watch = pictures.watch if pictures else None
    run = Backtest(config, watch, reference, name=name, period=columns.period, window=window)

    def work() -> None:
        when_compiling(lambda: typer.echo("compiling the detection kernels, up to a minute, once", err=True))
        compile_kernels([config.draws])
        begin = perf_counter()
        progress = progress_for(error_console, "backtest", quiet=call.quiet or call.as_json)
        _sweep(run, files, event_files, progress)
        seconds = perf_counter() - begin
        page = pictures.write(run, ", ".join(call.paths)) if pictures else None
        if alert_file is not None:
            alert_file.write(run.alerts())
        verdict = run.verdict()
        if call.as_json:
            typer.echo(msgspec.json.encode(figures_json(run, found, verdict, seconds)).decode())
        else:
            print_figures(run, found, verdict, seconds)
            print_incidents(run.incidents(), members=call.alerts is not None)
            for written in (event_files.told if event_files else None, call.alerts, page):
                if written is not None:
                    typer.echo(f"written: {written}")
        if verdict.problem is not None:
            raise DataError(verdict.problem)

    return work


def _sweep(run: Backtest, files: Sequence[InputTable], events: EventFiles | None, progress: Progress) -> None:
    """Give all files to the monitor, one after another, and write a row per event as they are judged."""
    totals = [file.total for file in files]
    known = [total for total in totals if total is not None]
    progress.begin(sum(known) if len(known) == len(totals) else None, 0)
    try:
        with events or nullcontext():
            for file in files:
                with nullcontext() if events is None else events.of(file) as out:
                    for block in sweep(run, file):
                        if out is not None:
                            out.write(block.sources, block.times, block.outcome.scores)
                        progress.update(run.rows)
    finally:
        progress.end()
