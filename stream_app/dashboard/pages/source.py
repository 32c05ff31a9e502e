"""One source: each channel over its usual band, the score, alarms and changes, from a minute to weeks."""

import math
import time
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from stream_app.dashboard.charts import drawn, happened
from stream_app.dashboard.page import OneAtATime, Page, View
from stream_app.dashboard.snapshot import Snapshot
from stream_app.errors import StreamgaugeError
from stream_app.events import Alert
from stream_app.store import FeatureReader, FeatureRow, History, IncidentReader, IncidentStatus, Series

__all__ = ["PAGE"]

_EVERY_SECONDS = 5.0
"""Width of the shortest buckets of a history: more often nothing is new."""
_INCIDENTS = 40


@dataclass(frozen=True, slots=True)
class _Range:
    """What somebody wants to see: a length before the newest event, or a time; all that is kept where nothing is said."""

    span: float | None = 3600.0
    begin: float | None = None
    end: float | None = None

    def of(self, whole: Series) -> tuple[float, float]:
        """Return the beginning and the end in a history."""
        if self.begin is not None and self.end is not None:
            return self.begin, self.end
        if not len(whole):
            return 0.0, 0.0
        first, last = float(whole.time[0]), float(whole.time[-1] + whole.width[-1])
        return first if self.span is None else max(first, last - self.span), last


class Charts(ui.element, component="source.js"):
    """Charts of a source, read anew as its events come."""

    def __init__(self, view: View, stream: str, source: str) -> None:
        super().__init__()
        self._view, self._key = view, (stream, source)
        self._range = _Range()
        self._read_at = 0.0
        self._refresh = OneAtATime(self._read_once)
        self._known: list[IncidentStatus] = []
        self._alerts: list[Alert] = []
        self._props["news"] = {"state": "loading"}
        self.on("ask", self._ask)
        view.on_news(self._look, lambda: [self._key])

    async def _ask(self, event: GenericEventArguments) -> None:
        asked = event.args if isinstance(event.args, dict) else {}
        begin, end, span = (_number(asked.get(name)) for name in ("begin", "end", "span"))
        known = begin is not None and end is not None and begin < end
        self._range = _Range(None, begin, end) if known else _Range(span if span and span > 0.0 else None)
        await self.read()

    def _look(self, snapshot: Snapshot) -> None:
        mine = self._mine(snapshot)
        due = time.monotonic() - self._read_at >= _EVERY_SECONDS and self._range.end is None
        if not snapshot.problem and (due or mine != self._known or self._props["news"]["state"] == "loading"):
            ui.timer(0.0, self.read, once=True)

    def _mine(self, snapshot: Snapshot) -> list[IncidentStatus]:
        mine = [one for one in snapshot.incidents if (one.incident.stream, one.incident.source) == self._key]
        return mine[-_INCIDENTS:]

    async def read(self) -> None:
        """Read what is drawn, and show it; where Redis is away, the head of the page says so."""
        try:
            await self._refresh()
        except StreamgaugeError as error:
            if self._props["news"]["state"] == "loading":
                self._show({"state": "loading", "problem": str(error)})

    async def _read_once(self) -> None:
        self._show(await self._read())
        self._read_at = time.monotonic()

    def _show(self, news: dict[str, Any]) -> None:
        if self._props["news"] != news:
            self._props["news"] = news
            self.update()

    async def _read(self) -> dict[str, Any]:
        stream, source = self._key
        row = await FeatureReader(self._view.store, stream).get(source)
        whole = await History(self._view.store).read(stream, source, points=100_000)
        mine = self._mine(self._view.snapshot)
        if mine != self._known or not self._alerts:
            reader = IncidentReader(self._view.store)
            self._alerts = [alert for one in mine for alert in await reader.alerts_of(one.incident.id)]
            self._known = mine
        if row is None and not len(whole) and not mine:
            return {"state": "none", "stream": stream, "source": source}
        settings = self._view.settings.streams.get(stream)
        units = getattr(settings, "units", {})
        begin, end = self._range.of(whole)
        shown = drawn(whole, begin, end, incidents=mine, units=units)
        for one in shown["channels"]:
            one["last"] = None if row is None else row.values.get(f"{one['name']}.last")
        return {
            "state": "there",
            "stream": stream,
            "source": source,
            "severity": max(
                (one.severity for one in mine if one.incident.firing), key=lambda s: s.rank, default="fine"
            ),
            "live": None if row is None else _live(row, getattr(settings, "warmup", None)),
            "kept": [float(whole.time[0]), float(whole.time[-1] + whole.width[-1])]
            if len(whole)
            else [0.0, 0.0],
            **happened(mine, self._alerts),
            **shown,
        }


def _live(row: FeatureRow, warmup: int | None) -> dict[str, Any]:
    left = row.values.get("anomaly.warmup_left") or 0.0
    return {
        "event": row.event_ts,
        "written": row.written_ts,
        "events": row.values.get("events"),
        "learning": left,
        "warmup": max(float(warmup or 0), left),
        "score": row.values.get("anomaly.score"),
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


async def _build(view: View) -> None:
    charts = Charts(view, view.query.get("stream", "")[:256], view.query.get("name", "")[:256])
    await view.soon(charts.read())


PAGE = Page("/source", "Source", _build, menu=False)
