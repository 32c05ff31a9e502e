"""``streamgauge features``: query live features."""

import asyncio
import difflib
import json as json_module
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.show import console, instant, printable
from stream_app.errors import StoreError
from stream_app.settings import Settings
from stream_app.store import FeatureReader, FeatureRow

__all__ = ["features_app", "features_table"]

features_app = typer.Typer(help="Query live features.", no_args_is_help=True)

_SEARCHED = 10_000
_WHOLE_SOURCE = ("anomaly.", "drift.")
_COLUMNS = ("mean", "std", "min", "max", "last", "slope")
"""Statistics that fit beside each other on a terminal of 80 columns; `--json` and `--feature` have all of them."""
_NO_VALUE = "missing"

EntityArgument = Annotated[str, typer.Argument(metavar="ENTITY", help="Whose: the source of the events.")]
ViewOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The view: the name of a stream; else the only one.", show_default=False
    ),
]
FeatureOption = Annotated[
    list[str] | None,
    typer.Option(
        "--feature", "-f", metavar="NAME", help="Only this one; may be repeated.", show_default=False
    ),
]


async def _reader(settings: Settings, view: str, stack: AsyncExitStack) -> FeatureReader:
    reader = FeatureReader(await store_of(settings, stack), view)
    # The store may hold views of other settings: the demo's, say.
    if view not in settings.streams and not await reader.entities(limit=1):
        raise typer.BadParameter(f"no view {view!r}; {_nearest(view, settings.streams)}", param_hint="--view")
    return reader


def _view(settings: Settings, view: str | None) -> str:
    views = list(settings.streams)
    if view is None and len(views) != 1:
        raise typer.BadParameter(f"name one of the views: {', '.join(views)}", param_hint="--view")
    return view or views[0]


def _nearest(name: str, names: Iterable[str]) -> str:
    """Say what was meant, perhaps; else what there is."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there is {', '.join(known[:20])}{', …' if len(known) > 20 else ''}"


async def _row(reader: FeatureReader, entity: str, features: Sequence[str]) -> FeatureRow:
    """Read the features of an entity, all or those that are named."""
    row = await reader.get(entity)
    if row is None:
        entities = [name for name, _ in await reader.entities(limit=_SEARCHED)]
        hint = _nearest(entity, entities) if entities else "there are none of any entity yet"
        raise StoreError(f"no features of {entity!r}; {hint}")
    for name in features:
        if name not in row.values:
            raise StoreError(f"{entity} has no feature {name!r}; {_nearest(name, row.values)}")
    return replace(row, values={name: row.values[name] for name in features}) if features else row


def features_table(row: FeatureRow, statistics: Sequence[str] = _COLUMNS) -> Table:
    """Make a table of the features of one source: a line a channel, a column a statistic."""
    channels: dict[str, dict[str, float | None]] = {}
    for name, value in row.values.items():
        channel, _, statistic = name.rpartition(".")
        channels.setdefault(channel, {})[statistic] = value
    channels = {channel: found for channel, found in channels.items() if "mean" in found}
    if any(found.get(_NO_VALUE) for found in channels.values()):
        statistics = (*statistics, _NO_VALUE)
    table = Table(box=None, pad_edge=False)
    table.add_column("channel", overflow="fold")
    for statistic in statistics:
        table.add_column(statistic, justify="right", no_wrap=True)
    for channel, found in channels.items():
        table.add_row(Text(printable(channel)), *(_number(found.get(statistic)) for statistic in statistics))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _shown(row: FeatureRow, *, chosen: bool) -> Group:
    age = max(0.0, time.time() - row.written_ts)
    head = f"{printable(row.entity)}: event of {instant(row.event_ts)}, written {age:.1f} s ago"
    names = [name for name in row.values if chosen or "." not in name or name.startswith(_WHOLE_SOURCE)]
    lines = [Text(f"{printable(name)}  {_number(row.values[name])}") for name in names]
    return Group(Text(head), *([] if chosen else [features_table(row)]), *lines)


def _json(row: FeatureRow) -> str:
    return json_module.dumps(
        {
            "entity": row.entity,
            "event_ts": row.event_ts,
            "written_ts": row.written_ts,
            "offset": row.offset,
            "values": dict(row.values),
        }
    )


@features_app.command()
def get(
    entity: EntityArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    feature: FeatureOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Print the live features of one entity.

    The table holds the usual statistics; --json and --feature have all of them, such as flow.q95.
    """
    settings = settings_of(config, redis=redis)
    view = _view(settings, view)

    async def work() -> FeatureRow:
        async with AsyncExitStack() as stack:
            return await _row(await _reader(settings, view, stack), entity, feature or ())

    row = run(work())
    if json:
        typer.echo(_json(row))
    else:
        console.print(_shown(row, chosen=bool(feature)), soft_wrap=not console.is_terminal)


@features_app.command()
def watch(
    entity: EntityArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    feature: FeatureOption = None,
    interval: Annotated[float, typer.Option(metavar="SECONDS", min=0.05, help="Between two looks.")] = 1.0,
    *,
    json: JsonOption = False,
) -> None:
    """Show the live features of one entity, again and again.

    With --json, or where the output is not a terminal, once for each change. Ctrl-C ends it, with exit code 0.
    """
    settings = settings_of(config, redis=redis)
    view = _view(settings, view)
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not json else None

    async def work() -> None:
        offset = None
        async with AsyncExitStack() as stack:
            reader = await _reader(settings, view, stack)
            while True:
                row = await _row(reader, entity, feature or ())
                if live is not None:
                    live.update(_shown(row, chosen=bool(feature)), refresh=True)
                elif row.offset != offset:
                    if json:
                        typer.echo(_json(row))
                    else:
                        console.print(_shown(row, chosen=bool(feature)), soft_wrap=True)
                offset = row.offset
                await asyncio.sleep(interval)

    try:
        with live or nullcontext():
            run(work())
    except KeyboardInterrupt:
        return


@features_app.command("list")
def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="At most so many.")] = 100,
    *,
    json: JsonOption = False,
) -> None:
    """List the entities with the newest events."""
    settings = settings_of(config, redis=redis)
    view = _view(settings, view)

    async def work() -> list[tuple[str, float]]:
        async with AsyncExitStack() as stack:
            return await (await _reader(settings, view, stack)).entities(limit=limit)

    entities = run(work())
    for name, event_ts in entities:
        if json:
            typer.echo(json_module.dumps({"entity": name, "event_ts": event_ts}))
        else:
            console.print(f"{instant(event_ts)}  {printable(name)}", markup=False, soft_wrap=True)
    if not entities and not json:
        console.print(f"No entity of the view {view} has features yet.", markup=False)
