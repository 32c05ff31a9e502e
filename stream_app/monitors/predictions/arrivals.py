"""What a prediction monitor takes: the events of one model with the records they came in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray

__all__ = ["Arrivals", "PredictionBatch", "PredictionEvent"]


class PredictionEvent(Protocol):
    """A decoded event of the predictions stream: a prediction, a failure, a label, or a prediction with its label."""

    @property
    def source(self) -> str:
        """The model, as it is deployed."""

    @property
    def ts(self) -> float:
        """Event time, epoch seconds."""

    @property
    def id(self) -> str:
        """What joins a label to its prediction."""

    @property
    def version(self) -> str:
        """The model's version; empty where none is told."""

    @property
    def prediction(self) -> str | None:
        """The predicted label."""

    @property
    def probabilities(self) -> tuple[tuple[str, float], ...] | None:
        """Each label's probability, the predicted one among them."""

    @property
    def label(self) -> str | None:
        """The truth."""

    @property
    def features(self) -> Mapping[str, float | None]:
        """Numbers that the model saw."""

    @property
    def categories(self) -> Mapping[str, str | None]:
        """Categories that the model saw, or groups it is judged by."""

    @property
    def latency(self) -> float:
        """Seconds that the prediction took; NaN where it is not told."""

    @property
    def failed(self) -> bool:
        """Whether the model gave an error in place of a prediction."""


@dataclass(slots=True)
class Arrivals:
    """Decoded events of one source with the records they came in, column by column.

    Parameters
    ----------
    rows : list of PredictionEvent
        The events, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    rows: list[PredictionEvent] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    record_ts: list[float] = field(default_factory=list)

    def between(self, first: int, last: int) -> "Arrivals":
        """Return those from `first` on and before `last`."""
        if first == 0 and last == len(self.rows):
            return self
        return Arrivals(self.rows[first:last], self.offsets[first:last], self.record_ts[first:last])


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
