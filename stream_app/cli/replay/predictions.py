"""``streamgauge replay predictions``: what models answered, and the truth, out of files."""

from typing import Annotated

import typer

from producers.predictions import LabelDelay, PredictionFiles
from stream_app.cli.file_columns import PREDICTIONS, PathsArgument, PredictionOptions, TableOptions
from stream_app.cli.options import LabelDelayOption, delay_of
from stream_app.cli.replay.options import ReplayOptions, SourceOption
from stream_app.cli.replay.run import Opened, absolute, replay

__all__ = ["EXAMPLES", "predictions"]

EXAMPLES = """
Examples:

streamgauge replay predictions answers.csv

streamgauge replay predictions answers.csv --label-column outcome --label-delay 1h --attributes region,sex
"""


def predictions(
    paths: PathsArgument,
    *,
    source: SourceOption = None,
    table: TableOptions,
    answers: PredictionOptions,
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth; by default label, truth, y_true or target.",
            rich_help_panel=PREDICTIONS,
        ),
    ] = None,
    label_delay: LabelDelayOption = None,
    options: ReplayOptions,
) -> None:
    """Replay predictions of any model, and their truth, from files.

    Events keep their event time; those of one model go to one partition, in order. Ctrl-C stops cleanly; --resume
    continues from there, after a crash too, without repeating or skipping an event.
    """

    def opened(*_: object) -> Opened:
        delay = delay_of(label_delay)
        return Opened(
            source=PredictionFiles.find(paths, answers.columns(table, label=label_column, name=source)),
            kinds=("predictions",),
            keys=("model", "models"),
            place=(*absolute(paths), source or ""),
            change=lambda: LabelDelay(delay) if delay else None,
            settings=f"{delay}",
            share=2.0 if delay else 1.0,
        )

    replay(options, "predictions", opened)
