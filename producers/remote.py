"""What is said to a replay while it runs: another level, a pause, the end."""

import asyncio
from dataclasses import dataclass, field

from producers.pacing import Clock
from stream_app.events.control import ReplayControl

__all__ = ["PausableClock", "Remote"]

_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Remote:
    """How a running replay is set by others.

    Parameters
    ----------
    name : str
        That it listens to, beside what is said to all.

    Attributes
    ----------
    level : int or None
        Of images; None is that of their schedule.
    paused : bool
    stop : asyncio.Event
        Set when the replay is to end; a run puts its own here.

    Examples
    --------
    >>> remote = Remote("camera-1")
    >>> remote.take(ReplayControl(level=4)), remote.take(ReplayControl(replay="camera-2", level=5)), remote.level
    (True, False, 4)
    """

    name: str
    level: int | None = None
    paused: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: ReplayControl) -> bool:
        """Do as a message says if it is meant for this replay; return whether it is."""
        if message.replay not in {None, self.name}:
            return False
        if message.level is not None:
            self.level = message.level
        if message.action == "stop":
            self.stop.set()
        elif message.action is not None:
            self.paused = message.action == "pause"
        return True


@dataclass(slots=True)
class PausableClock:
    """A clock that stands still while the replay is paused, so that afterwards nothing is in arrears.

    Parameters
    ----------
    clock : Clock
    remote : Remote
    """

    clock: Clock
    remote: Remote
    _lost: float = 0.0

    def now(self) -> float:
        """Seconds since any fixed moment, pauses left out."""
        return self.clock.now() - self._lost

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds, or sooner when the replay is to stop."""
        await self.clock.sleep(seconds)

    async def open(self, stop: asyncio.Event) -> None:
        """Wait until the replay is not paused, or is to stop."""
        begin = self.clock.now()
        while self.remote.paused and not stop.is_set():
            await self.clock.sleep(_LOOK_SECONDS)
        self._lost += self.clock.now() - begin
