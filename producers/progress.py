"""Showing how far a replay is: a bar on a terminal, plain lines elsewhere, or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

__all__ = ["Bar", "Lines", "Progress", "Silent", "progress_for", "shown"]

LINE_SECONDS = 5.0
_SHOW_SECONDS = 0.1


class Progress(Protocol):
    """Told what happens; shows it or not."""

    def begin(self, total: int | None, done: int) -> None:
        """Take note of how many events there are to be, None if unknown, and how many were done before."""

    def update(self, done: int) -> None:
        """Take note of how many events were acknowledged, of all."""

    def note(self, text: str) -> None:
        """Tell the user something."""

    def end(self) -> None:
        """Clear away."""


class Silent:
    """Shows nothing but notes are kept.

    Attributes
    ----------
    notes : list of str
    """

    def __init__(self) -> None:
        self.notes: list[str] = []

    def begin(self, total: int | None, done: int) -> None:
        """Do nothing."""

    def update(self, done: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Keep the note."""
        self.notes.append(text)

    def end(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Lines:
    """A plain line every few seconds, for logs.

    Parameters
    ----------
    console : rich.console.Console
    """

    console: Console
    _total: int | None = None
    _before: int = 0
    _begun: float = 0.0
    _shown: float = 0.0

    def begin(self, total: int | None, done: int) -> None:
        """Remember the total and start the clock."""
        self._total, self._before, self._begun = total, done, monotonic()
        self._shown = self._begun

    def update(self, done: int) -> None:
        """Print a line when the last one is old enough."""
        now = monotonic()
        if now - self._shown < LINE_SECONDS:
            return
        self._shown = now
        rate = (done - self._before) / (now - self._begun)
        of = "" if self._total is None else f" of {self._total:,}"
        left = (
            "" if self._total is None or rate <= 0 else f", {max(self._total - done, 0) / rate:,.0f} s left"
        )
        self.note(f"{done:,}{of} events, {rate:,.0f} a second{left}")

    def note(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Do nothing."""


class _Rate(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@dataclass(slots=True)
class Bar:
    """A progress bar with rate and time left.

    Parameters
    ----------
    console : rich.console.Console
    title : str
    """

    console: Console
    title: str
    _bar: RichProgress | None = field(default=None)

    def begin(self, total: int | None, done: int) -> None:
        """Show the bar."""
        self._bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._bar.add_task(self.title, total=total, completed=done)
        self._bar.start()

    def update(self, done: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def progress_for(console: Console, title: str, *, quiet: bool = False) -> Progress:
    """Return what suits where the output goes."""
    if quiet:
        return Silent()
    return Bar(console, title) if console.is_terminal else Lines(console)


@asynccontextmanager
async def shown(progress: Progress, count: Callable[[], int]) -> AsyncIterator[None]:
    """Show how many records were acknowledged, as `count` says, while the body runs; for what has no end that is known."""

    async def show() -> None:
        while True:
            await asyncio.sleep(_SHOW_SECONDS)
            progress.update(count())

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        progress.update(count())
        progress.end()
