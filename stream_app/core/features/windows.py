"""Windows of a feature over an entity's past."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from stream_app.errors import DataError

__all__ = ["ALL_TIME", "DAY", "AllTime", "Session", "Sliding", "Window", "micros"]

DAY = 86_400.0
"""Seconds of a day; a window of seven days is 7 times 24 hours, whatever the clocks of a country do."""

_MICROS = 1_000_000
_LONGEST = 36_525 * DAY


def micros(seconds: float) -> int:
    """Return whole microseconds, in which all instants and lengths are compared.

    Examples
    --------
    >>> micros(1.5), micros(1291191960.1)
    (1500000, 1291191960100000)
    """
    return round(seconds * _MICROS)


def _length(what: str, seconds: float, *, least: int = 1) -> float:
    if not (math.isfinite(seconds) and least <= micros(seconds) and seconds <= _LONGEST):
        bound = "positive" if least else "not negative"
        raise DataError(f"{what} must be {bound} and at most 100 years, got {seconds} s")
    return float(seconds)


@dataclass(frozen=True, slots=True)
class Sliding:
    """The events with ``t - delay - seconds <= ts < t - delay``, for a reader at t.

    With a delay it is a lag: ``Sliding(7 * DAY, delay=7 * DAY)`` is the week before the last seven days.

    Parameters
    ----------
    seconds : float
        Length of the window, seconds.
    delay : float
        How long before the reader's instant the window ends.
    """

    seconds: float
    delay: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", _length("a window's length", self.seconds))
        object.__setattr__(self, "delay", _length("a window's delay", self.delay, least=0))

    @property
    def reach(self) -> float:
        """Longest distance of an event from the reader's instant, seconds."""
        return self.seconds + self.delay


@dataclass(frozen=True, slots=True)
class Session:
    """The events since the entity's last pause; none when it pauses now.

    Events belong together when no more than `gap` lies between neighbours, and the session is open for a reader
    no more than `gap` after the last of them. All events of the view make the session, also those that a
    feature's own condition leaves out.

    Parameters
    ----------
    gap : float
        Seconds of a pause that ends the session when they are exceeded.
    longest : float
        Seconds that a session reaches back at most: one that never pauses would hold its events for ever.
    """

    gap: float
    longest: float = DAY

    def __post_init__(self) -> None:
        object.__setattr__(self, "gap", _length("a session's gap", self.gap))
        object.__setattr__(self, "longest", _length("the longest session", self.longest))
        if self.longest < self.gap:
            raise DataError(f"the longest session ({self.longest} s) is shorter than its gap ({self.gap} s)")

    @property
    def reach(self) -> float:
        """Longest distance of an event from the reader's instant, seconds."""
        return self.longest


@dataclass(frozen=True, slots=True)
class AllTime:
    """All events since the entity is known: since its first one, or the first after a pause longer than the view's ttl."""

    @property
    def reach(self) -> float:
        """Longest distance of a single event from the reader's instant, seconds; older ones are kept as totals."""
        return 0.0


ALL_TIME = AllTime()
Window: TypeAlias = Sliding | Session | AllTime
