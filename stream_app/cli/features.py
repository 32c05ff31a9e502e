"""``streamgauge features``: query live features."""

import json as json_module
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from rich.table import Table

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of
from stream_app.cli.show import console, instant
from stream_app.errors import SettingsError, StoreError
from stream_app.settings import Settings
from stream_app.store import FeatureReader, FeatureRow, connect

__all__ = ["features_app", "features_table"]

features_app = typer.Typer(help="Query live features.", no_args_is_help=True)

ViewOption = Annotated[
    str | None, typer.Option(help="The view: the name of a stream; else the only one.", show_default=False)
]


async def _reader(settings: Settings, view: str | None, stack: AsyncExitStack) -> FeatureReader:
    if not settings.redis.url.get_secret_value():
        raise SettingsError("no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or --redis")
    views = list(settings.streams)
    if view is None and len(views) != 1:
        raise SettingsError(f"name one of the views with --view: {', '.join(views)}")
    if view is not None and view not in views:
        raise SettingsError(f"no view {view!r}; there are {', '.join(views)}")
    store = await connect(settings.redis)
    stack.push_async_callback(store.close)
    return FeatureReader(store, view or views[0])


def features_table(row: FeatureRow, statistics: Sequence[str] = ()) -> Table:
    """Make a table of the features of one source: a line a channel, a column a statistic; all where none is named."""
    channels: dict[str, dict[str, float | None]] = {}
    for name, value in row.values.items():
        channel, _, statistic = name.rpartition(".")
        channels.setdefault(channel, {})[statistic] = value
    per_channel = {channel: found for channel, found in channels.items() if "mean" in found}
    table = Table(box=None, pad_edge=False)
    table.add_column("channel", no_wrap=True)
    statistics = statistics or list(next(iter(per_channel.values()), {}))
    for statistic in statistics:
        table.add_column(statistic, justify="right")
    for channel, found in per_channel.items():
        table.add_row(channel, *(_number(found.get(statistic)) for statistic in statistics))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


@features_app.command()
def get(
    entity: Annotated[str, typer.Argument(help="Whose: the source of the events.")],
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", "-f", help="Only this one; may be repeated.", show_default=False),
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Print the live features of one entity."""

    async def work() -> FeatureRow:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings_of(config, redis=redis), view, stack)
            row = await reader.get(entity)
            if row is None:
                raise StoreError(f"no features of {entity!r}; `streamgauge features list` shows the entities")
            return row

    row = run(work())
    if feature:
        unknown = [name for name in feature if name not in row.values]
        if unknown:
            raise SettingsError(
                f"{entity} has no feature {', '.join(unknown)}; there are {', '.join(row.values)}"
            )
        row = FeatureRow(
            row.entity, row.offset, row.event_ts, row.written_ts, {n: row.values[n] for n in feature}
        )
    if json:
        typer.echo(
            json_module.dumps(
                {
                    "entity": row.entity,
                    "event_ts": row.event_ts,
                    "written_ts": row.written_ts,
                    "offset": row.offset,
                    "values": dict(row.values),
                }
            )
        )
        return
    age = time.time() - row.written_ts
    console.print(f"{entity}: event of {instant(row.event_ts)}, written {age:.1f} s ago")
    if not feature:
        console.print(features_table(row))
    for name, value in row.values.items():
        if feature or "." not in name or name.startswith(("anomaly.", "drift.")):
            console.print(f"{name}  {_number(value)}", markup=False)


@features_app.command("list")
def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    view: ViewOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 100,
    *,
    json: JsonOption = False,
) -> None:
    """List the entities with the newest events."""

    async def work() -> list[tuple[str, float]]:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings_of(config, redis=redis), view, stack)
            return await reader.entities(limit=limit)

    for name, event_ts in run(work()):
        if json:
            typer.echo(json_module.dumps({"entity": name, "event_ts": event_ts}))
        else:
            console.print(f"{instant(event_ts)}  {name}", markup=False, soft_wrap=True)
