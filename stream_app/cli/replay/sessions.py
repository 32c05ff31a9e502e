"""``streamgauge replay sessions``: what customers, users or cards did, out of files."""

from functools import partial
from typing import Annotated

import typer

from producers.drift import parse_schedule
from producers.pacing import Pace
from producers.progress import Progress
from producers.sessions import SessionFiles, SessionInjector
from stream_app.cli.file_columns import PathsArgument, SessionOptions
from stream_app.cli.replay.options import CHANGE, ReplayOptions, SeedOption
from stream_app.cli.replay.run import Change, Opened, absolute, replay
from stream_app.settings import Stream

__all__ = ["EXAMPLES", "sessions"]

EXAMPLES = """
Examples:

streamgauge replay sessions online_retail.csv.gz

streamgauge replay sessions orders.csv --entity-column buyer --values "amount=units*price"
"""


def sessions(
    paths: PathsArgument,
    *,
    columns: SessionOptions,
    drift: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE",
            help='Changes to inject: "amount:scale*2@30d..; 17850/units:mean+3@7d..14d".',
            rich_help_panel=CHANGE,
        ),
    ] = None,
    seed: SeedOption = 0,
    options: ReplayOptions,
) -> None:
    """Replay session events from files.

    Events keep their event time; those of one entity go to one partition, in order. Ctrl-C stops cleanly; --resume
    continues from there, after a crash too, without repeating or skipping an event.
    """

    def change() -> Change | None:
        return partial(map, SessionInjector(parse_schedule(drift), seed).apply) if drift else None

    def opened(_: Pace, __: Progress, stream: Stream | None) -> Opened:
        entity_field = getattr(stream, "entity_field", "entity")
        return Opened(
            source=SessionFiles.find(paths, columns.columns(entity_field), columns.preset),
            kinds=("sessions",),
            keys=("entity", "entities"),
            place=absolute(paths),
            change=change,
            settings=f"{drift} {seed}",
        )

    replay(options, "sessions", opened)
