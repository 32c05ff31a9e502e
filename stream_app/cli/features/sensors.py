"""Live features of sources of readings: looked up, and as a table."""

import json as json_module
import time
from collections.abc import Sequence
from dataclasses import replace

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from stream_app.cli.features.app import nearest
from stream_app.cli.printable import printable
from stream_app.cli.show import instant
from stream_app.errors import StoreError
from stream_app.settings import Settings
from stream_app.store import FeatureReader, FeatureRow, Store

__all__ = ["features_table", "sensor_json", "sensor_reader", "sensor_row", "sensor_shown"]

_SEARCHED = 10_000
_WHOLE_SOURCE = ("anomaly.", "drift.")
_COLUMNS = ("mean", "std", "min", "max", "last", "slope")
"""Statistics that fit beside each other on a terminal of 80 columns; `--json` and `--feature` have all of them."""
_NO_VALUE = "missing"


async def sensor_reader(settings: Settings, view: str, store: Store) -> FeatureReader:
    """Make a reader of a view.

    Raises
    ------
    typer.BadParameter
        If there is no such view.
    """
    reader = FeatureReader(store, view)
    # The store may hold views of other settings: the demo's, say.
    if view not in settings.streams and not await reader.entities(limit=1):
        raise typer.BadParameter(f"no view {view!r}; {nearest(view, settings.streams)}", param_hint="--view")
    return reader


async def sensor_row(reader: FeatureReader, entity: str, features: Sequence[str]) -> FeatureRow:
    """Read the features of an entity, all or those that are named.

    Raises
    ------
    StoreError
        If there is no such entity or feature; it names those that come nearest.
    """
    row = await reader.get(entity)
    if row is None:
        entities = [name for name, _ in await reader.entities(limit=_SEARCHED)]
        hint = nearest(entity, entities) if entities else "there are none of any entity yet"
        raise StoreError(f"no features of {entity!r}; {hint}")
    for name in features:
        if name not in row.values:
            raise StoreError(f"{entity} has no feature {name!r}; {nearest(name, row.values)}")
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


def sensor_shown(row: FeatureRow, *, chosen: bool) -> Group:
    """Show a row: all in a table, or a line each of those that were chosen."""
    age = max(0.0, time.time() - row.written_ts)
    head = f"{printable(row.entity)}: event of {instant(row.event_ts)}, written {age:.1f} s ago"
    # A model has no channels: all of its figures are lines.
    whole = chosen or not any(name.endswith(".mean") for name in row.values)
    names = [name for name in row.values if whole or "." not in name or name.startswith(_WHOLE_SOURCE)]
    lines = [Text(f"{printable(name)}  {_number(row.values[name])}") for name in names]
    return Group(Text(head), *([] if whole else [features_table(row)]), *lines)


def sensor_json(row: FeatureRow) -> str:
    """Write a row as JSON."""
    return json_module.dumps(
        {
            "entity": row.entity,
            "event_ts": row.event_ts,
            "written_ts": row.written_ts,
            "offset": row.offset,
            "values": dict(row.values),
        }
    )
