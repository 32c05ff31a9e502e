"""*Now*: a tile a source, the most urgent first."""

from dataclasses import asdict, dataclass
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from stream_app.dashboard.page import Page, View
from stream_app.dashboard.snapshot import Snapshot, Source, SourceKey

__all__ = ["PAGE"]

_TILES = 48
"""On one page; of thousands of sources only these are read and sent."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What somebody wants to see."""

    search: str = ""
    stream: str = ""
    order: str = "urgency"
    page: int = 0


class Tiles(ui.element, component="tiles.js"):
    """Tiles of the sources that somebody asks for."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self._question = _Question(
            search=view.query.get("search", "")[:100], stream=view.query.get("stream", "")[:256]
        )
        self._shown: list[Source] = []
        self._props["question"] = asdict(self._question)
        self.on("ask", self._ask)
        self._show(view.snapshot)
        view.on_news(self._show, self._wanted)

    def _wanted(self) -> list[SourceKey]:
        return [source.key for source in self._shown]

    def _ask(self, event: GenericEventArguments) -> None:
        asked = event.args if isinstance(event.args, dict) else {}
        page = asked.get("page")
        self._question = _Question(
            search=str(asked.get("search", ""))[:100],
            stream=str(asked.get("stream", ""))[:256],
            order="name" if asked.get("order") == "name" else "urgency",
            page=page if isinstance(page, int) and 0 <= page < 100_000 else 0,
        )
        self._show(self._view.snapshot)
        self._view.feed.hurry()

    def _show(self, snapshot: Snapshot) -> None:
        asked = self._question
        needle = asked.search.casefold()
        chosen = [
            one
            for one in (snapshot.by_name if asked.order == "name" else snapshot.by_urgency)
            if asked.stream in {"", one.stream} and needle in one.name.casefold()
        ]
        first = min(asked.page, max(len(chosen) - 1, 0) // _TILES) * _TILES
        self._shown = chosen[first : first + _TILES]
        news = {
            "loading": not snapshot.at,
            "streams": [one.name for one in snapshot.streams],
            "all": len(snapshot.sources),
            "found": len(chosen),
            "first": first,
            "counts": _counts(snapshot),
            "tiles": [_tile(one, snapshot) for one in self._shown],
        }
        if self._props.get("news") != news:
            self._props["news"] = news
            self.update()


def _counts(snapshot: Snapshot) -> dict[str, int]:
    """Count the sources by how they are."""
    counts = {"critical": 0, "warning": 0, "info": 0, "fine": 0}
    for one in snapshot.sources:
        counts["fine" if one.severity is None else one.severity.value] += 1
    return counts


def _tile(source: Source, snapshot: Snapshot) -> dict[str, Any]:
    live = snapshot.live.get(source.key)
    tile: dict[str, Any] = {
        "stream": source.stream,
        "name": source.name,
        "event": source.event_ts,
        "state": "fine" if source.severity is None else source.severity.value,
        "incidents": source.incidents,
        "seen": source.seen,
    }
    if live is not None:
        tile |= {
            "event": live.event_ts,
            "written": live.written_ts,
            "learning": live.warmup_left,
            "events": live.events,
            "missing": round(live.missing, 3),
            "measure": live.measure,
            "last": live.last,
            "trail": list(live.trail),
        }
    return tile


async def _build(view: View) -> None:
    Tiles(view)


PAGE = Page("/", "Now", _build)
