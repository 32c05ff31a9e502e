"""Assembly of readings from messages that have some of their channels, such as one each.

A reading is open until it has all channels of its source, or until so many younger ones are open that it is taken without the others.
So nothing depends on a clock, and a message with a wrong time only takes the place of one reading. Readings that were taken are
remembered for a while, so that a message which comes again, or too late, is known as such.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Self

__all__ = ["Assembly", "Fate", "OpenReading"]

_REMEMBERED = 8
"""Readings that are known after they were taken."""


class Fate(Enum):
    """What becomes of a message."""

    TAKEN = auto()
    DUPLICATE = auto()
    LATE = auto()


@dataclass(slots=True, eq=False)
class OpenReading:
    """A reading that is being assembled, or was.

    Parameters
    ----------
    ts : float
        Time of its first message, in epoch seconds.
    values : dict of str to float
        Value of each channel; NaN where it is null.
    stamps : dict of str to float
        Time of the message that had it.
    texts : dict of float to str
        Texts of codes of categories.
    taken : bool
        Whether it was handed on.
    """

    ts: float
    values: dict[str, float] = field(default_factory=dict)
    stamps: dict[str, float] = field(default_factory=dict)
    texts: dict[float, str] = field(default_factory=dict)
    taken: bool = False


class Assembly:
    """Assembles the readings of one source.

    Parameters
    ----------
    within : float
        Seconds that the messages of a reading may be apart.
    most_open : int
        Readings that wait for channels; beyond, the first that was opened is taken.
    declared : sequence of str, optional
        The channels; where they are not declared they are learned, from the first reading that is taken on.

    Examples
    --------
    >>> assembly = Assembly(within=1.0, most_open=1)
    >>> for channel, ts in (("flow", 10.0), ("load", 10.2), ("flow", 20.0), ("load", 20.1), ("flow", 30.0)):
    ...     fate, taken = assembly.add(ts, {channel: ts})
    ...     print(fate.name, [(reading.ts, reading.values) for reading in taken])
    TAKEN []
    TAKEN []
    TAKEN [(10.0, {'flow': 10.0, 'load': 10.2})]
    TAKEN [(20.0, {'flow': 20.0, 'load': 20.1})]
    TAKEN []
    """

    def __init__(self, *, within: float, most_open: int, declared: Sequence[str] | None = None) -> None:
        self._within = within
        self._most_open = most_open
        self._settled = declared is not None
        self._open: list[OpenReading] = []
        self._taken: deque[OpenReading] = deque(maxlen=_REMEMBERED)
        self.channels = set(declared or ())
        """Channels that a reading is expected to have."""

    def add(
        self, ts: float, values: Mapping[str, float], texts: Mapping[float, str] | None = None
    ) -> tuple[Fate, list[OpenReading]]:
        """Take a message; return what becomes of it, and the readings that are done by it.

        Parameters
        ----------
        ts : float
            Its time, in epoch seconds.
        values : mapping of str to float
            Its values by channel.
        texts : mapping of float to str, optional
            Texts of codes of categories.
        """
        fate, mine = self._place(ts, values)
        if fate is not Fate.TAKEN:
            return fate, []
        if mine is None:
            mine = OpenReading(ts)
            self._open.append(mine)
        mine.values |= values
        mine.stamps |= dict.fromkeys(values, ts)
        mine.texts |= texts or {}
        self.channels.update(values)
        return fate, self._done(mine)

    def _place(self, ts: float, values: Mapping[str, float]) -> tuple[Fate, OpenReading | None]:
        """Find the reading of a message; None for a new one."""
        near = [one for one in (*self._taken, *self._open) if abs(one.ts - ts) <= self._within]
        if len(near) > 1:
            near.sort(key=lambda one: abs(one.ts - ts))
        for reading in near:
            known = [reading.stamps[channel] for channel in values if channel in reading.stamps]
            if known and all(stamp == ts for stamp in known):
                return Fate.DUPLICATE, None
            if known:
                continue
            if reading.taken:
                # It was complete without; the next ones wait for this channel.
                self.channels.update(values)
                return Fate.LATE, None
            return Fate.TAKEN, reading
        return Fate.TAKEN, None

    def _done(self, mine: OpenReading) -> list[OpenReading]:
        done: list[OpenReading] = []
        candidates = [mine]
        if len(self._open) > self._most_open:
            done.append(self._open[0])
            if not self._settled:
                # Only now there is something that a reading can be compared with.
                self._settled, candidates = True, self._open
        if self._settled:
            channels = self.channels
            done += [one for one in candidates if one not in done and channels <= one.values.keys()]
        for reading in done:
            reading.taken = True
            self._open.remove(reading)
            self._taken.append(reading)
        return done

    def state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {
            "settled": self._settled,
            "channels": sorted(self.channels),
            "readings": [
                [
                    one.ts,
                    list(one.values.items()),
                    list(one.stamps.items()),
                    list(one.texts.items()),
                    one.taken,
                ]
                for one in (*self._taken, *self._open)
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Continue from a state.

        Raises
        ------
        ValueError, TypeError, LookupError
            If it is damaged.
        """
        readings = [
            OpenReading(
                float(ts),
                {str(name): float(value) for name, value in values},
                {str(name): float(stamp) for name, stamp in stamps},
                {float(code): str(text) for code, text in texts},
                bool(taken),
            )
            for ts, values, stamps, texts, taken in state["readings"]
        ]
        self._open = [one for one in readings if not one.taken][-self._most_open :]
        self._taken.extend(one for one in readings if one.taken)
        self._settled = self._settled or bool(state["settled"])
        self.channels |= {str(name) for name in state["channels"]}
        return self

    @staticmethod
    def most_bytes(channels: int, most_open: int) -> int:
        """Return the bytes that a state takes at most, about, in the store."""
        return (most_open + _REMEMBERED) * (32 + 48 * channels)
