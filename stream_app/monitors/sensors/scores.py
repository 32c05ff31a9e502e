"""What was seen at each event: the columns of a backtest."""

from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray

__all__ = ["EventScores"]


@dataclass(frozen=True, slots=True)
class EventScores:
    """Judgement of each event of a batch.

    Parameters
    ----------
    score : array, shape (n,)
        Anomaly score as a normal equivalent: 4 is as rare as four standard deviations. 0 while learning.
    anomaly : array of bool, shape (n,)
        Whether the event lies in an anomaly.
    changepoint : array of bool, shape (n,)
        Whether a change of level was found at it.
    drift : array of bool, shape (n,)
        Whether drift was found at it.
    """

    score: FloatArray
    anomaly: BoolArray
    changepoint: BoolArray
    drift: BoolArray

    @classmethod
    def quiet(cls, n: int) -> "EventScores":
        """Nothing seen at n events."""
        return cls(np.zeros(n), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool))

    def merge(self, other: "EventScores", first: int = 0) -> None:
        """Take over what `other` saw from row `first` on."""
        rows = slice(first, first + len(other.score))
        np.maximum(self.score[rows], other.score, out=self.score[rows])
        self.anomaly[rows] |= other.anomaly
        self.changepoint[rows] |= other.changepoint
        self.drift[rows] |= other.drift
