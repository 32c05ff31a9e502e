"""What is learned hours later: windows that wait, and are dropped where they became part of an incident."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.platform.stored import expect, stored_array, stored_count, stored_number

__all__ = ["Lag"]

Rows = npt.NDArray[np.int8]

LAG = 6 * 3600.0
"""Seconds for which windows wait: a leak of hours shall not be learned while it goes on."""
EVERY = 120.0
"""Seconds between windows that are learned from, in the long run: those between are much like them."""
_CLOSEST = 2
"""Windows between those that are learned from, at the beginning: shorter windows are learned in less time, and no more of them wait at once."""
_SHARE = 4
"""A wait of more than a fourth of all that was seen would leave too little to learn from."""


class Lag:
    """Small whole numbers of all series, window by window, until they are old enough.

    Parameters
    ----------
    window : float
        Seconds of a window.

    Examples
    --------
    >>> lag = Lag(3600.0)
    >>> for hour in range(40):
    ...     old = lag.put(3600.0 * hour, np.array([hour], np.int8))
    >>> [rows.tolist() for rows in old], len(lag)
    ([[33]], 6)
    >>> lag.drop(since=3600.0 * 36)
    >>> len(lag)
    3
    """

    def __init__(self, window: float) -> None:
        self.window = window
        self.windows = 0
        self.rows: list[Rows] = []
        self.ends: list[float] = []

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def every(self) -> int:
        """Windows from one that is learned from to the next: twice as many whenever too many would wait, up to those of `EVERY` seconds."""
        last = max(1, round(EVERY / self.window))
        every = min(_CLOSEST, last)
        while every < last and self._wait > LAG / EVERY * every:
            every *= 2
        return every

    @property
    def _wait(self) -> float:
        """Windows that one waits."""
        return min(LAG / self.window, self.windows / _SHARE)

    def put(self, end: float, rows: Rows) -> list[Rows]:
        """Let a window wait, and return those that waited long enough."""
        before = self.every
        self.windows += 1
        every = self.every
        if every > before:
            del self.ends[-2::-2], self.rows[-2::-2]
        if self.windows % every:
            return []
        self.rows.append(rows)
        self.ends.append(end)
        longest = self._wait / every
        old = []
        while len(self.rows) > longest:
            self.ends.pop(0)
            old.append(self.rows.pop(0))
        return old

    def drop(self, since: float) -> None:
        """Learn never from windows that end after `since`."""
        while self.ends and self.ends[-1] > since:
            self.ends.pop()
            self.rows.pop()

    def grow(self, more: int, *, fill: int) -> None:
        """Add series at the end."""
        self.rows = [
            np.pad(rows, ((0, more), *((0, 0),) * (rows.ndim - 1)), constant_values=fill)
            for rows in self.rows
        ]

    def forget(self, slots: Any, *, fill: int) -> None:
        """Let series say nothing."""
        for rows in self.rows:
            rows[slots] = fill

    def state(self) -> dict[str, Any]:
        """Return all that is known."""
        return {
            "window": self.window,
            "windows": self.windows,
            "ends": list(self.ends),
            "rows": np.array(self.rows, np.int8),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], *, low: float = -127.0, high: float = 127.0) -> "Lag":
        """Make one that goes on where `state` was taken; its numbers are between two."""
        restored = cls(stored_number(state["window"], "windows that wait", low=1e-3))
        restored.windows = stored_count(state["windows"], "windows that wait")
        restored.ends = [stored_number(end, "ends of windows that wait") for end in state["ends"]]
        sides = state["rows"].shape[1:] if restored.ends else ()
        shape = (len(restored.ends), *sides)
        restored.rows = list(
            stored_array(state["rows"], shape, "windows that wait", dtype=np.int8, low=low, high=high)
        )
        return restored

    def check(self, *shape: int) -> None:
        """Raise a `StateError` where the rows that wait are not of this shape."""
        expect(all(rows.shape == shape for rows in self.rows), "windows that wait")
