"""The simulated water loop as a source: one pump, or many side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from producers.batch import Readings
from producers.water_loop import CHANNELS, Fault, Recording, WaterLoop, stream
from stream_app.errors import DataError
from stream_app.tables.cells import Label, LabelColumn, as_labels

__all__ = ["Simulated"]


@dataclass(frozen=True, slots=True)
class Simulated:
    """Events of `pumps` independent loops, interleaved by event time.

    Labels are ``anomaly`` and ``changepoint`` (0 or 1) and, while a fault is present, ``fault`` with its name.

    Parameters
    ----------
    config : WaterLoop
    seed : int
        Loop i is seeded by (seed, i).
    faults : sequence of Fault
        In the first loop, or in all if `everywhere`.
    pumps : int
        Sources are ``pump-1``, ``pump-2``, …; with one, `name` alone.
    name : str
    events : int or None
        Events of all together; None never ends.
    everywhere : bool
    """

    config: WaterLoop
    seed: int
    faults: Sequence[Fault] = ()
    pumps: int = 1
    name: str = "pump"
    events: int | None = None
    everywhere: bool = False

    def __post_init__(self) -> None:
        if self.pumps < 1:
            raise DataError("a simulation needs at least one pump")

    @property
    def total(self) -> int | None:
        """Number of events, None without an end."""
        return self.events

    @property
    def identity(self) -> str:
        """All settings."""
        return f"{self.config} {self.seed} {tuple(self.faults)} {self.pumps} {self.name} {self.everywhere}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources."""
        return (self.name,) if self.pumps == 1 else tuple(f"{self.name}-{i + 1}" for i in range(self.pumps))

    def batches(self) -> Iterator[Readings]:
        """Simulate from the beginning."""
        # Short blocks cost more in calls than in numbers: 64 pumps in blocks of 64 events take three times as long.
        block = min(max(65_536 // self.pumps, 64), 4096)
        healthy: Sequence[Fault] = self.faults if self.everywhere else ()
        streams = [
            stream(self.config, [self.seed, i], healthy if i else self.faults, block=block)
            for i in range(self.pumps)
        ]
        done = 0
        while self.events is None or done < self.events:
            batch = self._interleave([next(s) for s in streams])
            if self.events is not None and done + len(batch) > self.events:
                batch = batch.take(slice(self.events - done))
            done += len(batch)
            yield batch

    def _interleave(self, blocks: Sequence[Recording]) -> Readings:
        n = len(blocks[0])
        # (event, loop) order: at each moment one event of every loop.
        values = np.stack([b.values for b in blocks], axis=1).reshape(n * self.pumps, len(CHANNELS))
        anomaly = np.stack([b.anomaly for b in blocks], axis=1).ravel()
        changepoint = np.stack([b.changepoint for b in blocks], axis=1).ravel()
        labels: dict[str, LabelColumn] = {
            "anomaly": as_labels(anomaly.astype(np.int64).tolist()),
            "changepoint": as_labels(changepoint.astype(np.int64).tolist()),
            "fault": self._fault(blocks),
        }
        return Readings(
            self.names,
            np.tile(np.arange(self.pumps), n),
            np.repeat(blocks[0].ts, self.pumps),
            CHANNELS,
            values,
            labels,
        )

    def _fault(self, blocks: Sequence[Recording]) -> LabelColumn:
        table: list[Label] = [*(fault.name for fault in self.faults), None]
        # Index -1, no fault, is the last entry.
        numbers = np.stack([b.fault for b in blocks], axis=1).ravel()
        return as_labels(table)[numbers]
