"""Intake: from decoded readings of one source to columns, setting aside what must not be counted.

The checks, in their order, are the stated policy:

1. future: a reading more than `max_future` after its record's own time is refused, because one such event
   would make every honest one after it late;
2. late: a reading more than `lateness` older than the newest one of its source is refused;
3. channels: with declared channels, a reading must have exactly those (null for one that was not measured);
   else channels are learned as they come, and one that is absent counts as missing;
4. duplicate: a reading with the id of an earlier one, or without an id with the same time and the same values,
   is refused; a null is no value. The newest `MEMORY` good ones of each sort are remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.errors import StateError
from stream_app.events import Reason, SensorRow
from stream_app.monitors.arrivals import EventArrivals
from stream_app.monitors.sensors.batch import SensorBatch

__all__ = ["MAX_LEARNED_CHANNELS", "MEMORY", "Arrivals", "Intake", "Refusal"]

MEMORY = 256
"""Readings of a source that are remembered to recognise duplicates."""

MAX_LEARNED_CHANNELS = 64
"""Most channels of a source whose channels are learned: names are the producer's, memory is ours."""

_VERSION = 2
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SHIFTS = np.array([30, 27, 31], dtype=np.uint64)
_FACTORS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)


class Arrivals(EventArrivals[SensorRow]):
    """Decoded readings of one source with the records they came in, column by column.

    Parameters
    ----------
    rows : list of SensorRow
        The readings, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reading that is set aside, and why."""

    offset: int
    reason: Reason
    message: str


class Intake:
    """Checks of one source.

    Parameters
    ----------
    source : str
        Whose.
    declared : tuple of str or None
        The channels every reading must have; None if they are learned.
    lateness, max_future : float
        Seconds, see above.

    Examples
    --------
    >>> intake = Intake("a", declared=None, lateness=10.0, max_future=60.0)
    >>> row = SensorRow("a", 5.0, {"x": 1.0})
    >>> batch, refused = intake.admit(Arrivals([row, row], offsets=[0, 1], record_ts=[5.0, 5.0]))
    >>> batch.values.tolist(), refused[0].reason.value
    ([[1.0]], 'duplicate')
    """

    def __init__(
        self, source: str, *, declared: tuple[str, ...] | None, lateness: float, max_future: float
    ) -> None:
        self.source = source
        self.channels: tuple[str, ...] = declared or ()
        self.newest = float("-inf")
        """Newest time of the good readings."""
        self.latest = float("-inf")
        """Newest time of all but those from the future, of refused ones, too."""
        self._declared = declared
        self._lateness = lateness
        self._max_future = max_future
        self._ids: dict[str, None] = {}
        # Times and marks of the newest readings without an id.
        self._past_ts: FloatArray = np.empty(0)
        self._past_marks = np.empty(0, dtype=np.uint64)

    def admit(self, arrivals: Arrivals) -> tuple[SensorBatch, list[Refusal]]:
        """Sort readings into a batch and what is refused.

        Parameters
        ----------
        arrivals : Arrivals
            Readings of this source, in the order of their offsets.

        Returns
        -------
        batch : SensorBatch
            All good readings.
        refused : list of Refusal
            All others.
        """
        rows = arrivals.rows
        ts = arrivals.ts
        refused: list[Refusal] = []
        offsets: IntArray = np.array(arrivals.offsets, dtype=np.int64)
        # Nearly always readings come in order with the known channels, and need no look one by one.
        if self._in_order(rows, ts, arrivals.record_ts):
            self.latest = max(self.latest, float(ts[-1]))
            values = self._uniform(rows)
            unnamed: slice | list[int] = slice(-MEMORY, None)
        else:
            honest = ts <= np.asarray(arrivals.record_ts) + self._max_future
            self.latest = float(np.max(ts, where=honest, initial=self.latest))
            kept, refused = self._sift(arrivals)
            rows, ts, offsets = [rows[i] for i in kept], ts[kept], offsets[kept]
            values = self._values(rows)
            unnamed = [i for i, row in enumerate(rows) if row.id is None][-MEMORY:]
        batch = SensorBatch(self.source, self.channels, ts, values, offsets)
        if len(batch):
            self.newest = max(self.newest, float(ts.max()))
            self._past_ts = np.concatenate((self._past_ts, ts[unnamed]))[-MEMORY:]
            self._past_marks = np.concatenate((self._past_marks, _marks(batch.values[unnamed])))[-MEMORY:]
        return batch, refused

    def _in_order(self, rows: Sequence[SensorRow], ts: FloatArray, record_ts: Sequence[float]) -> bool:
        channels = self.channels
        return bool(
            ts[0] > self.newest
            and (ts[1:] > ts[:-1]).all()
            and (ts <= np.asarray(record_ts) + self._max_future).all()
            and all(row.id is None and tuple(row.values) == channels for row in rows)
        )

    def _uniform(self, rows: Sequence[SensorRow]) -> FloatArray:
        """Return the values of rows whose channels are ours, in our order."""
        shape = len(rows), len(self.channels)
        cells = chain.from_iterable([row.values.values() for row in rows])
        try:
            return np.fromiter(cells, np.float64, shape[0] * shape[1]).reshape(shape)
        except TypeError:  # a missing value among them
            return self._values(rows)

    def _values(self, rows: Sequence[SensorRow]) -> FloatArray:
        channels = self.channels
        # numpy makes NaN of None.
        cells = [row.values.get(channel) for row in rows for channel in channels]
        return np.array(cells, dtype=np.float64).reshape(len(rows), len(channels))

    def _sift(self, arrivals: Arrivals) -> tuple[list[int], list[Refusal]]:
        kept: list[int] = []
        unnamed: list[SensorRow] = []
        refused: list[Refusal] = []
        newest = self.newest
        for i, row in enumerate(arrivals.rows):
            verdict = self._judge(row, arrivals.record_ts[i], newest) or self._repeats(row, newest, unnamed)
            if verdict:
                refused.append(Refusal(arrivals.offsets[i], *verdict))
                continue
            newest = max(newest, row.ts)
            kept.append(i)
            if row.id is None:
                unnamed.append(row)
        return kept, refused

    def _judge(self, row: SensorRow, record_ts: float, newest: float) -> tuple[Reason, str] | None:
        if row.ts > record_ts + self._max_future:
            return Reason.TIMESTAMP, f"ts {row.ts} is {row.ts - record_ts:.0f} s after its record's own time"
        if row.ts < newest - self._lateness:
            return Reason.LATE, f"ts {row.ts} is {newest - row.ts:.3f} s older than the newest of this source"
        problem = None if tuple(row.values) == self.channels else self._learn(row.values)
        return (Reason.CHANNELS, problem) if problem else None

    def _learn(self, values: Mapping[str, float | None]) -> str | None:
        if self._declared is not None:
            missing = [name for name in self._declared if name not in values]
            unknown = [name for name in values if name not in self._declared]
            named = [
                f"{word} {names[:5]}" for word, names in (("missing", missing), ("unknown", unknown)) if names
            ]
            return f"channels {' and '.join(named)}; declared are {list(self._declared)}" if named else None
        new = tuple(name for name in values if name not in self.channels)
        if len(self.channels) + len(new) > MAX_LEARNED_CHANNELS:
            return f"channels {list(new[:5])} would be more than {MAX_LEARNED_CHANNELS}; declare the stream's channels"
        self.channels += new
        return None

    def _repeats(
        self, row: SensorRow, newest: float, unnamed: Sequence[SensorRow]
    ) -> tuple[Reason, str] | None:
        message = f"the same reading came before, at ts {row.ts}"
        if row.id is not None:
            if row.id in self._ids:
                return Reason.DUPLICATE, message
            self._ids[row.id] = None
            if len(self._ids) > MEMORY:
                del self._ids[next(iter(self._ids))]
            return None
        if row.ts > newest:
            return None
        # The memory is those of this delivery and, as far as there is room, those before: the same in any batch.
        near = [other for other in unnamed[-MEMORY:] if other.ts == row.ts]
        if any(_present(other) == _present(row) for other in near):
            return Reason.DUPLICATE, message
        recent = slice(max(0, len(self._past_ts) + len(unnamed) - MEMORY), None)
        same = self._past_marks[recent][self._past_ts[recent] == row.ts]
        if len(same) and (same == _marks(self._values([row]))).any():
            return Reason.DUPLICATE, message
        return None

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "newest": None if self.newest == float("-inf") else self.newest,
            "latest": None if self.latest == float("-inf") else self.latest,
            "ids": list(self._ids),
            "past_ts": self._past_ts,
            "past_marks": self._past_marks,
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        source: str,
        *,
        declared: tuple[str, ...] | None,
        lateness: float,
        max_future: float,
    ) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        StateError
            If it is of another version.
        """
        if state.get("version") != _VERSION:
            raise StateError(
                f"intake of {source}: state version {state.get('version')}, this program reads {_VERSION}"
            )
        intake = cls(source, declared=declared, lateness=lateness, max_future=max_future)
        if declared is None:
            intake.channels = tuple(state["channels"])
        intake.newest = float("-inf") if state["newest"] is None else float(state["newest"])
        intake.latest = float("-inf") if state["latest"] is None else float(state["latest"])
        intake._ids = dict.fromkeys(state["ids"])
        intake._past_ts = np.array(state["past_ts"], dtype=np.float64)
        intake._past_marks = np.array(state["past_marks"], dtype=np.uint64)
        return intake


def _present(row: SensorRow) -> dict[str, float]:
    return {channel: value for channel, value in row.values.items() if value is not None}


def _marks(values: FloatArray) -> npt.NDArray[np.uint64]:
    """One number a row that tells rows apart: the sum of SplitMix64 of each cell, salted by its column.

    A sum of integers, so that it is the same in any batch; nothing for a missing cell, so that a channel that is
    learned later leaves earlier marks as they are.
    """
    bits = (values + 0.0).view(np.uint64)  # + 0.0 makes 0.0 of -0.0
    bits += _salts(values.shape[1])
    bits ^= bits >> _SHIFTS[0]
    bits *= _FACTORS[0]
    bits ^= bits >> _SHIFTS[1]
    bits *= _FACTORS[1]
    bits ^= bits >> _SHIFTS[2]
    bits[np.isnan(values)] = 0
    marks: npt.NDArray[np.uint64] = np.add.reduce(bits, axis=1)
    return marks


@lru_cache(maxsize=64)
def _salts(columns: int) -> npt.NDArray[np.uint64]:
    return np.arange(1, columns + 1, dtype=np.uint64) * _GOLDEN
