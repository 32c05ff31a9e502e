"""*Entities*: features of an entity in a view of sessions, now or at an instant, how fresh they are, and the events behind them."""

import time
from typing import Any

from stream_app.core.features import EntityLog, FeatureView, Layout
from stream_app.dashboard.page import Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, facts, link, n, seconds, select, table
from stream_app.errors import DataError
from stream_app.events import parse_event_time
from stream_app.store import FeatureLogReader, FeatureLookup, run_query

__all__ = ["PAGE"]

_LISTED = 100
_EVENTS = 50
_MARKS = {"fresh": "fine", "stale": "warning", "missing": "info"}


class _Reader:
    """Reads what the page shows."""

    def __init__(self, view: View) -> None:
        self._store = view.store
        self._lookup = FeatureLookup(view.store.keys)

    async def read(self, asked: Asked) -> dict[str, Any]:
        """Return one entity, or those with the newest events."""
        views = [
            one.view for one in await run_query(self._store, self._lookup.views(), "reading feature views")
        ]
        if not views:
            return empty(
                "No feature view yet", "Views are here once a worker reads a stream of the kind sessions."
            )
        chosen = next((one for one in views if one.key == asked["view"]), views[-1])
        tools = [
            select("view", "View", [(one.key, one.key) for one in views[::-1]]),
            {"kind": "search", "name": "entity", "label": "Name"},
            {"kind": "text", "name": "at", "label": "Instant, such as 2026-01-31T10:00:00Z"},
        ]
        name = asked["entity"].strip()
        parts = await self._one(chosen, name, asked["at"]) if name else [await self._newest(chosen)]
        return {"state": "there", "title": name or "Entities", "tools": tools, "parts": parts}

    async def _newest(self, view: FeatureView) -> dict[str, Any]:
        found = await run_query(self._store, self._lookup.entities(view.key, _LISTED), "listing entities")
        rows: list[list[Cell]] = [
            [link("/entities", name, view=view.key, entity=name), {"ts": event_ts}]
            for name, event_ts in found
        ]
        return table(
            "Newest events", (view.entity, "Newest event"), rows, nothing="No entity has features yet."
        )

    async def _one(self, view: FeatureView, name: str, instant: str) -> list[dict[str, Any]]:
        at, now = _instant(instant), time.time()
        found = await run_query(
            self._store, self._lookup.online([f"{view.key}:*"], [name], at, now=now), "reading features"
        )
        row = found.of_one()
        event_ts = row["event_ts"]
        status = str(row["status"])
        known = facts(
            "Known" if at is None else "Known at that instant",
            {
                "State": {"mark": _MARKS.get(status, "info"), "text": status},
                "Newest event": None if event_ts is None else {"ts": event_ts},
                "Age": seconds(row["age"]),
                "At": {"ts": row["at"]},
                "Fresh for": seconds(view.freshness),
            },
        )
        values: list[list[Cell]] = [
            [feature, "its events are not kept any more" if feature in row["incomplete"] else n(value)]
            for feature, value in row["values"].items()
        ]
        return [
            known,
            table("Features", ("Feature", "Value"), values),
            await self._events(view, name, row["at"]),
        ]

    async def _events(self, view: FeatureView, name: str, at: float) -> dict[str, Any]:
        layout = Layout(view)
        (stored,) = await FeatureLogReader(self._store).read(view.key, [name])
        rows: list[list[Cell]] = []
        note = ""
        if stored is not None:
            log = EntityLog.decode(stored.log, layout)
            until = [i for i, ts in enumerate(log.ts) if ts / 1e6 <= at]
            note = f"{len(until):,} are kept one by one; older ones are in totals only."
            rows = [
                [{"ts": log.ts[i] / 1e6}, *(n(column[i]) for column in log.numbers)]
                for i in until[: -_EVENTS - 1 : -1]
            ]
        return table(
            "Events behind them", ("Time", *layout.numbers), rows, note=note, nothing="None is kept."
        )


def _instant(text: str) -> float | None:
    text = text.strip()
    if not text:
        return None
    try:
        return parse_event_time(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise DataError(f"instant: {error}") from None


async def _build(view: View) -> None:
    await Sheet(view, _Reader(view).read, {"view": "", "entity": "", "at": ""}, "Entities").read()


PAGE = Page("/entities", "Entities", _build)
