"""Input and outcome of the prediction monitor."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.history import ClosedBuckets
from stream_app.events import Alert, PredictionRow
from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger
from stream_app.monitors.base import EventArrivals, Refusal

__all__ = ["Arrivals", "Outcome", "PredictionBatch"]


class Arrivals(EventArrivals[PredictionRow]):
    """Decoded events of any models with their records, as columns.

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
        """Source of each event."""
        return [row.source for row in self.rows]

    @property
    def ts(self) -> FloatArray:
        """Event times, shape (n,)."""
        return np.array([row.ts for row in self.rows], dtype=np.float64)

    def at(self, rows: Sequence[int]) -> Self:
        """Return the events at some positions, ascending."""
        return type(self)(
            [self.rows[i] for i in rows], [self.offsets[i] for i in rows], [self.record_ts[i] for i in rows]
        )


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """Counted events of one source.

    Parameters
    ----------
    source : str
        Name of the model.
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

    def course(self, channel: str, row: int) -> None:
        """Return None: what alerts about models tell is of many predictions, and no event has it."""

    @classmethod
    def of(cls, source: str, arrivals: Arrivals, rows: list[int]) -> "PredictionBatch":
        """Make a batch of some rows of arrivals."""
        return cls(
            source,
            np.array([arrivals.rows[i].ts for i in rows], dtype=np.float64),
            np.array([arrivals.offsets[i] for i in rows], dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update of one source.

    Parameters
    ----------
    source : str
        Name of the model.
    batch : PredictionBatch or None
        The events that were counted; None if there was none.
    refusals : list of Refusal
        Events that were set aside, and why.
    alerts : list of Alert
        Alerts that began or ended, in the order of their events.
    triggers : list of RetrainingTrigger
        Reasons to train the model again, in the order of their events.
    audit : list of AuditRecord
        Versions of the model that came up, in the order of their events.
    labels : dict of str to int
        How many predictions and labels were joined, missed and so on in this update, by the fields of `JoinCounts`.
    history : list of ClosedBuckets
        What is added to the history of the model.
    """

    source: str
    batch: PredictionBatch | None
    refusals: list[Refusal]
    alerts: list[Alert]
    triggers: list[RetrainingTrigger] = field(default_factory=list)
    audit: list[AuditRecord] = field(default_factory=list)
    labels: Mapping[str, int] = field(default_factory=dict)
    history: list[ClosedBuckets] = field(default_factory=list)

    @property
    def counted(self) -> Mapping[str, int]:
        """The source, with the offset of its last event that was counted; nothing where there was none."""
        return {} if self.batch is None else {self.source: int(self.batch.offsets[-1])}

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Join consecutive outcomes of one source, at least one."""
        batches = [part.batch for part in parts if part.batch is not None]
        batch = None
        if batches:
            batch = PredictionBatch(
                batches[0].source,
                np.concatenate([one.ts for one in batches]),
                np.concatenate([one.offsets for one in batches]),
            )
        return cls(
            parts[0].source,
            batch,
            [refusal for part in parts for refusal in part.refusals],
            [alert for part in parts for alert in part.alerts],
            [trigger for part in parts for trigger in part.triggers],
            [record for part in parts for record in part.audit],
            dict(sum((Counter(part.labels) for part in parts), Counter())),
            [buckets for part in parts for buckets in part.history],
        )
