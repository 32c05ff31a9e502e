"""One incident: its alerts on a time line, what is to blame, from what to what, and what people say about it."""

import math
import time
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from stream_app.dashboard.charts import drawn, happened
from stream_app.dashboard.page import Page, View
from stream_app.dashboard.pages.incidents import as_row
from stream_app.dashboard.snapshot import Snapshot
from stream_app.errors import DataError, StreamgaugeError
from stream_app.events import Alert
from stream_app.events.audit import AuditKind
from stream_app.store import History, IncidentReader, IncidentStatus

__all__ = ["PAGE"]

_WORDS = {
    "acknowledge": AuditKind.ACKNOWLEDGED,
    "mute": AuditKind.MUTED,
    "unmute": AuditKind.UNMUTED,
    "false": AuditKind.FALSE_ALARM,
    "real": AuditKind.REAL,
}
"""What people may say, by the word of the button."""

_ALERTS = 200
_BLAMED = 4
"""Channels that are drawn, those that are most to blame."""
_LEAST_AROUND = 300.0
"""Seconds that are drawn before and after an incident, at least."""
_COMMENT = 1000
_LONGEST_MUTE = 366 * 86_400.0


class Case(ui.element, component="incident.js"):
    """An incident, read anew whenever it has changed."""

    def __init__(self, view: View, incident_id: str) -> None:
        super().__init__()
        self._view, self._id = view, incident_id
        self._reader = IncidentReader(view.store)
        self._known: IncidentStatus | None = None
        self._props["actions"] = view.actions
        self._props["news"] = {"state": "loading"}
        self.on("say", self._say)
        view.on_news(self._look)

    def _look(self, snapshot: Snapshot) -> None:
        found = next((one for one in snapshot.incidents if one.incident.id == self._id), None)
        if not snapshot.problem and (
            self._props["news"]["state"] == "loading" or found not in {None, self._known}
        ):
            ui.timer(0.0, self.read, once=True)

    async def read(self) -> None:
        """Read the incident with its alerts."""
        try:
            answer = await self._reader.show(self._id)
        except StreamgaugeError as error:
            # Where Redis is away the head of the page says so, and what was read before stays.
            if self._props["news"]["state"] != "there":
                self._tell({"state": "loading", "problem": str(error)})
            return
        if answer is None:
            self._tell({"state": "none", "id": self._id[:64]})
            return
        status, alerts = answer
        self._known = status
        members = sorted(alerts, key=lambda alert: (alert.started_at, alert.id))
        news = {"state": "there", **as_row(status), "members": [_member(one) for one in members[:_ALERTS]]}
        news["precision"] = await self._precision(status)
        self._tell(news | {"chart": await self._chart(status, members)})

    async def _precision(self, status: IncidentStatus) -> list[dict[str, Any]]:
        """Return how often what found it was right in its stream, as people said."""
        names = {detector for detector, _ in status.incident.found_by}
        return [
            {
                "detector": one.detector,
                "real": one.real,
                "of": one.real + one.false,
                "low": one.low,
                "high": one.high,
            }
            for one in await self._view.load(self._reader.detector_precisions()) or ()
            if one.stream == status.incident.stream and one.detector in names
        ]

    async def _chart(self, status: IncidentStatus, members: list[Alert]) -> dict[str, Any] | None:
        """Return the blamed channels over their usual band, from some time before it on; None where there is no history."""
        case = status.incident
        whole = await self._view.load(
            History(self._view.store).read(case.stream, case.source, points=100_000)
        )
        blamed = [name for name, _ in case.channels if whole is not None and name in whole.channels]
        if whole is None or not blamed:
            return None
        last = float(whole.time[-1] + whole.width[-1])
        until = last if case.firing else case.changed_at
        around = max(0.5 * (until - case.started_at), _LEAST_AROUND)
        units = getattr(self._view.settings.streams.get(case.stream), "units", {})
        begin, end = case.started_at - around, min(until + around, max(last, until))
        others = [one for one in self._view.snapshot.incidents if one.incident.source == case.source]
        shown = drawn(whole, begin, end, incidents=[*others, status], units=units, only=blamed[:_BLAMED])
        said = _usual(members)
        for one in shown["channels"]:
            one["usual"] = said.get(one["name"], one["usual"])
        return {**shown, **happened([status], members)}

    def _tell(self, news: dict[str, Any]) -> None:
        if self._props["news"] != news:
            self._props["news"] = news
            self.update()

    async def _say(self, event: GenericEventArguments) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        done = await self._view.load(self._said(said))
        if done:
            ui.notify(done, type="positive")
            await self.read()
            self._view.feed.hurry()

    async def _said(self, said: dict[str, Any]) -> str:
        self._view.may_act()
        what = _WORDS.get(str(said.get("what")))
        if what is None or self._known is None:
            raise DataError("there is nothing that could be said so")
        by = str(said.get("by") or "").strip()[:100]
        if not by:
            raise DataError("say who you are: others read it")
        now, seconds = time.time(), said.get("seconds")
        until = None
        if what is AuditKind.MUTED and isinstance(seconds, int | float) and math.isfinite(seconds):
            until = now + min(max(seconds, 0.0), _LONGEST_MUTE)
        comment = str(said.get("comment") or "").strip()[:_COMMENT]
        await self._reader.say(self._known.incident, what, by=by, at=now, comment=comment, until=until)
        return {
            AuditKind.ACKNOWLEDGED: "Acknowledged",
            AuditKind.MUTED: "Muted",
            AuditKind.UNMUTED: "No longer muted",
            AuditKind.FALSE_ALARM: "Noted as a false alarm",
            AuditKind.REAL: "Noted as real",
        }[what]


def _usual(members: list[Alert]) -> dict[str, list[float]]:
    """Return the usual bands that alerts name, by channel: what a detector has learned is better than what is kept."""
    bands: dict[str, list[float]] = {}
    for alert in members:
        named = alert.contributions[0][0] if alert.channel == "*" and alert.contributions else alert.channel
        band = [alert.context.get(name, math.nan) for name in ("usual_low", "usual_high")]
        if all(map(math.isfinite, band)):
            bands.setdefault(named, band)
    return bands


def _member(alert: Alert) -> dict[str, Any]:
    context = {name: value for name, value in alert.context.items() if math.isfinite(value)}
    return {
        "id": alert.id,
        "kind": alert.kind,
        "detector": alert.detector,
        "channel": alert.channel,
        "severity": alert.severity.value,
        "began": alert.started_at,
        "ended": alert.ended_at,
        "summary": alert.summary,
        "statistic": alert.statistic if math.isfinite(alert.statistic) else None,
        "threshold": alert.threshold if math.isfinite(alert.threshold) else None,
        "reference": alert.reference,
        "contributions": [list(pair) for pair in alert.contributions[:8]],
        "explanation": alert.explanation,
        "context": context,
        "excerpt": None if alert.excerpt is None else alert.excerpt.model_dump(mode="json"),
        "partition": alert.partition,
        "offset": alert.offset,
    }


async def _build(view: View) -> None:
    case = Case(view, view.path["incident_id"])
    await view.soon(case.read())


PAGE = Page("/incidents/{incident_id}", "Incident", _build, menu=False)
