"""What charts are given of a source: its channels over time, as few points as are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray

__all__ = ["Series"]


@dataclass(frozen=True, slots=True)
class Series:
    """What is known of a source over time, for a chart.

    Parameters
    ----------
    channels : tuple of str
        Names of the d channels.
    time : array, shape (k,)
        Beginning of each point, in epoch seconds, ascending.
    width : array, shape (k,)
        Seconds that it stands for; older points stand for more.
    count : array of int, shape (k,)
        Readings in it, about.
    mean, min, max : array, shape (k, d)
        Of each channel; NaN where it had no reading.
    score : array, shape (k,)
        Largest anomaly score, in decades.

    Examples
    --------
    >>> quiet = Series.empty(("flow",))
    >>> len(quiet), quiet.mean.shape
    (0, (0, 1))
    """

    channels: tuple[str, ...]
    time: FloatArray
    width: FloatArray
    count: IntArray
    mean: FloatArray
    min: FloatArray
    max: FloatArray
    score: FloatArray

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def empty(cls, channels: Sequence[str] = ()) -> "Series":
        """Return a series without points."""
        none, table = np.zeros(0), np.zeros((0, len(channels)))
        return cls(tuple(channels), none, none, np.zeros(0, np.int64), table, table, table, none)

    def between(self, begin: float, end: float) -> "Series":
        """Return the points that reach into some time."""
        return self.at((self.time + self.width > begin) & (self.time < end))

    def thinned(self, points: int) -> "Series":
        """Return at most so many points, those that stand for equal parts of the time put together.

        Parameters
        ----------
        points : int
            At least 1.
        """
        if len(self) <= points:
            return self
        begin, end = self.time[0], self.time[-1] + self.width[-1]
        part = np.minimum(((self.time - begin) / (end - begin) * points).astype(np.int64), points - 1)
        first = np.flatnonzero(np.diff(part, prepend=-1))
        weight = np.where(np.isnan(self.mean), 0.0, np.maximum(self.count, 1)[:, None])
        total = np.add.reduceat(weight, first)
        sums = np.add.reduceat(np.nan_to_num(self.mean) * weight, first)
        last = np.append(first[1:], len(self)) - 1
        return Series(
            self.channels,
            self.time[first],
            self.time[last] + self.width[last] - self.time[first],
            np.add.reduceat(self.count, first),
            np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0),
            np.fmin.reduceat(self.min, first),
            np.fmax.reduceat(self.max, first),
            np.maximum.reduceat(self.score, first),
        )

    def at(self, which: Any) -> "Series":
        """Return some of the points."""
        columns = (self.time, self.width, self.count, self.mean, self.min, self.max, self.score)
        return Series(self.channels, *(column[which] for column in columns))
