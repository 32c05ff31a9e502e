"""One source: each channel over its usual band, the score, alarms and changes, from a minute to weeks."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from nicegui import ui
from nicegui.events import GenericEventArguments

from stream_app.dashboard.page import Page, View
from stream_app.dashboard.snapshot import Snapshot
from stream_app.errors import StreamgaugeError
from stream_app.events import Alert
from stream_app.store import FeatureReader, FeatureRow, History, IncidentReader, IncidentStatus, Series

__all__ = ["PAGE"]

_POINTS = 400
"""Most points of a chart: about one for two or three pixels."""
_LEAST_POINTS = 60
_EVERY_SECONDS = 5.0
"""Width of the shortest buckets of a history: more often nothing is new."""
_USUAL = (0.01, 0.99)
_LEAST_USUAL = 20
"""Points outside of incidents that a usual band needs."""
_CHANNELS = 64
_INCIDENTS = 40
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class _Range:
    """What somebody wants to see: a length before the newest event, or a time; all that is kept where nothing is said."""

    span: float | None = 3600.0
    begin: float | None = None
    end: float | None = None


class Charts(ui.element, component="source.js"):
    """Charts of a source, read anew as its events come."""

    def __init__(self, view: View, stream: str, source: str) -> None:
        super().__init__()
        self._view, self._key = view, (stream, source)
        self._range = _Range()
        self._read_at = 0.0
        self._reading = self._due = False
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
        self._due = True
        if self._reading:
            # Whoever reads does so once more.
            return
        self._reading = True
        try:
            while self._due:
                self._due = False
                self._show(await self._read())
                self._read_at = time.monotonic()
        except StreamgaugeError as error:
            if self._props["news"]["state"] == "loading":
                self._show({"state": "loading", "problem": str(error)})
        finally:
            self._reading = False

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
        return {
            "state": "there",
            "stream": stream,
            "source": source,
            "severity": max(
                (one.severity for one in mine if one.incident.firing), key=lambda s: s.rank, default="fine"
            ),
            "live": None if row is None else _live(row, getattr(settings, "warmup", None)),
            "incidents": [_incident(one) for one in mine[::-1]],
            "marks": [_mark(alert) for alert in self._alerts if alert.kind in {"drift", "changepoint"}],
            **_charts(whole, self._range, mine, getattr(settings, "units", {}), row),
        }


def _charts(
    whole: Series,
    asked: _Range,
    incidents: list[IncidentStatus],
    units: dict[str, str],
    row: FeatureRow | None,
) -> dict[str, Any]:
    """Return what the charts draw."""
    if not len(whole):
        return {"time": [], "channels": [], "score": [], "begin": 0.0, "end": 0.0, "kept": [0.0, 0.0]}
    first, last = float(whole.time[0]), float(whole.time[-1] + whole.width[-1])
    begin, end = first, last
    if asked.begin is not None and asked.end is not None:
        begin, end = asked.begin, asked.end
    elif asked.span is not None:
        begin = max(first, last - asked.span)
    quiet = np.ones(len(whole), bool)
    for one in incidents:
        until = math.inf if one.incident.firing else one.incident.changed_at
        quiet &= (whole.time + whole.width < one.incident.started_at) | (whole.time > until)
    drawn = _even(whole.between(begin, end))
    values = {} if row is None else row.values
    channels = [
        {
            "name": name,
            "unit": units.get(name, ""),
            "mean": _list(drawn.mean[:, i]),
            "min": _list(drawn.min[:, i]),
            "max": _list(drawn.max[:, i]),
            "usual": _usual(whole, i, quiet),
            "last": values.get(f"{name}.last"),
        }
        for i, name in enumerate(whole.channels[:_CHANNELS])
    ]
    return {
        "time": (drawn.time + drawn.width / 2.0).tolist(),
        "width": drawn.width.tolist(),
        "channels": channels,
        "score": _list(drawn.score),
        "begin": begin,
        "end": end,
        "kept": [first, last],
    }


def _even(part: Series) -> Series:
    """Return points of about one width: older ones stand for more, and the newest would look as if they varied more."""
    if not len(part):
        return part
    length = float(part.time[-1] + part.width[-1] - part.time[0])
    return part.thinned(int(min(max(length / float(part.width.max()), _LEAST_POINTS), _POINTS)))


def _usual(whole: Series, channel: int, quiet: Any) -> list[float] | None:
    """Return the band in which nearly all is that is kept and outside of incidents."""
    low, high = whole.min[quiet, channel], whole.max[quiet, channel]
    low, high = low[np.isfinite(low)], high[np.isfinite(high)]
    if len(low) < _LEAST_USUAL:
        return None
    return [float(np.quantile(low, _USUAL[0])), float(np.quantile(high, _USUAL[1]))]


def _list(values: Any) -> list[float | None]:
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]


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


def _incident(status: IncidentStatus) -> dict[str, Any]:
    case = status.incident
    return {
        "id": case.id,
        "begin": case.started_at,
        "end": None if case.firing else case.changed_at,
        "severity": status.severity.value,
        "summary": case.summary,
        "channels": [channel for channel, _ in case.channels],
    }


def _mark(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "at": alert.started_at,
        "channel": alert.channel,
        "summary": alert.summary,
        "kind": alert.kind,
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


async def _build(view: View) -> None:
    charts = Charts(view, view.query.get("stream", "")[:256], view.query.get("name", "")[:256])
    await charts.read()


PAGE = Page("/source", "Source", _build, menu=False)
