"""The pages, in the order of the menu; see `stream_app.dashboard` for what a page is."""

from stream_app.dashboard.page import Page
from stream_app.dashboard.pages import incident, incidents, now, source

__all__ = ["PAGES"]

PAGES: tuple[Page, ...] = (now.PAGE, incidents.PAGE, incident.PAGE, source.PAGE)
