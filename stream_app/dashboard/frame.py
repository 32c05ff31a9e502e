"""What all pages have: the head with the menu, and the line that tells a lost connection."""

from collections.abc import Sequence

from nicegui import ui

from stream_app.dashboard.page import Page, View
from stream_app.dashboard.snapshot import Snapshot

__all__ = ["Frame"]


class Frame(ui.element, component="frame.js"):
    """The head of a page.

    Parameters
    ----------
    view : View
        The open page.
    page : Page
        Which one it is.
    pages : sequence of Page
        All of them.
    """

    def __init__(self, view: View, page: Page, pages: Sequence[Page]) -> None:
        super().__init__()
        self._props["menu"] = [
            {"path": one.path, "title": one.title, "here": one is page} for one in pages if one.menu
        ]
        self._props["actions"] = view.actions
        self._show(view.snapshot)
        view.on_news(self._show)

    def _show(self, snapshot: Snapshot) -> None:
        news = {
            "state": "loading"
            if not snapshot.at and not snapshot.problem
            else "lost"
            if snapshot.problem
            else "live",
            "problem": snapshot.problem,
            "at": snapshot.at,
            "firing": len(snapshot.firing),
        }
        if self._props.get("news") != news:
            self._props["news"] = news
            self.update()
