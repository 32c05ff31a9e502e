"""Live features of entities of sessions: looked up, and as lines."""

import json as json_module
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from stream_app.cli.features.app import nearest
from stream_app.cli.printable import printable
from stream_app.cli.show import columns, instant
from stream_app.errors import StoreError
from stream_app.store import FeatureLookup, Store, run_query

__all__ = ["session_entities", "session_json", "session_row", "session_shown"]

_SEARCHED = 10_000


async def session_row(
    store: Store, lookup: FeatureLookup, view: str, entity: str, features: Sequence[str], at: float | None
) -> dict[str, Any]:
    """Read the features of an entity, all or those that are named.

    Raises
    ------
    UnknownFeatureError
        If there is no such view or feature; it names those that come nearest.
    StoreError
        If nothing is known of the entity.
    """
    asked = [f"{view}:{name}" for name in features or ("*",)]
    found = await run_query(store, lookup.online(asked, [entity], at, now=time.time()), "reading features")
    row = found.of_one()
    if row["event_ts"] is None and not row["incomplete"]:
        names = [name for name, _ in await session_entities(store, lookup, view, _SEARCHED)]
        others = [name for name in names if name != entity]
        hint = nearest(entity, others) if others else "there are none of any entity yet"
        if entity in names:
            hint = f"nothing came before {instant(row['at'])}, or too long before"
        raise StoreError(f"no features of {entity!r} in {row['view']}; {hint}")
    return row


async def session_entities(
    store: Store, lookup: FeatureLookup, view: str, limit: int
) -> list[tuple[str, float]]:
    """Read which entities have the newest events, and when."""
    return await run_query(store, lookup.entities(view, limit), "listing entities")


def session_shown(row: dict[str, Any]) -> Group:
    """Show a row: what is known of the entity, then a line a feature."""
    head = f"{printable(row['entity'])} in {row['view']}"
    if row["event_ts"] is not None:
        head = f"{head}: {row['status']}, event of {instant(row['event_ts'])}, {_ago(row['age'])} before {instant(row['at'])}"
    lines = [
        (name, _value(value, incomplete=name in row["incomplete"])) for name, value in row["values"].items()
    ]
    return Group(Text(head), *(Text.assemble(*line) for line in columns([("feature", "value"), *lines])))


def _value(value: float | None, *, incomplete: bool) -> str:
    if incomplete:
        return "- (incomplete: its events are not kept any more)"
    return "-" if value is None else f"{value:.10g}"


def _ago(seconds: float) -> str:
    for unit, name in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


def session_json(row: dict[str, Any]) -> str:
    """Write a row as JSON."""
    return json_module.dumps(row)
