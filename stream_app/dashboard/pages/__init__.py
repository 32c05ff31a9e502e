"""The pages, in the order of the menu; see `stream_app.dashboard` for what a page is."""

from stream_app.dashboard.page import Page
from stream_app.dashboard.pages import (
    budget,
    camera,
    entity,
    incident,
    incidents,
    letters,
    models,
    now,
    platform,
    source,
    try_file,
)

__all__ = ["PAGES"]

PAGES: tuple[Page, ...] = (
    now.PAGE,
    incidents.PAGE,
    incident.PAGE,
    source.PAGE,
    models.PAGE,
    camera.PAGE,
    platform.PAGE,
    entity.PAGE,
    budget.PAGE,
    letters.PAGE,
    try_file.PAGE,
)
