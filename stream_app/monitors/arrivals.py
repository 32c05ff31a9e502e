"""What a monitor takes: decoded events with the records they came in, column by column."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["EventArrivals", "TimedRow"]


class TimedRow(Protocol):
    """A decoded event, of whatever kind."""

    @property
    def ts(self) -> float:
        """Its own time, in epoch seconds."""


Row = TypeVar("Row", bound=TimedRow)


@dataclass(slots=True)
class EventArrivals(Generic[Row]):
    """Decoded events with the records they came in; each kind of monitor names its rows.

    Parameters
    ----------
    rows : list
        The events, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    rows: list[Row] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    record_ts: list[float] = field(default_factory=list)
    _times: FloatArray | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def ts(self) -> FloatArray:
        """Event times, shape (n,); made once, when nothing is added any more."""
        if self._times is None or len(self._times) != len(self.rows):
            self._times = np.array([row.ts for row in self.rows], dtype=np.float64)
        return self._times

    def between(self, first: int, last: int) -> Self:
        """Return those from `first` on and before `last`."""
        if first == 0 and last == len(self.rows):
            return self
        return type(self)(self.rows[first:last], self.offsets[first:last], self.record_ts[first:last])
