"""The course of one source for a plot, in bounded memory: rows are gathered into ever wider bins."""

from dataclasses import dataclass, field, replace

import numpy as np

from stream_app.backtesting.parts import SourcePart
from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.events import Alert

__all__ = ["Bins", "Trace", "gaps"]

_CELLS = 64_000
"""Bins times channels at most: 4,000 bins of 16 channels are a megabyte."""
_FEWEST_BINS = 500
_GAP = 10.0
"""Times the usual distance of rows from which on it is a gap."""
_SEEN = 100.0
"""Parts of a picture's width; a gap that is narrower is none."""


def gaps(ts: FloatArray) -> IntArray:
    """Return the rows after which there is none for long: for ten times as long as usually, and long enough to be seen.

    Examples
    --------
    >>> gaps(np.array([0.0, 1.0, 2.0, 3.0, 50.0, 51.0])).tolist()
    [3]
    """
    steps = np.diff(ts)
    if not len(steps):
        return np.empty(0, dtype=np.int64)
    least = max(_GAP * float(np.median(steps)), (float(ts.max()) - float(ts.min())) / _SEEN)
    return np.flatnonzero(steps > least)


@dataclass(frozen=True, slots=True)
class Bins:
    """Stretches of rows; of one row each where there are few.

    Parameters
    ----------
    ts : array, shape (n,)
        Time of the first row.
    low, high : array, shape (n, d)
        Range of each channel; NaN where it has no reading.
    score : array, shape (n,)
        Highest score.
    found, truth, learning : array of bool, shape (n,)
        Whether a row was flagged, lies truly in an anomaly, belongs to the warm-up.
    """

    ts: FloatArray
    low: FloatArray
    high: FloatArray
    score: FloatArray
    found: BoolArray
    truth: BoolArray
    learning: BoolArray

    @classmethod
    def none(cls) -> "Bins":
        """Return no bins of no channels."""
        no = np.empty(0, dtype=np.bool_)
        return cls(np.empty(0), np.empty((0, 0)), np.empty((0, 0)), np.empty(0), no, no, no)

    def __len__(self) -> int:
        return len(self.ts)

    def gathered(self, width: int) -> "Bins":
        """Join every `width` bins into one; the last may be of fewer."""
        starts = np.arange(0, len(self), width)
        if width == 1 or not len(starts):
            return self
        return Bins(
            self.ts[starts],
            np.fmin.reduceat(self.low, starts, axis=0),
            np.fmax.reduceat(self.high, starts, axis=0),
            np.maximum.reduceat(self.score, starts),
            np.logical_or.reduceat(self.found, starts),
            np.logical_or.reduceat(self.truth, starts),
            np.logical_or.reduceat(self.learning, starts),
        )

    def split(self, at: int) -> tuple["Bins", "Bins"]:
        """Cut in two."""
        parts = [getattr(self, name) for name in self.__slots__]
        return Bins(*(part[:at] for part in parts)), Bins(*(part[at:] for part in parts))

    def then(self, other: "Bins") -> "Bins":
        """Append bins of the same channels."""
        names = self.__slots__
        return Bins(*(np.concatenate((getattr(self, name), getattr(other, name))) for name in names))

    def broken(self) -> "Bins":
        """Return the same bins with an empty one in each gap, so that nothing is drawn across it."""
        at = gaps(self.ts)
        no = np.zeros(len(at), dtype=np.bool_)
        empty = Bins(
            self.ts[at],
            np.full((len(at), self.low.shape[1]), np.nan),
            np.full((len(at), self.low.shape[1]), np.nan),
            np.full(len(at), np.nan),
            no,
            no,
            self.learning[at] & self.learning[at + 1],
        )
        names = self.__slots__
        return Bins(*(np.insert(getattr(self, name), at + 1, getattr(empty, name), axis=0) for name in names))

    def widened(self, d: int) -> "Bins":
        """Return the same bins with channels added that have no reading, up to `d`."""
        absent = np.full((len(self), d - self.low.shape[1]), np.nan)
        return replace(self, low=np.hstack((self.low, absent)), high=np.hstack((self.high, absent)))


@dataclass(slots=True)
class Trace:
    """Gathers the course of one source from blocks of any size.

    Memory is bounded but for the moments (alerts, changepoints, drift), which are few.

    Parameters
    ----------
    warmup : int
        First accepted rows of the source, from which the monitor learns.
    """

    warmup: int
    channels: tuple[str, ...] = ()
    alerts: list[Alert] = field(default_factory=list)
    found_changes: list[float] = field(default_factory=list)
    true_changes: list[float] = field(default_factory=list)
    drifts: list[float] = field(default_factory=list)
    labelled: bool = False
    with_changepoints: bool = False
    _rows: int = 0
    _width: int = 1
    _closed: Bins = field(default_factory=Bins.none)
    _open: Bins = field(default_factory=Bins.none)

    def update(self, part: SourcePart) -> None:
        """Add rows of the source; those that were refused are left out."""
        taken, scores = part.accepted, part.scores
        ts = part.ts[taken]
        self.labelled |= part.anomaly is not None
        self.with_changepoints |= part.changepoint is not None
        self.alerts += [alert for _, alert in part.begun]
        self.found_changes += part.ts[scores.changepoint].tolist()
        self.drifts += part.ts[scores.drift].tolist()
        if part.changepoint is not None:
            self.true_changes += ts[part.changepoint[taken]].tolist()
        truth = np.zeros(len(ts), dtype=np.bool_) if part.anomaly is None else part.anomaly[taken]
        learning = np.arange(self._rows, self._rows + len(ts)) < self.warmup
        self._rows += len(ts)
        values = self._aligned(part.channels, part.values[taken])
        score, found = scores.score[taken], scores.anomaly[taken]
        self._open = self._open.then(Bins(ts, values, values, score, found, truth, learning))
        full, self._open = self._open.split(len(self._open) // self._width * self._width)
        self._closed = self._closed.then(full.gathered(self._width))
        while len(self._closed) > max(_CELLS // max(len(self.channels), 1), _FEWEST_BINS):
            self._closed = self._closed.gathered(2)
            self._width *= 2

    def bins(self) -> Bins:
        """Return what was gathered."""
        return self._closed.then(self._open.gathered(self._width))

    def _aligned(self, channels: tuple[str, ...], values: FloatArray) -> FloatArray:
        """Return the values in the columns of `self.channels`, which get those that are new."""
        self.channels += tuple(name for name in channels if name not in self.channels)
        d = len(self.channels)
        self._closed, self._open = self._closed.widened(d), self._open.widened(d)
        if channels == self.channels:
            return values
        out = np.full((len(values), d), np.nan)
        out[:, [self.channels.index(name) for name in channels]] = values
        return out
