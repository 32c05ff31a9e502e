"""A backtest of readings: what the call asks for, and the way to its figures."""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

import msgspec
import typer
from pydantic import ValidationError
from rich.console import Console

from producers.progress import progress_for
from stream_app.backtest import Backtest, Report
from stream_app.cli.backtest.call import Call, refuse
from stream_app.cli.backtest.files import open_files
from stream_app.cli.backtest.output import EventFiles, figures_json, print_figures
from stream_app.cli.backtest.sweep import sweep
from stream_app.cli.references import read_reference
from stream_app.core.budget import Budget
from stream_app.core.kernel_cache import when_compiling
from stream_app.errors import SettingsError
from stream_app.monitors.sensors import SensorConfig
from stream_app.monitors.sensors.compiling import compile_kernels
from stream_app.runtime.configuration import monitor_config
from stream_app.settings import SensorStream

__all__ = ["prepare"]

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
        "--versions": call.versions,
    }
    refuse(own, dict.fromkeys(own, _WHY))
    config = _config(name, stream, call)
    # A stream that declares its channels names the columns, too.
    columns = replace(call.columns, channels=config.channels or ())
    files = open_files(call.paths, columns, anomaly=call.label, changepoint=call.changepoint)
    event_files = None if call.events is None else EventFiles(call.events, files)
    pictures = None if call.report is None else Report(call.report, config.warmup)
    named = call.reference or stream.reference
    reference = None if named is None else read_reference(str(named), columns)
    run = Backtest(config, pictures.watch if pictures else None, reference)

    def work() -> None:
        when_compiling(lambda: typer.echo("compiling the detection kernels, up to a minute, once", err=True))
        compile_kernels([config.draws])
        begin = perf_counter()
        progress = progress_for(Console(stderr=True), "backtest", quiet=call.quiet or call.as_json)
        sweep(run, files, event_files, progress)
        seconds = perf_counter() - begin
        page = pictures.write(run, ", ".join(call.paths)) if pictures else None
        if call.as_json:
            typer.echo(msgspec.json.encode(figures_json(run, seconds)).decode())
            return
        print_figures(run, seconds)
        for written in (event_files.told if event_files else None, page):
            if written is not None:
                typer.echo(f"written: {written}")

    return work


def _config(name: str, stream: SensorStream, call: Call) -> SensorConfig:
    """Return what the monitor of a stream is told; the command line wins over the file."""
    changes: dict[str, Any] = {}
    if call.columns.channels:
        limits = stream.channels or {}
        changes["channels"] = {channel: limits.get(channel, {}) for channel in call.columns.channels}
    if call.warmup is not None:
        changes["warmup"] = call.warmup
    if call.budget is not None:
        Budget.parse(call.budget)
        changes["budget"] = call.budget
    try:
        return monitor_config(name, type(stream).model_validate(dict(stream) | changes))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(f"--{first['loc'][0]}: {first['msg']}") from None
