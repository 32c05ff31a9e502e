"""The options of ``streamgauge tune``, and what they set going."""

from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.file_columns import TABLE, PathsArgument, PeriodOption, TableOptions
from stream_app.cli.options import ConfigOption, settings_of
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
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth, 1 in an anomaly; by default anomaly or label.", rich_help_panel=TABLE
        ),
    ] = None,
    changepoint_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth, 1 where the process changes; by default changepoint.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    period: PeriodOption = None,
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=OUTPUT)
    ] = False,
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
            label=label_column,
            changepoint=changepoint_column,
            budgets=tuple(budget or ()),
            warmups=tuple(warmup or ()),
            detectors=tuple(detector or ()),
            report=report,
            as_json=as_json,
            quiet=quiet,
        )
        work = prepare(settings_of(config), stream, call)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    work()
