"""Intake: from decoded readings of one source to columns, setting aside what must not be counted.

The checks, in their order, are the stated policy:

1. future: a reading more than `max_future` after its record's own time is refused, because one such event
   would make every honest one after it late;
2. late: a reading more than `lateness` older than the newest one of its source is refused;
3. channels: with declared channels, a reading must have exactly those (null for one that was not measured);
   else channels are learned as they come, and one that is absent counts as missing;
4. duplicate: a reading with the id of an earlier one, or without an id with the same time and the same values,
   is refused. The newest `MEMORY` ones of each sort are remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.errors import StateError
from stream_app.events import Reason, SensorRow
from stream_app.monitors.sensors.batch import SensorBatch

__all__ = ["MAX_LEARNED_CHANNELS", "MEMORY", "Arrivals", "Intake", "Refusal"]

MEMORY = 256
"""Readings of a source that are remembered to recognise duplicates."""

MAX_LEARNED_CHANNELS = 64
"""Most channels of a source whose channels are learned: names are the producer's, memory is ours."""

_VERSION = 1


@dataclass(slots=True)
class Arrivals:
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

    rows: list[SensorRow] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    record_ts: list[float] = field(default_factory=list)


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
        self._declared = declared
        self._lateness = lateness
        self._max_future = max_future
        self._ids: dict[str, None] = {}
        self._past = np.empty((0, 2))  # time and fingerprint of the newest readings without an id

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
        ts = np.array([row.ts for row in rows], dtype=np.float64)
        refused: list[Refusal] = []
        offsets: IntArray = np.array(arrivals.offsets, dtype=np.int64)
        # Nearly always readings come in order with the known channels, and need no look one by one.
        if not self._in_order(rows, ts, arrivals.record_ts):
            kept, refused = self._sift(arrivals)
            rows, ts, offsets = [rows[i] for i in kept], ts[kept], offsets[kept]
        batch = SensorBatch(self.source, self.channels, ts, self._values(rows), offsets)
        if len(batch):
            self.newest = max(self.newest, float(ts.max()))
            unnamed = np.array([row.id is None for row in rows])
            seen = np.column_stack((ts, _fingerprints(batch.values)))[unnamed]
            self._past = np.concatenate((self._past, seen))[-MEMORY:]
        return batch, refused

    def _in_order(self, rows: Sequence[SensorRow], ts: FloatArray, record_ts: Sequence[float]) -> bool:
        channels = self.channels
        return bool(
            ts[0] > self.newest
            and (ts[1:] > ts[:-1]).all()
            and (ts <= np.asarray(record_ts) + self._max_future).all()
            and all(row.id is None and tuple(row.values) == channels for row in rows)
        )

    def _values(self, rows: Sequence[SensorRow]) -> FloatArray:
        channels = self.channels
        flat: list[float | None]
        if all(tuple(row.values) == channels for row in rows):
            flat = list(chain.from_iterable(row.values.values() for row in rows))
        else:
            flat = [row.values.get(channel) for row in rows for channel in channels]
        # numpy makes NaN of None.
        return np.array(flat, dtype=np.float64).reshape(len(rows), len(channels))

    def _sift(self, arrivals: Arrivals) -> tuple[list[int], list[Refusal]]:
        kept: list[int] = []
        refused: list[Refusal] = []
        newest = self.newest
        for i, row in enumerate(arrivals.rows):
            verdict = self._judge(row, arrivals.record_ts[i], newest) or self._repeats(
                row, arrivals.rows, kept
            )
            if verdict:
                refused.append(Refusal(arrivals.offsets[i], *verdict))
                continue
            newest = max(newest, row.ts)
            kept.append(i)
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
        self, row: SensorRow, rows: Sequence[SensorRow], kept: Sequence[int]
    ) -> tuple[Reason, str] | None:
        message = f"the same reading came before, at ts {row.ts}"
        if row.id is not None:
            if row.id in self._ids:
                return Reason.DUPLICATE, message
            self._ids[row.id] = None
            if len(self._ids) > MEMORY:
                del self._ids[next(iter(self._ids))]
            return None
        for i in kept[-MEMORY:]:
            if rows[i].ts == row.ts and rows[i].id is None and rows[i].values == row.values:
                return Reason.DUPLICATE, message
        same = self._past[self._past[:, 0] == row.ts, 1]
        if len(same) and (same == _fingerprints(self._values([row]))[0]).any():
            return Reason.DUPLICATE, message
        return None

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "newest": None if self.newest == float("-inf") else self.newest,
            "ids": list(self._ids),
            "past": self._past,
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
        intake._ids = dict.fromkeys(state["ids"])
        intake._past = np.array(state["past"], dtype=np.float64).reshape(-1, 2)
        return intake


def _fingerprints(values: FloatArray) -> FloatArray:
    """One number a row that tells rows apart; column by column, so that it is the same in any batch."""
    total = np.zeros(len(values))
    for j in range(values.shape[1]):
        # Incommensurable weights, so that columns that swap their values do not cancel out; nothing for a
        # missing one, so that a channel that is learned later leaves earlier fingerprints as they are.
        total += np.nan_to_num(values[:, j], nan=0.0, posinf=0.0, neginf=0.0) * np.sqrt(2.0 + 3.0 * j)
    return total
