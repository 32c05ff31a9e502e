"""A page of facts and tables with controls above them: what pages share that need no drawing of their own."""

import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlencode

from nicegui import ui
from nicegui.events import GenericEventArguments

from stream_app.dashboard.page import OneAtATime, View
from stream_app.dashboard.snapshot import Snapshot
from stream_app.errors import StreamgaugeError

__all__ = [
    "Asked",
    "Cell",
    "Sheet",
    "empty",
    "facts",
    "link",
    "n",
    "pictures",
    "seconds",
    "select",
    "share",
    "slider",
    "table",
    "text",
]

Asked: TypeAlias = Mapping[str, str]
"""What the controls say, by their names."""
Cell: TypeAlias = str | dict[str, Any] | None

_LONGEST = 256
_EVERY_SECONDS = 5.0


class Sheet(ui.element, component="sheet.js"):
    """Facts and tables, read when the page opens, when a control moves, and from time to time.

    Parameters
    ----------
    view : View
        The open page.
    read : callable
        Takes what the controls say, and returns what is shown: ``state`` ("there" or "empty"), ``title``, ``tools``, ``parts``.
    controls : mapping of str to str
        Names of the controls, with what they say at first where the address says nothing.
    title : str
        The heading until something was read.
    act : callable, optional
        Takes the name of a deed, what it is done to, and what the controls say; returns what was done.
    sliders : collection of str
        Deeds that may be asked for again while they are done, see `slider`.
    every : float
        Seconds between two readings.
    """

    def __init__(
        self,
        view: View,
        read: Callable[[Asked], Awaitable[dict[str, Any]]],
        controls: Asked,
        title: str,
        *,
        act: Callable[[str, str, Asked], Awaitable[str]] | None = None,
        sliders: Collection[str] = (),
        every: float = _EVERY_SECONDS,
    ) -> None:
        super().__init__()
        self._view, self._read, self._controls, self._title, self._act = view, read, controls, title, act
        self._sliders, self._every = sliders, every
        self._asked = self._sound(view.query)
        self._refresh = OneAtATime(self._read_once)
        self._read_at = 0.0
        self._props["question"] = dict(self._asked)
        self._props["news"] = {"state": "loading", "title": title}
        self.on("ask", self._ask)
        self.on("act", self._do)
        view.on_news(self._look)

    def _sound(self, said: Mapping[str, Any]) -> Asked:
        return {name: str(said.get(name) or first)[:_LONGEST] for name, first in self._controls.items()}

    async def _ask(self, event: GenericEventArguments) -> None:
        self._asked = self._sound(event.args if isinstance(event.args, dict) else {})
        await self.read()

    async def _do(self, event: GenericEventArguments) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        if self._act is None or (self._props.get("busy") and said.get("what") not in self._sliders):
            return
        self._put(busy=True)
        done = await self._view.load(
            self._act(str(said.get("what")), str(said.get("id"))[:_LONGEST], self._asked)
        )
        self._put(busy=False)
        if done:
            ui.notify(done, type="positive")
            await self.read()

    def _look(self, snapshot: Snapshot) -> None:
        if snapshot.at and not snapshot.problem and time.monotonic() - self._read_at >= self._every:
            ui.timer(0.0, self.read, once=True)

    async def read(self) -> None:
        """Read what is shown; where that fails, say why and keep what was read before."""
        try:
            await self._refresh()
        except StreamgaugeError as error:
            self._put(news={**self._props["news"], "problem": str(error)})

    async def _read_once(self) -> None:
        try:
            self._put(news={"title": self._title, **await self._read(self._asked)})
        finally:
            self._read_at = time.monotonic()

    def _put(self, **props: object) -> None:
        if any(self._props.get(name) != value for name, value in props.items()):
            self._props.update(props)
            self.update()


def n(value: float | None, unit: str = "") -> Cell:
    """Return a number with its unit."""
    return None if value is None or not math.isfinite(value) else {"n": value, "unit": unit}


def share(value: float | None, low: float | None = None, high: float | None = None) -> Cell:
    """Return a share from 0 to 1, with the interval in which it is."""
    if value is None or not math.isfinite(value):
        return None
    return {"share": value} if low is None or high is None else {"share": value, "low": low, "high": high}


def seconds(value: float | None) -> Cell:
    """Return a length of time."""
    return None if value is None else {"seconds": value}


def link(path: str, text: str, **query: str) -> Cell:
    """Return a link to a page of the dashboard."""
    return {"href": f"{path}?{urlencode(query)}" if query else path, "text": text}


def select(name: str, label: str, options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a control that chooses one of some values, each with its text."""
    return {"kind": "select", "name": name, "label": label, "options": [list(pair) for pair in options]}


def text(name: str, label: str) -> dict[str, Any]:
    """Return a control that takes a text."""
    return {"kind": "text", "name": name, "label": label}


def slider(name: str, label: str, values: Iterable[object], place: int) -> dict[str, Any]:
    """Return a control that sets something to one of some values, which is now that at a place: moving it is a deed."""
    return {
        "kind": "slider",
        "name": name,
        "label": label,
        "options": [str(value) for value in values],
        "place": place,
    }


def facts(title: str, pairs: Mapping[str, Cell], note: str = "") -> dict[str, Any]:
    """Return a part with a value a name; what has no value is left out."""
    known = [[name, value] for name, value in pairs.items() if value is not None]
    return {"title": title, "note": note, "facts": known}


def table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]], *, note: str = "", nothing: str = ""
) -> dict[str, Any]:
    """Return a part with a table; `nothing` stands where it has no rows."""
    return {
        "title": title,
        "note": note,
        "heads": list(heads),
        "rows": [list(row) for row in rows],
        "nothing": nothing,
    }


def pictures(title: str, rows: Sequence[tuple[str, Sequence[str]]], *, note: str = "") -> dict[str, Any]:
    """Return a part with rows of small pictures, each row with its caption, by their addresses."""
    return {"title": title, "note": note, "pictures": [[caption, list(some)] for caption, some in rows]}


def empty(title: str, why: str, tools: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Return a page on which there is nothing, with what to do about it."""
    return {"state": "empty", "empty": [title, why], "tools": list(tools)}
