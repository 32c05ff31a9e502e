"""The options of ``streamgauge backtest``, and what they set going."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.backtest.call import Call
from stream_app.cli.backtest.stream import BACKTESTED, choose_stream, prepare
from stream_app.cli.file_columns import (
    ChangeWindowOption,
    PathsArgument,
    PeriodOption,
    PredictionOptions,
    SortOption,
    TableOptions,
    TruthOptions,
    names,
)
from stream_app.cli.options import ConfigOption, LabelDelayOption, PrintingOptions, delay_of, settings_of
from stream_app.errors import SettingsError

__all__ = ["EXAMPLES", "backtest"]

EXAMPLES = """
Examples:

streamgauge backtest plant.csv --report report

streamgauge backtest answers.csv --kind predictions --label-delay 1h

streamgauge backtest metrics.csv queries.csv --kind platform --models --report report
"""


class Task(StrEnum):
    """What predictions are."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


MONITOR = "The monitor"
OUTPUT = "Output"


def backtest(
    paths: PathsArgument,
    *,
    table: TableOptions,
    truth: TruthOptions,
    changepoint_window: ChangeWindowOption = None,
    period: PeriodOption = None,
    sort: SortOption = False,
    answers: PredictionOptions,
    label_delay: LabelDelayOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(BACKTESTED),
            help="Kind of the stream; by default that of --stream, else sensors.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(help="Stream of the monitor file whose settings apply.", rich_help_panel=MONITOR),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="First rows of a source, from which its reference is learned; they are not scored.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help='False alarms allowed: "1 per day", "3 per 100000 events".', rich_help_panel=MONITOR
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of normal operation of one source, learned before the first row. Not for predictions.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    task: Annotated[
        Task | None,
        typer.Option(
            help="Whether predictions are classes or values; by default values where they have fractions.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    versions: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Versions of a model to compare, the one in use first.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    models: Annotated[
        bool,
        typer.Option(
            "--models",
            help="Compare clusterings and classifiers over the windows of a platform.",
            rich_help_panel=MONITOR,
        ),
    ] = False,
    register: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Register the classifiers of --models as versions of this model, the best as challenger.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    config: ConfigOption = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write a row per event: OUT.csv, or a directory. Not for predictions.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write a row per alert: OUT.csv or OUT.jsonl.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory for plots and a summary.html.", rich_help_panel=OUTPUT),
    ] = None,
    printing: PrintingOptions,
) -> None:
    """Run the monitor over files, without Kafka, and measure its detections.

    The monitor, its settings and its defaults are those of a worker. Each file starts afresh, unless a column names
    the sources. Columns called anomaly, changepoint or label are the truth to score by; the monitor of readings never
    sees them. With --kind predictions a row is what a model answered, with its truth beside it. With --kind platform files
    of metrics, queries and changes are read side by side. Where nothing or nearly
    nothing was judged, it ends with 1 and says what to do.
    """
    try:
        said_settings = settings_of(config)
        call = Call(
            paths=tuple(paths),
            columns=table.columns(period=period),
            predictions=answers.columns(table, label=truth.label_column),
            label=truth.label_column,
            changepoint=truth.changepoint_column,
            window=changepoint_window,
            sort=sort,
            warmup=warmup,
            budget=budget,
            reference=reference,
            label_delay=delay_of(label_delay),
            task=None if task is None else task.value,
            versions=names(versions),
            events=events,
            alerts=alerts,
            report=report,
            models=models,
            register=register,
            settings=said_settings,
            as_json=printing.as_json,
            quiet=printing.quiet,
        )
        name, said = choose_stream(said_settings, stream, kind)
        # Statistics take a second to import: help does not wait for them.
        work = prepare(name, said, call)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    work()
