"""*Incidents*: what fires, and what fired lately, grouped where sources fail together."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
from nicegui import ui
from nicegui.events import GenericEventArguments

from stream_app.dashboard.page import Page, View
from stream_app.dashboard.snapshot import Snapshot
from stream_app.events import Severity
from stream_app.events.incident import grouped
from stream_app.store import IncidentStatus

__all__ = ["PAGE", "as_row"]

_ROWS = 100
_TOGETHER = 3
"""Sources of which the incidents that began together share a row."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What somebody wants to see."""

    source: str = ""
    stream: str = ""
    severity: str = "info"
    all: bool = False
    rows: int = _ROWS


class Incidents(ui.element, component="incidents.js"):
    """The incidents that somebody asks for, the newest first."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self._question = _asked(dict(view.query))
        self._props["question"] = asdict(self._question)
        self.on("ask", self._ask)
        self._show(view.snapshot)
        view.on_news(self._show)

    def _ask(self, event: GenericEventArguments) -> None:
        self._question = _asked(event.args if isinstance(event.args, dict) else {})
        self._show(self._view.snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        asked = self._question
        least = Severity(asked.severity).rank
        chosen = {
            one.incident.id: one
            for one in (snapshot.incidents if asked.all else snapshot.firing)
            if asked.stream in {"", one.incident.stream}
            and asked.source.casefold() in one.incident.source.casefold()
            and one.severity.rank >= least
        }
        rows: list[dict[str, Any]] = []
        for group in grouped(one.incident for one in chosen.values())[::-1]:
            members = [as_row(chosen[incident.id]) for incident in group]
            if len(members) >= _TOGETHER:
                rows.append(members[0] | {"together": members})
            else:
                rows += members[::-1]
        news = {
            "loading": not snapshot.at,
            "streams": [one.name for one in snapshot.streams],
            "firing": len(snapshot.firing),
            "found": len(rows),
            "rows": rows[: asked.rows],
        }
        if self._props.get("news") != news:
            self._props["news"] = news
            self.update()


def _asked(args: dict[str, Any]) -> _Question:
    severity, rows = str(args.get("severity", "info")), args.get("rows")
    question = _Question(
        source=str(args.get("source", ""))[:256],
        stream=str(args.get("stream", ""))[:256],
        severity=severity if severity in set(Severity) else "info",
        all=args.get("all") in {True, "1", "true"},
    )
    return replace(question, rows=min(rows, 1000)) if isinstance(rows, int) and rows > _ROWS else question


def as_row(status: IncidentStatus) -> dict[str, Any]:
    """Return what a page shows of an incident, as JSON has it."""
    case = status.incident
    return {
        "id": case.id,
        "stream": case.stream,
        "source": case.source,
        "severity": status.severity.value,
        "firing": case.firing,
        "alerts": case.alerts,
        "began": case.started_at,
        "changed": case.changed_at,
        "summary": case.summary,
        "channels": [list(pair) for pair in case.channels],
        "doubted": status.doubted,
        "acknowledged": msgspec.to_builtins(status.acknowledged),
        "muted": msgspec.to_builtins(status.muted),
        "verdict": msgspec.to_builtins(status.verdict),
    }


async def _build(view: View) -> None:
    Incidents(view)


PAGE = Page("/incidents", "Incidents", _build)
