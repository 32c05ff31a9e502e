"""``streamgauge replay sensors``: readings from files, a data set or the simulated water loop."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from producers.batch import Source
from producers.drift import Injector, parse_schedule
from producers.sources import Files, Simulated, WaterFlow
from producers.water_loop import WaterLoop
from producers.water_loop.schedule import parse_faults
from stream_app.cli.file_columns import TABLE, PeriodOption, TableOptions, names
from stream_app.cli.replay.options import CHANGE, SOURCE, ReplayOptions, SeedOption, SourceOption
from stream_app.cli.replay.run import Change, Opened, absolute, replay
from stream_app.errors import SettingsError
from stream_app.tables import Columns

__all__ = ["EXAMPLES", "MadeOptions", "sensor_source", "sensors"]

EXAMPLES = """
Examples:

streamgauge replay sensors SKAB/valve1 --speed 60x

streamgauge replay sensors log.csv --time-column at --source-column machine --channels temp,load

streamgauge replay sensors --simulate --limit 200000 --faults 3 --speed max

streamgauge replay sensors --dataset waterflow --loop --rate 100 --drift "flow:mean+2sd@30d..40d"

streamgauge replay sensors big.parquet --resume
"""

_DATASETS: dict[str, Callable[[str], Source]] = {"waterflow": WaterFlow}


@dataclass(frozen=True, slots=True)
class MadeOptions:
    """Options for what is no file of the user's: a simulation, or a data set that comes along."""

    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate", help="Replay a simulated water loop instead of files.", rich_help_panel=SOURCE
        ),
    ] = False
    pumps: Annotated[
        int, typer.Option(min=1, help="Water loops to simulate, each a source.", rich_help_panel=SOURCE)
    ] = 1
    faults: Annotated[
        str | None,
        typer.Option(
            help='Faults of the simulation: a number, or "leak@600..720; cavitation*0.5@1h..2h~60".',
            rich_help_panel=SOURCE,
        ),
    ] = None
    dataset: Annotated[
        str | None,
        typer.Option(
            help=f"Replay a data set that comes with us: {', '.join(_DATASETS)}.", rich_help_panel=SOURCE
        ),
    ] = None


def sensors(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...]",
            help="Files, directories or globs: .csv .tsv .jsonl .parquet, .gz too.",
        ),
    ] = None,
    *,
    made: MadeOptions,
    source: SourceOption = None,
    table: TableOptions,
    label_column: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Columns with the truth; by default anomaly, changepoint, label.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    period: PeriodOption = None,
    drift: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE",
            help='Changes to inject: "flow:mean+2sd@3600..7200; *:stuck@#900..#950".',
            rich_help_panel=CHANGE,
        ),
    ] = None,
    seed: SeedOption = 0,
    options: ReplayOptions,
) -> None:
    """Replay readings of sensors: files, a data set or a simulation.

    Events keep their event time; those of one source go to one partition, in order. Ctrl-C stops cleanly; --resume
    continues from there, after a crash too, without repeating or skipping an event.
    """

    def change() -> Change | None:
        return partial(map, Injector(parse_schedule(drift), seed).apply) if drift else None

    def opened(*_: object) -> Opened:
        columns = table.columns(labels=names(label_column), name=source, period=period)
        return Opened(
            source=sensor_source(paths or [], made, columns, seed=seed, limit=options.limit),
            kinds=("sensors",),
            keys=("source", "sources"),
            place=(*(absolute(paths or []) or [made.dataset or "simulation"]), source or ""),
            change=change,
            settings=f"{drift} {seed}",
        )

    replay(options, "sensors", opened)


def sensor_source(
    paths: list[str], made: MadeOptions, columns: Columns, *, seed: int = 0, limit: int | None = None
) -> Source:
    """Find the files, the data set or the simulation.

    Parameters
    ----------
    paths : list of str
        Files, directories and globs.
    made : MadeOptions
        What is asked for in their place.
    columns : Columns
        What is said of the columns.
    seed : int
        Of the simulation.
    limit : int or None
        Most events that will be asked for; a number of faults is drawn within them.

    Raises
    ------
    SettingsError
        If not exactly one of them is asked for, or an option belongs to another one.
    SourceError
        If a file is not there.
    """
    asked = [bool(paths), made.dataset is not None, made.simulate]
    if sum(asked) != 1:
        raise SettingsError("give files to replay, or --simulate, or --dataset; one of them")
    if not made.simulate and made.pumps > 1:
        raise SettingsError("--pumps belong to --simulate")
    if not made.simulate and made.faults is not None:
        raise SettingsError("--faults belong to --simulate; to change other data use --drift")
    if paths:
        return Files.find(paths, columns)
    if made.dataset is not None:
        if made.dataset not in _DATASETS:
            raise SettingsError(f"--dataset: no {made.dataset!r}; there is {', '.join(_DATASETS)}")
        return _DATASETS[made.dataset](columns.name or made.dataset)
    config = WaterLoop(period=columns.period or WaterLoop().period)
    span = None if limit is None else limit / made.pumps * config.period
    faults = parse_faults(made.faults, seed=seed, span=span) if made.faults else ()
    return Simulated(config, seed, faults, made.pumps, columns.name or "pump", events=limit)
