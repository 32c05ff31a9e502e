"""Serves the dashboard until it is cancelled."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import ui

from stream_app.dashboard.feed import Feed
from stream_app.dashboard.frame import Frame
from stream_app.dashboard.guard import Guard
from stream_app.dashboard.page import Page, View
from stream_app.dashboard.pages import PAGES
from stream_app.errors import SettingsError
from stream_app.settings import DashboardSettings, Settings
from stream_app.store import open_store

__all__ = ["serve"]

_ASSETS = Path(__file__).parent / "assets"
_HEAD = '<script src="/assets/theme.js"></script><link rel="stylesheet" href="/assets/style.css">'
_PATIENCE_SECONDS = 2.0
_PAGE_SECONDS = 30.0
"""Most that a page may take to be built, which is milliseconds on a machine that has time."""


async def serve(
    settings: Settings, *, actions: bool = False, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve the pages until cancelled.

    Parameters
    ----------
    settings : Settings
        Where Redis is, and the port.
    actions : bool
        Let people acknowledge, mute and judge incidents.
    ready : callable
        Called once the port is open.

    Raises
    ------
    SettingsError
        If others can reach the port and no password is set, or the port cannot be opened.
    """
    where = settings.dashboard
    if where.exposed and where.hashed is None:
        raise SettingsError(
            f"dashboard.host {where.host} can be reached by others: set dashboard.password_hash or password_hash_file; "
            "`streamgauge dashboard --hash-password` makes a hash"
        )
    listener = _listening(where)
    store = open_store(settings.redis, retries=0, timeout=_PATIENCE_SECONDS)
    feed = Feed(store)
    server = _Server(
        uvicorn.Config(
            _application(feed, settings, actions=actions),
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    reading = asyncio.create_task(feed.run())
    ready()
    try:
        done, _ = await asyncio.wait((serving, reading), return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        reading.cancel()
        server.should_exit = True
        await serving
        await store.close()


def _listening(where: DashboardSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    try:
        return socket.create_server((where.host, where.port), family=family, backlog=256)
    except OSError as error:
        raise SettingsError(
            f"dashboard.port: {where.port} cannot be opened on {where.host}: {error.strerror}"
        ) from error


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def _application(feed: Feed, settings: Settings, *, actions: bool) -> Guard:
    """Make the application with all pages, behind the guard."""
    nicegui_app.add_static_files("/assets", _ASSETS)
    ui.add_head_html(_HEAD, shared=True)
    for page in PAGES:
        _add(page, feed, settings, actions=actions)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(
        app,
        title="Streamgauge",
        favicon=_ASSETS / "favicon.svg",
        dark=None,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
        message_history_length=200,
        show_welcome_message=False,
    )
    return Guard(app, settings.dashboard.hashed)


def _add(page: Page, feed: Feed, settings: Settings, *, actions: bool) -> None:
    async def show() -> None:
        view = View(ui.context.client, feed, settings, actions=actions)
        # Above the landmark "main", which the frame of NiceGUI's pages makes.
        Frame(view, page, PAGES).move(view.client.layout, 0)
        with ui.element("div").props("id=content tabindex=-1").classes("sg-main"):
            await page.build(view)

    ui.page(page.path, title=f"{page.title} · Streamgauge", response_timeout=_PAGE_SECONDS)(show)
