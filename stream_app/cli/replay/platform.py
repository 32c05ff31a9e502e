"""``streamgauge replay platform``: metrics, queries and changes of a data platform, out of the simulation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import typer

from producers.platform_simulator import LOADS, Load, SimulatedPlatform, draw_changes
from producers.platform_simulator.schedule import parse_incidents
from producers.platform_simulator.source import SimulatedPlatformSource, with_truth
from stream_app.cli.replay.options import SOURCE, ReplayOptions, SeedOption, SourceOption
from stream_app.cli.replay.run import Change, Opened, replay
from stream_app.errors import DataError, SettingsError

__all__ = ["EXAMPLES", "SimulatedOptions", "platform", "simulated_source"]

EXAMPLES = """
Examples:

streamgauge replay platform --simulate --days 2 --incident "slow_s3@30h..31h" --truth truth.jsonl

streamgauge replay platform --simulate --days 30 --incident 20 --workers 4 --load batch --speed max

streamgauge replay platform --simulate --from-now --speed real
"""

_SIMULATION = "Simulation"


@dataclass(frozen=True, slots=True)
class SimulatedOptions:
    """Options of the simulated platform."""

    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Replay a simulated platform.", rich_help_panel=SOURCE),
    ] = False
    days: Annotated[
        float | None,
        typer.Option(help="Days to simulate; by default without end.", rich_help_panel=_SIMULATION),
    ] = None
    incident: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE",
            help='Incidents: a number, or "slow_s3@6h..7h; worker_lost/3*1.2@90m..2h~5m".',
            rich_help_panel=_SIMULATION,
        ),
    ] = None
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write when each incident was and what is to blame, a line of JSON each.",
            rich_help_panel=_SIMULATION,
        ),
    ] = None
    workers: Annotated[
        int, typer.Option(min=1, help="Workers of the platform.", rich_help_panel=_SIMULATION)
    ] = 8
    load: Annotated[
        str, typer.Option(help=f"When most work comes: {', '.join(LOADS)}.", rich_help_panel=_SIMULATION)
    ] = "office"
    scrape: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Between two scrapes of a node.", rich_help_panel=_SIMULATION),
    ] = 15.0
    deployments: Annotated[
        bool,
        typer.Option(
            help="Deployments and changes of configuration, about one a week.", rich_help_panel=_SIMULATION
        ),
    ] = True


def platform(
    *,
    simulated: SimulatedOptions,
    source: SourceOption = None,
    seed: SeedOption = 0,
    options: ReplayOptions,
) -> None:
    """Replay metrics, completed queries and changes of a data platform.

    Events keep their event time and go to one partition, in order. Ctrl-C stops cleanly; --resume continues from there,
    after a crash too, without repeating or skipping an event.
    """

    def opened(*_: object) -> Opened:
        found = simulated_source(simulated, name=source, seed=seed)

        def change() -> Change | None:
            return None if simulated.truth is None else with_truth(found, simulated.truth)

        return Opened(
            source=found,
            kinds=("platform",),
            keys=("platform", "platforms"),
            place=("simulation", found.platform.name),
            change=change,
        )

    replay(options, "platform", opened)


def simulated_source(
    asked: SimulatedOptions, *, name: str | None = None, seed: int = 0
) -> SimulatedPlatformSource:
    """Make the simulation that is asked for.

    Parameters
    ----------
    asked : SimulatedOptions
    name : str or None
        Of the platform.
    seed : int
        Of the simulation.

    Raises
    ------
    SettingsError
        If no simulation is asked for, or an option makes no sense.
    """
    if not asked.simulate:
        raise SettingsError("say what to replay: --simulate")
    if asked.days is not None and not 0.0 < asked.days < float("inf"):
        raise SettingsError("--days: a finite number above 0")
    if not 1.0 <= asked.scrape <= 60.0:
        raise SettingsError("--scrape: from 1 to 60 seconds")
    try:
        simulated = SimulatedPlatform(
            name=name or "platform",
            workers=asked.workers,
            load=cast("Load", asked.load),
            scrapes=round(60.0 / asked.scrape),
        )
    except DataError as error:
        raise SettingsError(f"--simulate: {error}") from None
    incidents = (
        parse_incidents(asked.incident, simulated, seed=seed, days=asked.days) if asked.incident else ()
    )
    # Without an end the changes are those of the first year.
    span = 86_400.0 * (asked.days or 365.0)
    changes = draw_changes(span, seed, start=simulated.start) if asked.deployments else ()
    return SimulatedPlatformSource(simulated, seed, incidents, changes, asked.days)
