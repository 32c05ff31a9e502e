"""The beginning and the end of an anomaly: hysteresis over the evidence of the channels."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from stream_app.core.anomaly.config import AnomalyConfig
from stream_app.core.arrays import BoolArray, FloatArray

__all__ = ["Change", "Episode", "Evidence", "Step"]

Change: TypeAlias = Literal["none", "begin", "join", "end", "adopt"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the statistics say about a stretch of rows.

    Parameters
    ----------
    hit : BoolArray, shape (n, d)
        Channels beyond the level at which an anomaly begins; where only a joint statistic is beyond it, the
        channels with more than their share in it.
    departure : FloatArray, shape (n, d)
        Distance of the slow mean from the baseline, in scales, not negative.
    quick : FloatArray, shape (n, d)
        Distance of the fast mean, not negative.
    quiet : BoolArray, shape (n, d)
        Channels whose fast mean is below the level at which an anomaly ends.
    """

    hit: BoolArray
    departure: FloatArray
    quick: FloatArray
    quiet: BoolArray


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at the end of a stretch: its last row, and the change of state there, if any."""

    row: int
    change: Change


@dataclass(slots=True)
class Episode:
    """The state of being normal or anomalous, and the channels that are part of the anomaly.

    An anomaly begins with the first hit. Channels that hit later join it. It ends when every channel in it
    has been back for `hold` rows in a row: back means that its fast mean is quiet, or that it undid all but
    the share `recovered` of its largest departure. Channels that never hit have no say in the end.
    `astray` are the channels of the anomaly that are not back at the last row.

    Examples
    --------
    >>> Episode.outside(3).active
    False
    """

    active: bool
    members: BoolArray
    peak: FloatArray
    astray: BoolArray
    calm: int = 0
    length: int = 0

    @classmethod
    def outside(cls, d: int) -> "Episode":
        """No anomaly."""
        nowhere = np.zeros(d, dtype=np.bool_)
        return cls(active=False, members=nowhere, peak=np.zeros(d), astray=nowhere)

    def advance(self, evidence: Evidence, config: AnomalyConfig) -> Step:
        """Go to the first row where the state changes, or to the last row, and take that state."""
        if not self.active:
            hits = np.flatnonzero(evidence.hit.any(axis=1))
            if hits.size == 0:
                return Step(evidence.hit.shape[0] - 1, "none")
            row = int(hits[0])
            self.active, self.calm, self.length = True, 0, 1
            self.members = evidence.hit[row].copy()
            self.peak = evidence.departure[row].copy()
            self.astray = self.members
            return Step(row, "begin")
        return self._advance_active(evidence, config)

    def _advance_active(self, evidence: Evidence, config: AnomalyConfig) -> Step:
        n = evidence.hit.shape[0]
        rows = np.arange(n)
        peaks = np.maximum(self.peak, np.maximum.accumulate(evidence.departure, axis=0))
        back = evidence.quiet | (evidence.quick <= config.recovered * peaks)
        astray = ~back & self.members
        # Rows since the last one that was not back; the count goes on from the stretch before.
        last_astray = np.maximum.accumulate(np.where(astray.any(axis=1), rows, -1))
        calm = np.where(last_astray >= 0, rows - last_astray, rows + 1 + self.calm)
        joins = (evidence.hit & ~self.members).any(axis=1)
        ends = calm >= config.hold
        adopts = self.length + rows + 1 >= config.adopt_after
        changes = np.flatnonzero(joins | ends | adopts)
        row = int(changes[0]) if changes.size else n - 1
        self.peak, self.calm, self.length = peaks[row].copy(), int(calm[row]), self.length + row + 1
        self.astray = astray[row].copy()
        if changes.size == 0:
            return Step(row, "none")
        if ends[row]:
            self.active = False
            return Step(row, "end")
        if adopts[row]:
            self.active = False
            return Step(row, "adopt")
        self.members = self.members | evidence.hit[row]
        return Step(row, "join")

    def state(self) -> dict[str, Any]:
        """Plain values, for `from_state`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Episode":
        """Take back what `state` gave."""
        return cls(
            active=bool(state["active"]),
            members=np.array(state["members"], dtype=np.bool_),
            peak=np.array(state["peak"], dtype=np.float64),
            astray=np.array(state["astray"], dtype=np.bool_),
            calm=int(state["calm"]),
            length=int(state["length"]),
        )
