"""The options of ``streamgauge backtest``, and what they set going."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from producers.sessions import SessionColumns
from stream_app.cli.backtest.call import Call
from stream_app.cli.backtest.stream import BACKTESTED, choose_stream, prepare
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
from stream_app.cli.prediction_options import (
    PANEL,
    LatencyColumnOption,
    PredictionColumnOption,
    ProbabilitiesOption,
    VersionColumnOption,
    prediction_columns_of,
)
from stream_app.errors import SettingsError
from stream_app.settings import parse_duration

__all__ = ["EXAMPLES", "backtest"]

EXAMPLES = """
Examples:

streamgauge backtest plant.csv --report report

streamgauge backtest answers.csv --kind predictions --label-delay 1h
"""

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
        typer.Option(
            help="Truth: 1 in an anomaly, else anomaly or label; of predictions label or y_true.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    changepoint_column: Annotated[
        str | None,
        typer.Option(help="Truth: 1 where the process changes; else changepoint.", rich_help_panel=TABLE),
    ] = None,
    delimiter: DelimiterOption = None,
    period: PeriodOption = None,
    prediction_column: PredictionColumnOption = None,
    version_column: VersionColumnOption = None,
    latency_column: LatencyColumnOption = None,
    probabilities: ProbabilitiesOption = "p_",
    id_column: Annotated[
        str | None, typer.Option(help="Identity of the answer; else id, else the row.", rich_help_panel=PANEL)
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Categories; else all texts.", rich_help_panel=PANEL),
    ] = None,
    label_delay: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The truth of a row comes so much later, in event time: 30s.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(BACKTESTED),
            help="Of the stream; else that of --stream, else sensors.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(help="Whose settings to take, where the file has several.", rich_help_panel=MONITOR),
    ] = None,
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
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Normal operation of one source, learned from before the first row. Not of predictions.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    versions: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Of a model: hold them against each other, the one in use first.",
            rich_help_panel=MONITOR,
        ),
    ] = None,
    config: ConfigOption = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write a row per event: OUT.csv, or a directory. Not of predictions.",
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
    the sources. Columns called anomaly, changepoint or label are the truth to score by; the monitor of readings never
    sees them. With --kind predictions a row is what a model answered, with its truth beside it.
    """
    try:
        columns = columns_of(
            time_column=time_column,
            source_column=source_column,
            channels=names(channels),
            delimiter=delimiter,
            period=period,
        )
        answers = prediction_columns_of(
            replace(columns, labels=(label_column,) if label_column else ()),
            SessionColumns(id=id_column, attributes=names(attributes)),
            prediction=prediction_column,
            version=version_column,
            latency=latency_column,
            probabilities=probabilities,
        )
        call = Call(
            paths=tuple(paths),
            columns=columns,
            predictions=answers,
            label=label_column,
            changepoint=changepoint_column,
            warmup=warmup,
            budget=budget,
            reference=reference,
            label_delay=_seconds(label_delay),
            versions=names(versions),
            events=events,
            alerts=alerts,
            report=report,
            as_json=as_json,
            quiet=quiet,
        )
        name, said = choose_stream(settings_of(config), stream, kind)
        # Statistics take a second to import: help does not wait for them.
        work = prepare(name, said, call)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    work()


def _seconds(delay: str | None) -> float:
    if delay is None:
        return 0.0
    try:
        return parse_duration(delay)
    except ValueError as error:
        raise SettingsError(f"--label-delay: {error}") from None
