"""The options of ``streamgauge tune``, and what they set going."""

from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.file_columns import (
    ChangeWindowOption,
    PathsArgument,
    PeriodOption,
    SortOption,
    TableOptions,
    TruthOptions,
)
from stream_app.cli.options import ConfigOption, PrintingOptions, settings_of
from stream_app.errors import SettingsError

__all__ = ["EXAMPLES", "tune"]

EXAMPLES = """
Examples:

streamgauge tune plant.csv --report tuning

streamgauge tune plant.csv --budget "1 per day" --budget "1 per week" --detector ks
"""

MONITOR = "What to try"
OUTPUT = "Output"


def tune(
    paths: PathsArgument,
    *,
    table: TableOptions,
    truth: TruthOptions,
    changepoint_window: ChangeWindowOption = None,
    period: PeriodOption = None,
    sort: SortOption = False,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUDGET",
            help='False alarms allowed, such as "1 per week"; may be given several times. By default those of a day, a week '
            "and a month.",
            rich_help_panel=MONITOR,
            show_default=False,
        ),
    ] = None,
    warmup: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="First rows of a source, which are learned from; may be given several times. By default the stream's and "
            "twice as many.",
            rich_help_panel=MONITOR,
            show_default=False,
        ),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Detector beside the stream's own, such as ks; may be given several times. By default none.",
            rich_help_panel=MONITOR,
            show_default=False,
        ),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            help="Stream of the monitor file whose settings are the first.", rich_help_panel=MONITOR
        ),
    ] = None,
    config: ConfigOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Directory for a summary.html with a picture.", rich_help_panel=OUTPUT
        ),
    ] = None,
    printing: PrintingOptions,
) -> None:
    """Try settings of a stream over files, without Kafka, and compare what they tell.

    The files are read once, and a monitor for each setting sees all rows. Alerts are counted after the shortest warm-up.
    With columns of truth, as those of backtest, the table says which alerts are false and which events were found. It ends
    with the setting to take, why, and the lines for the monitor file; nothing is written there.
    """
    # Statistics take a second to import: help does not wait for them.
    from stream_app.cli.tune.trying import Call, prepare  # noqa: PLC0415

    try:
        call = Call(
            paths=tuple(paths),
            columns=table.columns(period=period),
            label=truth.label_column,
            changepoint=truth.changepoint_column,
            window=changepoint_window,
            sort=sort,
            budgets=tuple(budget or ()),
            warmups=tuple(warmup or ()),
            detectors=tuple(detector or ()),
            report=report,
            as_json=printing.as_json,
            quiet=printing.quiet,
        )
        work = prepare(settings_of(config), stream, call)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    work()
