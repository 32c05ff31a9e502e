"""Features of many entities at once, from the bytes of their logs to columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.features.evaluate import Evaluator, Reading
from stream_app.core.features.layout import Layout
from stream_app.core.features.log import NEVER, EntityLog
from stream_app.core.features.view import Aggregation, Feature, FeatureView
from stream_app.core.features.windows import Sliding
from stream_app.errors import StateError

__all__ = ["BatchEvaluator", "Readings", "compile_reading"]

_FEW = 8
"""Logs that are read one by one: compiled code is not worth the half second that loading it takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Features of some entities at one instant, as columns.

    Parameters
    ----------
    values : array of float, shape (entities, features)
        NaN where there is no value.
    event_ts : array of int, shape (entities,)
        Time of the newest event before the instant, in microseconds; `NEVER`, the least of all, where there is no entity.
    incomplete : array of bool, shape (entities, features)
        Whether there is no value because events of its window are not kept any more.

    Examples
    --------
    >>> readings = Readings.of([Reading([2.0], event_ts=5_000_000), Reading([None], None)], ("lines",))
    >>> readings.values.tolist(), readings.known.tolist(), len(Readings.joined([readings, readings]))
    ([[2.0], [nan]], [True, False], 4)
    """

    values: FloatArray
    event_ts: IntArray
    incomplete: BoolArray

    @classmethod
    def empty(cls, entities: int, features: int) -> Self:
        """Make readings of entities that are missing."""
        return cls(
            np.full((entities, features), np.nan),
            np.full(entities, NEVER, dtype=np.int64),
            np.zeros((entities, features), dtype=np.bool_),
        )

    @classmethod
    def of(cls, readings: Sequence[Reading], names: Sequence[str]) -> Self:
        """Put single readings together; `names` are those of the features."""
        made = cls.empty(len(readings), len(names))
        for row, one in enumerate(readings):
            made.put(row, one, names)
        return made

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put readings of several lists of entities one below the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.event_ts for part in parts]),
            np.concatenate([part.incomplete for part in parts]),
        )

    def put(self, row: int, reading: Reading, names: Sequence[str]) -> None:
        """Put a single reading in its row."""
        self.values[row] = reading.values  # numpy makes NaN of None
        if reading.event_ts is not None:
            self.event_ts[row] = reading.event_ts
        if reading.incomplete:
            self.incomplete[row] = [name in reading.incomplete for name in names]

    def __len__(self) -> int:
        """Entities."""
        return len(self.event_ts)

    @property
    def known(self) -> BoolArray:
        """Whether each entity had an event before the instant."""
        return np.not_equal(self.event_ts, NEVER)


class BatchEvaluator:
    """Computation of a view's features from the logs of many entities: `Evaluator`, with the same numbers, for columns.

    Parameters
    ----------
    evaluator : Evaluator
        Of the features wanted.
    skip : int
        Bytes that stand before each log in what is stored.

    Notes
    -----
    From eight logs on compiled code reads them, in 0.3 µs each with ten features over ten events. It leaves to the twin in Python
    what is damaged, which is named there, and logs with totals over all time.

    Examples
    --------
    >>> from stream_app.core.features.layout import Layout
    >>> from stream_app.core.features.view import Feature, FeatureView
    >>> from stream_app.core.features.windows import Sliding
    >>> layout = Layout(FeatureView("v", (Feature("spent", "sum", "amount", Sliding(1800)),)))
    >>> logs = []
    >>> for i in range(10):
    ...     log = EntityLog(layout)
    ...     _ = log.add(0, i, 5_000_000 * i, 0, layout.cells(None, {"amount": 1.5 * i}, {}))
    ...     logs.append(log.encode())
    >>> found = BatchEvaluator(Evaluator(layout)).read([*logs, None], 12_000_000, [f"customer-{i}" for i in range(11)])
    >>> found.values[:4, 0].tolist(), int(found.known.sum())
    ([0.0, 1.5, 3.0, nan], 3)
    """

    def __init__(self, evaluator: Evaluator, *, skip: int = 0) -> None:
        self.names = evaluator.names
        self._evaluator = evaluator
        self._layout = evaluator.layout
        self._skip = skip

    def read(self, stored: Sequence[bytes | None], at: int, keys: Sequence[str]) -> Readings:
        """Return the features of some entities at an instant.

        Parameters
        ----------
        stored : sequence of bytes or None
            What is stored of each: its log, after the bytes to skip; None if nothing is.
        at : int
            The instant, in microseconds.
        keys : sequence of str
            What each is called, for messages.

        Raises
        ------
        StateError
            If a log is damaged, or of another version or definition; it names the key.
        """
        if len(stored) >= _FEW and np.little_endian:
            return self._read_many(stored, at, keys)
        found = Readings.empty(len(stored), len(self.names))
        for row, raw in enumerate(stored):
            if raw is not None:
                found.put(row, self._read_one(raw, at, keys[row]), self.names)
        return found

    def _read_one(self, raw: bytes, at: int, key: str) -> Reading:
        try:
            log = EntityLog.decode(raw[self._skip :], self._layout)
        except StateError as error:
            raise StateError(f"{key}: {error}") from error
        return self._evaluator.read(log, at)

    def _read_many(self, stored: Sequence[bytes | None], at: int, keys: Sequence[str]) -> Readings:
        from stream_app.core.features.log_kernel import PARTIALS, read_logs  # noqa: PLC0415 - numba takes half a second

        present = [raw or b"" for raw in stored]
        sizes = np.fromiter(map(len, present), dtype=np.int64, count=len(present))
        joined = b"".join((*present, b"\0" * 8))
        count, features = len(present), len(self.names)
        windows, steps, lengths, answers, layout = self._plan
        most_rows = int(sizes.max(initial=0)) // 8
        found = Readings(
            np.empty((count, features)),
            np.empty(count, dtype=np.int64),
            np.empty((count, features), dtype=np.bool_),
        )
        left = np.empty(count, dtype=np.bool_)
        read_logs(
            np.frombuffer(joined, dtype=np.uint8),
            # At each byte the eight that begin there.
            np.ndarray(len(joined) - 7, dtype=np.int64, buffer=joined, strides=(1,)),
            np.ndarray(len(joined) - 7, dtype=np.float64, buffer=joined, strides=(1,)),
            np.cumsum(sizes), self._skip, layout, windows, steps, lengths, answers, at,
            np.empty((len(windows), 3), dtype=np.int64), np.empty(len(steps)), np.empty(PARTIALS),
            np.empty(most_rows, dtype=np.int64),
            found.values, found.event_ts, found.incomplete, left,
        )  # fmt: skip
        # What is there without a byte is no log either.
        for row in np.flatnonzero(left | (sizes == 0)).tolist():
            raw = stored[row]
            if raw is not None:
                found.put(row, self._read_one(raw, at, keys[row]), self.names)
        return found

    @cached_property
    def _plan(self) -> tuple[IntArray, IntArray, FloatArray, IntArray, IntArray]:
        """Windows, steps, their lengths, answers, and the layout, as compiled code takes them."""
        from stream_app.core.features import log_kernel  # noqa: PLC0415 - as above

        evaluator, layout = self._evaluator, self._layout
        windows = [(window.reach, window.delay, window.gap) for window in evaluator.windows]
        codes = {
            Aggregation(kind): getattr(log_kernel, kind.name)
            for kind in Aggregation
            if kind is not Aggregation.RATIO
        }
        steps = []
        for step in evaluator.steps:
            plane, bit = step.wanted.place or (-1, 0)
            steps.append((codes[step.wanted.aggregation], step.window, plane, bit, step.wanted.column))
        fingerprint = int.from_bytes(layout.fingerprint, "little", signed=True)
        numbers, marks = len(layout.numbers), len(layout.marks)
        return (
            np.array(windows, dtype=np.int64).reshape(-1, 3),
            np.array(steps, dtype=np.int64),
            np.array([step.wanted.seconds for step in evaluator.steps]),
            np.array(evaluator.answers, dtype=np.int64),
            np.array(
                [fingerprint, numbers, marks, layout.planes, layout.ttl, layout.max_events], dtype=np.int64
            ),
        )


def compile_reading() -> None:
    """Load the machine code that reads many logs, or compile what is not on disk, which takes five seconds.

    It is compiled for the types of its arguments and not for a view, so one log does it.

    Examples
    --------
    >>> compile_reading()
    """
    layout = Layout(FeatureView("any", (Feature("any", Aggregation.COUNT, window=Sliding(1.0)),)))
    log = EntityLog(layout).encode()
    BatchEvaluator(Evaluator(layout)).read([log] * _FEW, 0, [""] * _FEW)
