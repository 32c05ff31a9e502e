"""What a prediction monitor takes: the events of models with the records they came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.events import PredictionRow
from stream_app.monitors.arrivals import EventArrivals

__all__ = ["Arrivals", "PredictionBatch"]


class Arrivals(EventArrivals[PredictionRow]):
    """Decoded events of any models with the records they came in, column by column.

    Parameters
    ----------
    rows : list of PredictionRow
        The events, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    __slots__ = ()

    @property
    def sources(self) -> list[str]:
        """Whose each event is."""
        return [row.source for row in self.rows]

    @property
    def ts(self) -> FloatArray:
        """Event times, shape (n,)."""
        return np.array([row.ts for row in self.rows], dtype=np.float64)

    def at(self, rows: Sequence[int]) -> Self:
        """Return some of them, by their places, which ascend."""
        return type(self)(
            [self.rows[i] for i in rows], [self.offsets[i] for i in rows], [self.record_ts[i] for i in rows]
        )


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """The events of one source that were counted.

    Parameters
    ----------
    source : str
        Whose.
    ts : array, shape (n,)
        Event times in epoch seconds.
    offsets : array, shape (n,)
        Offsets of the events.
    """

    source: str
    ts: FloatArray
    offsets: IntArray

    def __len__(self) -> int:
        return len(self.ts)

    @classmethod
    def of(cls, source: str, arrivals: Arrivals, rows: list[int]) -> "PredictionBatch":
        """Make one of some rows of arrivals."""
        return cls(
            source,
            np.array([arrivals.rows[i].ts for i in rows], dtype=np.float64),
            np.array([arrivals.offsets[i] for i in rows], dtype=np.int64),
        )
