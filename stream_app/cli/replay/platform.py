"""``streamgauge replay platform``: metrics, queries and changes of a data platform."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from producers.batch import Source
from producers.platform import PlatformFiles
from producers.platform_simulator import LOADS, Load, SimulatedPlatform, draw_changes
from producers.platform_simulator.schedule import parse_incidents
from producers.platform_simulator.source import SimulatedPlatformSource, with_truth
from stream_app.cli.file_columns import TABLE
from stream_app.cli.file_format import FormatOptions
from stream_app.cli.options import settings_of
from stream_app.cli.replay.options import SOURCE, ReplayOptions, SeedOption
from stream_app.cli.replay.platform_live import replay_live
from stream_app.cli.replay.platform_options import LiveOptions, PrometheusOptions
from stream_app.cli.replay.run import Change, Opened, absolute, replay, topic_of
from stream_app.errors import DataError, SettingsError
from stream_app.events import Topics
from stream_app.kinds import PLATFORM, input_topic
from stream_app.settings import Settings

__all__ = ["EXAMPLES", "SimulatedOptions", "platform", "simulated_source"]

EXAMPLES = """
Examples:

streamgauge replay platform metrics.csv queries.parquet changes.csv --source prod --speed 60x

streamgauge replay platform --prometheus http://localhost:9090 --match '{job=~"node|trino"}' --start 6h --follow

streamgauge replay platform --scrape http://worker-1:9100/metrics --scrape http://worker-2:9100/metrics

streamgauge replay platform --listen 0.0.0.0:8090 --token-file token.txt

streamgauge replay platform --trino https://trino.example:8443 --token-file token.txt

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
    deployments: Annotated[
        bool,
        typer.Option(
            help="Deployments and changes of configuration, about one a week.", rich_help_panel=_SIMULATION
        ),
    ] = True


def platform(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...]",
            help="Files, directories or globs of metrics, queries and changes: CSV, JSON, Parquet, Feather, also compressed.",
        ),
    ] = None,
    *,
    prometheus: PrometheusOptions,
    live: LiveOptions,
    simulated: SimulatedOptions,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the platform; by default that of the stream which reads the topic, else platform.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the time of metrics and changes, or two of the date and the time of day: DATE,TIME.",
            rich_help_panel=TABLE,
        ),
    ] = None,
    form: FormatOptions,
    seed: SeedOption = 0,
    options: ReplayOptions,
) -> None:
    """Replay or send on metrics, completed queries and changes of a data platform.

    Files, what Prometheus has recorded, and the simulation are replayed: events keep their event time and go to one
    partition, in order; --resume continues after Ctrl-C or a crash, without repeating or skipping an event. Live
    sources (--follow, --scrape, --listen, --trino) are sent on as they come, at least once.
    """
    settings = settings_of(options.config, kafka=options.kafka)
    name = source or _platform_of(settings, options.topic or topic_of("platform", settings))
    _check(paths, prometheus, live, simulated)
    if prometheus.follow or live.scrape or live.listen is not None or live.trino is not None:
        replay_live(options, settings, name, prometheus, live)
        return

    def opened(*_: object) -> Opened:
        change: Callable[[], Change | None] = lambda: None  # noqa: E731 nothing changes what is recorded
        found: Source
        if paths:
            found, place = _files(paths, name, form, time_column), absolute(paths)
        elif prometheus.prometheus is not None:
            found = prometheus.recorded(live.token, name, resume=options.resume)
            place = [prometheus.prometheus, name]
        else:
            made = simulated_source(simulated, name=name, interval=live.seconds, seed=seed)
            found, place = made, ["simulation", name]
            if simulated.truth is not None:
                change = partial(with_truth, made, simulated.truth)
        return Opened(
            source=found, kinds=("platform",), keys=("platform", "platforms"), place=place, change=change
        )

    replay(options, "platform", opened)


def _files(paths: list[str], name: str, form: FormatOptions, time_column: str | None) -> PlatformFiles:
    said = form.format(time_column)
    return PlatformFiles.find(paths, name, said, time=None if said.time_pair else time_column)


def _check(
    paths: list[str] | None, prometheus: PrometheusOptions, live: LiveOptions, simulated: SimulatedOptions
) -> None:
    """Check that one source is asked for.

    Raises
    ------
    typer.BadParameter
        If none is, or several are, or an option belongs to another one.
    """
    asked = (paths, prometheus.prometheus, live.scrape, live.listen, live.trino, simulated.simulate)
    if sum(map(bool, asked)) != 1:
        raise typer.BadParameter(
            "give files to replay, or --prometheus, --scrape, --listen, --trino or --simulate; one of them"
        )
    if prometheus.stray is not None:
        raise typer.BadParameter(f"{prometheus.stray} belongs to --prometheus")


def _platform_of(settings: Settings, topic: str) -> str:
    """Return the platform of events that name none, as the stream that reads the topic has it."""
    prefixed = Topics(settings.prefix)
    for name, stream in PLATFORM.streams(settings).items():
        if input_topic(stream, prefixed) == topic:
            return stream.platform or name
    return "platform"


def simulated_source(
    asked: SimulatedOptions, *, name: str | None = None, interval: float = 15.0, seed: int = 0
) -> SimulatedPlatformSource:
    """Make the simulation that is asked for.

    Parameters
    ----------
    asked : SimulatedOptions
    name : str or None
        Of the platform.
    interval : float
        Seconds between two scrapes of a node.
    seed : int
        Of the simulation.

    Raises
    ------
    SettingsError
        If an option makes no sense.
    """
    if asked.days is not None and not 0.0 < asked.days < float("inf"):
        raise SettingsError("--days: a finite number above 0")
    if not 1.0 <= interval <= 60.0:
        raise SettingsError("--interval: from 1 to 60 seconds")
    try:
        simulated = SimulatedPlatform(
            name=name or "platform",
            workers=asked.workers,
            load=cast("Load", asked.load),
            scrapes=round(60.0 / interval),
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
