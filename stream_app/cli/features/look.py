"""``streamgauge features get``, ``watch`` and ``list``: of sensors' sources and of entities of sessions alike."""

import asyncio
import json as json_module
from collections.abc import Hashable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import typer
from rich.console import Group
from rich.live import Live

from stream_app.cli.features.app import EntityArgument, FeatureOption, ViewOption, command, view_names
from stream_app.cli.features.sensors import sensor_json, sensor_reader, sensor_row, sensor_shown
from stream_app.cli.features.sessions import session_entities, session_json, session_row, session_shown
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant
from stream_app.events import parse_event_time
from stream_app.kinds import kind_of
from stream_app.settings import Settings
from stream_app.store import FeatureLookup, FeatureReader, FeatureRow, Store, run_query

__all__ = ["AtOption", "get", "instant_of", "list_", "watch"]

_GET = """
Examples:

streamgauge features get pump-1

streamgauge features get 17850 --view purchases -f spent_30m

streamgauge features get 17850 --view purchases:v2 --at 2011-12-09T12:50:00Z --json
"""
_WATCH = """
Examples:

streamgauge features watch pump-1 -f flow.q95

streamgauge features watch 17850 --view purchases --json
"""
_LIST = """
Examples:

streamgauge features list

streamgauge features list --view purchases:v2 -n 10
"""

AtOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Instant of the features: epoch seconds or RFC 3339; by default now.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of an entity: as lines, as JSON, and what tells it from what was known before."""

    lines: Group
    json: str
    told: Hashable


class Looked(Protocol):
    """A view that was found."""

    async def row(self, entity: str) -> Shown:
        """Look an entity up."""

    async def entities(self, limit: int) -> list[tuple[str, float]]:
        """Return those with the newest events."""


@dataclass(frozen=True, slots=True)
class _Sensors:
    reader: FeatureReader
    features: tuple[str, ...]

    async def row(self, entity: str) -> Shown:
        row: FeatureRow = await sensor_row(self.reader, entity, self.features)
        return Shown(sensor_shown(row, chosen=bool(self.features)), sensor_json(row), row.offset)

    async def entities(self, limit: int) -> list[tuple[str, float]]:
        return await self.reader.entities(limit=limit)


@dataclass(frozen=True, slots=True)
class _Sessions:
    store: Store
    lookup: FeatureLookup
    view: str
    features: tuple[str, ...]
    at: float | None

    async def row(self, entity: str) -> Shown:
        row: dict[str, Any] = await session_row(
            self.store, self.lookup, self.view, entity, self.features, self.at
        )
        told = (row["view"], row["event_ts"], row["status"], tuple(row["values"].items()))
        return Shown(session_shown(row), session_json(row), told)

    async def entities(self, limit: int) -> list[tuple[str, float]]:
        return await session_entities(self.store, self.lookup, self.view, limit)


def _view(settings: Settings, view: str | None) -> str:
    sources = [name for name, one in settings.streams.items() if kind_of(one).features == "source"]
    views = [*sources, *view_names(settings)]
    # These are watched where nothing is set; they need not be meant.
    likely = [one for one in views if one not in {"images", "predictions"}] or views
    if view is None and len(likely) != 1:
        raise typer.BadParameter(f"name one of the views: {', '.join(views)}", param_hint="--view")
    return view or likely[0]


async def _look(
    settings: Settings, view: str, features: list[str] | None, at: float | None, stack: AsyncExitStack
) -> Looked:
    store, chosen = await store_of(settings, stack), tuple(features or ())
    name = view.partition(":")[0].partition("@")[0]
    lookup = FeatureLookup(store.keys)
    stream = settings.streams.get(name)
    sensors = stream is not None and kind_of(stream).features == "source"
    if not sensors:
        # The store may hold views of other settings; only where it does not know one, it is of sensors.
        found = await run_query(store, lookup.views(), "reading feature views")
        known = {one.view.name for one in found} | set(view_names(settings))
        sensors = name not in known and name == view
    if not sensors:
        return _Sessions(store, lookup, view, chosen, at)
    reader = await sensor_reader(settings, view, store)
    if at is not None:
        raise typer.BadParameter(f"{view} is of sources, whose features are of now only", param_hint="--at")
    return _Sensors(reader, chosen)


def instant_of(at: str | None) -> float | None:
    """Read an instant of the command line.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    if at is None:
        return None
    try:
        return parse_event_time(float(at) if at.replace(".", "", 1).isdigit() else at)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from None


@command(examples=_GET)
def get(
    entity: EntityArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    feature: FeatureOption = None,
    at: AtOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Print the live features of one entity.

    The table of a sensor's source holds the usual statistics; --json and --feature have all of them, such as flow.q95.
    """
    settings = settings_of(config, redis=redis)
    view, moment = _view(settings, view), instant_of(at)

    async def work() -> Shown:
        async with AsyncExitStack() as stack:
            return await (await _look(settings, view, feature, moment, stack)).row(entity)

    row = run(work())
    if json:
        typer.echo(row.json)
    else:
        console.print(row.lines, soft_wrap=not console.is_terminal)


@command(examples=_WATCH)
def watch(
    entity: EntityArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    feature: FeatureOption = None,
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.05, help="Time between two reads.")
    ] = 1.0,
    *,
    json: JsonOption = False,
) -> None:
    """Show the live features of one entity, and refresh them.

    With --json, or where the output is not a terminal, once for each change; features of sessions change as time passes,
    too. Ctrl-C ends it, with exit code 0.
    """
    settings = settings_of(config, redis=redis)
    view = _view(settings, view)
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not json else None

    async def work() -> None:
        told = None
        async with AsyncExitStack() as stack:
            looked = await _look(settings, view, feature, None, stack)
            while True:
                row = await looked.row(entity)
                if live is not None:
                    live.update(row.lines, refresh=True)
                elif row.told != told:
                    if json:
                        typer.echo(row.json)
                    else:
                        console.print(row.lines, soft_wrap=True)
                told = row.told
                await asyncio.sleep(interval)

    try:
        with live or nullcontext():
            run(work())
    except KeyboardInterrupt:
        return


@command("list", examples=_LIST)
def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="Most entities to list.")
    ] = 100,
    *,
    json: JsonOption = False,
) -> None:
    """List the entities with the newest events."""
    settings = settings_of(config, redis=redis)
    view = _view(settings, view)

    async def work() -> list[tuple[str, float]]:
        async with AsyncExitStack() as stack:
            return await (await _look(settings, view, None, None, stack)).entities(limit)

    entities = run(work())
    for name, event_ts in entities:
        if json:
            typer.echo(json_module.dumps({"entity": name, "event_ts": event_ts}))
        else:
            console.print(f"{instant(event_ts)}  {printable(name)}", markup=False, soft_wrap=True)
    if not entities and not json:
        console.print(f"No entity of the view {view} has features yet.", markup=False)
