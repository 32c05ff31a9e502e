"""How fast a replay goes: by event time, by a rate, both or neither."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from producers.batch import Rows
from stream_app.errors import SettingsError

__all__ = ["Clock", "Pace", "Schedule", "TokenBucket", "WallClock", "paced", "parse_speed"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

TICK = 0.005
"""Events due within this many seconds leave together, so that a fast replay still sends batches."""

REWIND = 60.0
"""A step back in event time by more seconds than this begins a new pass; less is ordinary disorder."""


class Clock(Protocol):
    """The time that pacing goes by; a test gives its own."""

    def now(self) -> float:
        """Seconds since any fixed moment."""

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds, or sooner when the replay is to stop."""


@dataclass(slots=True)
class WallClock:
    """Real time.

    Parameters
    ----------
    stop : asyncio.Event
        Ends a sleep early.
    """

    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time is over or `stop` is set."""
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed and rate of a replay; both hold when both are given.

    Parameters
    ----------
    speed : float or None
        How many seconds of event time pass in one second; None waits for nothing.
    rate : float or None
        Most events a second.
    max_gap : float or None
        Longest pause in event time, in seconds; a longer one is cut to it.

    Raises
    ------
    SettingsError
        When a number is not above 0.
    """

    speed: float | None = None
    rate: float | None = None
    max_gap: float | None = None

    def __post_init__(self) -> None:
        for name in ("speed", "rate", "max_gap"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < np.inf:
                raise SettingsError(
                    f"--{name.replace('_', '-')}: a finite number above 0 is expected, not {value:g}"
                )


def parse_speed(text: str) -> float | None:
    """Read a speed: ``real``, ``1x``, ``60x``, ``x60``, ``0.5`` or ``max``; ten is ten times faster.

    Returns
    -------
    float or None
        None for ``max``.

    Raises
    ------
    SettingsError
        When it is none of these.

    Examples
    --------
    >>> parse_speed("60x"), parse_speed("real"), parse_speed("max")
    (60.0, 1.0, None)
    """
    text = text.strip().casefold()
    if text == "max":
        return None
    if text == "real":
        return 1.0
    match = re.fullmatch(r"[x\u00d7]?(\d+(?:\.\d+)?)[x\u00d7]?", text)
    if match is None or float(match[1]) == 0.0:
        raise SettingsError(f"--speed: {text!r} is no speed; say real, max, or a factor like 60x")
    return float(match[1])


@dataclass(slots=True)
class Schedule:
    """When each event is due, in seconds of event time after the first one that was asked for.

    Time never goes back: an event that is a little late is due at once; a jump back by more than a minute
    (the next file, say) begins a new pass that follows on without a pause.

    Parameters
    ----------
    max_gap : float or None
        Longest pause between events, seconds; see `Pace`.

    Examples
    --------
    >>> Schedule(max_gap=10.0).due(np.array([0.0, 1.0, 0.5, 2.0, 500.0])).tolist()
    [0.0, 1.0, 1.0, 2.0, 12.0]
    """

    max_gap: float | None = None
    _due: float = 0.0
    _latest: float | None = None

    def due(self, ts: FloatArray) -> FloatArray:
        """Return when each event of the next batch is due, shape (n,), never falling."""
        if not len(ts):
            return ts
        latest = float(ts[0]) if self._latest is None else self._latest
        # A pass ends where an event lies far before the latest one so far; inside a pass the maximum counts.
        out = np.empty(len(ts))
        begin = 0
        while begin < len(ts):
            high = np.maximum.accumulate(np.concatenate(([latest], ts[begin:])))
            back = np.flatnonzero(high[:-1] - ts[begin:] > REWIND)
            end = begin + int(back[0]) if len(back) else len(ts)
            steps = np.diff(high[: end - begin + 1])
            if self.max_gap is not None:
                steps = np.minimum(steps, self.max_gap)
            out[begin:end] = self._due + np.cumsum(steps)
            self._due = float(out[end - 1]) if end > begin else self._due
            latest = float(ts[end]) if end < len(ts) else float(high[-1])
            begin = end
        self._latest = latest
        return out


@dataclass(slots=True)
class TokenBucket:
    """Lets so many events a second pass, and after a pause a quarter of a second's worth at once.

    Parameters
    ----------
    rate : float
        Events a second.
    """

    rate: float
    _tokens: float = 1.0
    _at: float | None = None

    def available(self, now: float) -> int:
        """Return how many events may pass now."""
        since = 0.0 if self._at is None else now - self._at
        self._at = now
        self._tokens = min(self._tokens + since * self.rate, max(1.0, 0.25 * self.rate))
        # A rounding error must not cost a whole event.
        return int(self._tokens + 1e-9)

    def take(self, events: int) -> None:
        """Let `events` pass."""
        self._tokens -= events

    def wait(self) -> float:
        """Return the seconds until the next event may pass."""
        return max(1.0 - self._tokens, 0.0) / self.rate


class Timed(Protocol):
    """A batch that can be cut."""

    @property
    def ts(self) -> FloatArray:
        """Event time of each event, shape (n,)."""

    def take(self, rows: Rows) -> Self:
        """Return some of the events."""


B = TypeVar("B", bound=Timed)


async def paced(batches: Iterable[B], pace: Pace, clock: Clock, stop: asyncio.Event) -> AsyncIterator[B]:
    """Hand on the events when they are due, cut where the time has not come.

    Parameters
    ----------
    batches : iterable of batch
        May be empty ones; the first event of all is due at once.
    pace : Pace
    clock : Clock
    stop : asyncio.Event
        Once set, no more events come.

    Yields
    ------
    batch
        Never empty.
    """
    schedule = Schedule(pace.max_gap)
    bucket = TokenBucket(pace.rate) if pace.rate is not None else None
    begin: float | None = None
    for batch in batches:
        # Reading a source takes its time: let acknowledgements and Ctrl-C in between.
        await asyncio.sleep(0)
        if stop.is_set():
            return
        if begin is None and len(batch.ts):
            begin = clock.now()
        due = schedule.due(batch.ts) / pace.speed if pace.speed is not None else np.zeros(len(batch.ts))
        done = 0
        while done < len(due) and not stop.is_set():
            now = clock.now()
            elapsed = now - begin if begin is not None else 0.0
            ready = int(np.searchsorted(due, elapsed, side="right"))
            if bucket is not None:
                ready = min(ready, done + bucket.available(now))
            if ready > done:
                yield batch.take(slice(done, ready))
                if bucket is not None:
                    bucket.take(ready - done)
                done = ready
            else:
                pause = due[done] - elapsed
                await clock.sleep(max(pause, bucket.wait() if bucket is not None else 0.0, TICK))
