"""The events from which references are learned, kept as small as they can be."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["ReferenceSample"]

_ABSURD = 1e15  # beyond this a number is no measurement and teaches nothing


class ReferenceSample:
    """Gather a number of events of some channels.

    Values are kept in single precision, counted from the first one of their channel. Events in which no channel has a
    value are counted, but take no space.

    Parameters
    ----------
    channels : int
        How many channels.
    length : int
        Events that make a sample.

    Examples
    --------
    >>> sample = ReferenceSample(channels=1, length=3)
    >>> sample.add(np.array([[100.5], [np.nan], [101.0]]))
    >>> sample.complete, sample.origin.tolist(), sample.values().tolist()
    (True, [100.5], [[0.0], [0.5]])
    """

    def __init__(self, channels: int, length: int) -> None:
        self.length = length
        self.seen = 0
        self.origin: FloatArray = np.full(channels, np.nan)
        self._rows = np.empty((length, channels), dtype=np.float32)
        self._kept = 0

    @property
    def wanting(self) -> int:
        """Events that are still wanting."""
        return self.length - self.seen

    @property
    def complete(self) -> bool:
        """Whether all events are there."""
        return self.seen == self.length

    def add(self, values: FloatArray) -> None:
        """Take events, shape (n, channels), no more than are wanting; NaN is missing."""
        values = np.where(np.abs(values) <= _ABSURD, values, np.nan)
        self.seen += len(values)
        values = values[~np.isnan(values).all(axis=1)]
        if len(values):
            first = values[np.argmax(np.isfinite(values), axis=0), np.arange(values.shape[1])]
            self.origin = np.where(np.isnan(self.origin), first, self.origin)
        self._rows[self._kept : self._kept + len(values)] = values - self.origin
        self._kept += len(values)

    def values(self) -> FloatArray:
        """Return the kept events, from their origins."""
        return self._rows[: self._kept].astype(np.float64)

    def state(self) -> dict[str, Any]:
        """Plain values for `from_state`."""
        return {
            "length": self.length,
            "seen": self.seen,
            "origin": self.origin.copy(),
            "rows": self._rows[: self._kept].copy(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Go on where `state` was taken."""
        rows = np.array(state["rows"], dtype=np.float32)
        sample = cls(rows.shape[1], int(state["length"]))
        sample.seen, sample._kept = int(state["seen"]), len(rows)
        sample.origin = np.array(state["origin"], dtype=np.float64)
        sample._rows[: len(rows)] = rows
        return sample
