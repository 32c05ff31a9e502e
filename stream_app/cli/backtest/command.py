"""The options of ``streamgauge backtest``, and what they set going."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import msgspec
import typer
from pydantic import ValidationError
from rich.console import Console

from producers.progress import progress_for
from stream_app.backtest import Backtest, Report
from stream_app.cli.backtest.files import open_files
from stream_app.cli.backtest.output import EventFiles, figures_json, print_figures
from stream_app.cli.backtest.sweep import sweep
from stream_app.cli.file_columns import (
    TABLE,
    ChannelsOption,
    DelimiterOption,
    PathsArgument,
    PeriodOption,
    SourceColumnOption,
    TimeColumnOption,
    columns_of,
    names,
)
from stream_app.cli.options import ConfigOption, settings_of
from stream_app.core.budget import Budget
from stream_app.errors import SettingsError
from stream_app.monitors.sensors import SensorConfig
from stream_app.runtime.configuration import monitor_config
from stream_app.settings import SensorStream, Settings

__all__ = ["backtest"]

MONITOR = "The monitor"
OUTPUT = "Output"


def backtest(
    paths: PathsArgument,
    *,
    time_column: TimeColumnOption = None,
    source_column: SourceColumnOption = None,
    channels: ChannelsOption = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="Truth: 1 in an anomaly; else anomaly or label.", rich_help_panel=TABLE),
    ] = None,
    changepoint_column: Annotated[
        str | None,
        typer.Option(help="Truth: 1 where the process changes; else changepoint.", rich_help_panel=TABLE),
    ] = None,
    delimiter: DelimiterOption = None,
    period: PeriodOption = None,
    warmup: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="First rows of a source, learned from and not scored.", rich_help_panel=MONITOR
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help='False alarms allowed: "1 per day", "3 per 100000 events".', rich_help_panel=MONITOR
        ),
    ] = None,
    config: ConfigOption = None,
    stream: Annotated[
        str | None,
        typer.Option(help="Whose settings to take, where the file has several.", rich_help_panel=MONITOR),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write a row per event: OUT.csv, or a directory.", rich_help_panel=OUTPUT
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write pictures and a summary.html.", rich_help_panel=OUTPUT),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=OUTPUT)
    ] = False,
) -> None:
    """Run the monitor over files, without Kafka, and say how good it is.

    The monitor, its settings and its defaults are those of a worker. Each file starts afresh, unless a column names
    the sources. Columns called anomaly, changepoint or label are the truth to score by; the monitor never sees them.
    """
    try:
        settings = _stream_config(
            settings_of(config), stream, channels=names(channels), warmup=warmup, budget=budget
        )
        columns = columns_of(
            time_column=time_column,
            source_column=source_column,
            channels=settings.channels or (),
            delimiter=delimiter,
            period=period,
        )
        files = open_files(paths, columns, anomaly=label_column, changepoint=changepoint_column)
        event_files = None if events is None else EventFiles(events, files)
        pictures = None if report is None else Report(report, settings.warmup)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    run = Backtest(settings, pictures.watch if pictures else None)
    begin = perf_counter()
    sweep(run, files, event_files, progress_for(Console(stderr=True), "backtest", quiet=quiet or as_json))
    seconds = perf_counter() - begin
    page = pictures.write(run, ", ".join(paths)) if pictures else None
    if as_json:
        typer.echo(msgspec.json.encode(figures_json(run, seconds)).decode())
        return
    print_figures(run, seconds)
    for written in (event_files.told if event_files else None, page):
        if written is not None:
            typer.echo(f"written: {written}")


def _stream_config(
    settings: Settings, name: str | None, *, channels: tuple[str, ...], warmup: int | None, budget: str | None
) -> SensorConfig:
    """Return what the monitor of a stream is told; the command line wins over the file."""
    streams = {one: said for one, said in settings.streams.items() if isinstance(said, SensorStream)}
    known = ", ".join(streams) or "none"
    if name is None:
        # Where nothing is set, sensors and images are both there; files of images are named as such.
        likely = [one for one, said in streams.items() if said.kind == "sensors"] or list(streams)
        if len(likely) != 1:
            raise SettingsError(f"which stream of sensors? --stream: {known}")
        name = likely[0]
    if name not in streams:
        raise SettingsError(f"--stream: no stream is called {name!r}; of sensors there is {known}")
    said = streams[name]
    changes: dict[str, Any] = {}
    if channels:
        limits = said.channels or {}
        changes["channels"] = {channel: limits.get(channel, {}) for channel in channels}
    if warmup is not None:
        changes["warmup"] = warmup
    if budget is not None:
        Budget.parse(budget)
        changes["budget"] = budget
    try:
        return monitor_config(name, type(said).model_validate(dict(said) | changes))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(f"--{first['loc'][0]}: {first['msg']}") from None
