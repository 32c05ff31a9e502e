"""Options that replays of all kinds have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.options import ConfigOption, KafkaOption

__all__ = [
    "CHANGE",
    "SOURCE",
    "TARGET",
    "PartitionsOption",
    "QuietOption",
    "ReplayOptions",
    "SeedOption",
    "SourceOption",
    "SummaryOption",
]

SOURCE = "What to replay"
CHANGE = "Injected drift"
_PACE = "How fast, how much"
TARGET = "Where to"
_OUTPUT = "Output"

SourceOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Source of all events; by default from a column or the file's name.",
        rich_help_panel=SOURCE,
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random choices.", rich_help_panel=CHANGE)]
PartitionsOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="Partitions of the topic if it is created; by default 4.", rich_help_panel=TARGET
    ),
]
SummaryOption = Annotated[
    bool, typer.Option("--json", help="Print the closing summary as JSON.", rich_help_panel=_OUTPUT)
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Show no progress, and no summary but --json.", rich_help_panel=_OUTPUT
    ),
]


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How fast, how much, where to, and what is shown."""

    speed: Annotated[
        str,
        typer.Option(
            help="Speed of event time: real (1x), a factor like 60x, or max.", rich_help_panel=_PACE
        ),
    ] = "max"
    rate: Annotated[
        float | None, typer.Option(help="Most events a second; by default no limit.", rich_help_panel=_PACE)
    ] = None
    max_gap: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Longest pause in event time; longer ones are cut to it.",
            rich_help_panel=_PACE,
        ),
    ] = None
    loop: Annotated[
        bool, typer.Option("--loop", help="Repeat without end, event time moving on.", rich_help_panel=_PACE)
    ] = False
    from_now: Annotated[
        bool,
        typer.Option(
            "--from-now",
            help="Shift event times, so that the first event is of now, and later than all of its topic.",
            rich_help_panel=_PACE,
        ),
    ] = False
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many events, or images.", rich_help_panel=_PACE)
    ] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Continue where the same replay was interrupted.", rich_help_panel=_PACE
        ),
    ] = False
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Directory of the progress for --resume; by default in your state directory.",
            rich_help_panel=_PACE,
        ),
    ] = None
    kafka: KafkaOption = None
    config: ConfigOption = None
    topic: Annotated[
        str | None,
        typer.Option(
            help="Topic to write to; by default that of the monitor file's only stream of this kind, else the kind's default.",
            rich_help_panel=TARGET,
        ),
    ] = None
    partitions: PartitionsOption = None
    as_json: SummaryOption = False
    quiet: QuietOption = False
