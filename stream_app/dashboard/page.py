"""What a page is, and what it is given when somebody opens it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from nicegui import Client, background_tasks, ui

from stream_app.dashboard.feed import Feed
from stream_app.dashboard.snapshot import Snapshot, SourceKey
from stream_app.errors import DataError, StreamgaugeError
from stream_app.settings import Settings
from stream_app.store import Store

__all__ = ["OneAtATime", "Page", "View"]

T = TypeVar("T")

_MOMENT_SECONDS = 0.3


class OneAtATime:
    """Runs something for all who ask, never twice at once: whoever asks while it runs lets it run once more.

    Parameters
    ----------
    run : callable
        What is run; an error of it reaches the one who began.
    """

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        self._run = run
        self._running = self._due = False

    async def __call__(self) -> None:
        """Run it, or have it run once more."""
        self._due = True
        if self._running:
            return
        self._running = True
        try:
            while self._due:
                self._due = False
                await self._run()
        finally:
            self._running = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the dashboard.

    Parameters
    ----------
    path : str
        Its address, such as ``/incidents/{id}``.
    title : str
        Its heading, and its word in the menu.
    build : callable
        Makes its elements; see `stream_app.dashboard`.
    menu : bool
        Whether the menu has it.
    """

    path: str
    title: str
    build: Callable[["View"], Awaitable[None]]
    menu: bool = True


class View:
    """A page that somebody has open.

    Parameters
    ----------
    client : nicegui.Client
        The browser's tab.
    feed : Feed
        What is read for all pages.
    settings : Settings
        The monitor file.
    actions : bool
        Whether people may change something.
    """

    def __init__(self, client: Client, feed: Feed, settings: Settings, *, actions: bool) -> None:
        self.client, self.feed, self.settings, self.actions = client, feed, settings, actions
        self.path: Mapping[str, str] = client.request.path_params
        self.query: Mapping[str, str] = client.request.query_params

    @property
    def snapshot(self) -> Snapshot:
        """What was read last."""
        return self.feed.snapshot

    @property
    def store(self) -> Store:
        """The connection to Redis."""
        return self.feed.store

    def on_news(
        self, refresh: Callable[[Snapshot], None], wanted: Callable[[], Collection[SourceKey]] = tuple
    ) -> None:
        """Call a function after each reading, as long as the page is open.

        Parameters
        ----------
        refresh : callable
            Takes the snapshot.
        wanted : callable
            Returns the sources whose live features the snapshot is to have.
        """

        def told(snapshot: Snapshot) -> None:
            if not self.client.is_deleted:
                with self.client:
                    refresh(snapshot)

        self.client.on_delete(self.feed.subscribe(told, wanted))

    async def soon(self, reading: Coroutine[Any, Any, None]) -> None:
        """Wait a moment for a reading, so that the first paint shows it; one that takes longer goes on meanwhile."""
        await asyncio.wait((background_tasks.create(reading),), timeout=_MOMENT_SECONDS)

    async def load(self, reading: Awaitable[T]) -> T | None:
        """Wait for a reading; where it fails, show why and return None."""
        try:
            return await reading
        except StreamgaugeError as error:
            if not self.client.is_deleted:
                with self.client:
                    ui.notify(str(error), type="negative", close_button="Close", multi_line=True)
            return None

    def may_act(self) -> None:
        """See that people may change something.

        Raises
        ------
        DataError
            If they may not.
        """
        if not self.actions:
            raise DataError("this dashboard is read-only; start it with --allow-actions")
