"""What a prediction monitor makes of some events."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from stream_app.events import Alert
from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger
from stream_app.monitors.base import Refusal
from stream_app.monitors.predictions.arrivals import PredictionBatch

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update of one source.

    Parameters
    ----------
    source : str
        Whose.
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
    """

    source: str
    batch: PredictionBatch | None
    refusals: list[Refusal]
    alerts: list[Alert]
    triggers: list[RetrainingTrigger] = field(default_factory=list)
    audit: list[AuditRecord] = field(default_factory=list)
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> Mapping[str, int]:
        """The source, with the offset of its last event that was counted; nothing where there was none."""
        return {} if self.batch is None else {self.source: int(self.batch.offsets[-1])}

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Make one of several that follow each other; at least one of the same source."""
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
        )
