"""What a monitor makes of some readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from stream_app.events import Alert
from stream_app.monitors.sensors.batch import SensorBatch
from stream_app.monitors.sensors.intake import Refusal
from stream_app.monitors.sensors.scores import EventScores

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update of one source.

    Parameters
    ----------
    source : str
        Whose.
    batch : SensorBatch or None
        The readings that were counted; None if there was none.
    scores : EventScores
        Judgement of each of them.
    refusals : list of Refusal
        Readings that were set aside.
    alerts : list of Alert
        Alerts that began or ended, in the order of their events.
    """

    source: str
    batch: SensorBatch | None
    scores: EventScores
    refusals: list[Refusal]
    alerts: list[Alert]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Make one of several that follow each other; at least one of the same source."""
        batches = [part.batch for part in parts if part.batch is not None]
        return cls(
            parts[0].source,
            _joined(batches) if batches else None,
            EventScores(
                np.concatenate([part.scores.score for part in parts]),
                np.concatenate([part.scores.anomaly for part in parts]),
                np.concatenate([part.scores.changepoint for part in parts]),
                np.concatenate([part.scores.drift for part in parts]),
            ),
            [refusal for part in parts for refusal in part.refusals],
            [alert for part in parts for alert in part.alerts],
        )


def _joined(batches: Sequence[SensorBatch]) -> SensorBatch:
    channels = tuple(dict.fromkeys(name for batch in batches for name in batch.channels))
    values = np.full((sum(map(len, batches)), len(channels)), np.nan)
    row = 0
    for batch in batches:
        values[row : row + len(batch), [channels.index(name) for name in batch.channels]] = batch.values
        row += len(batch)
    return SensorBatch(
        batches[0].source,
        channels,
        np.concatenate([batch.ts for batch in batches]),
        values,
        np.concatenate([batch.offsets for batch in batches]),
    )
