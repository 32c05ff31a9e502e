"""What streams of predictions have of their own in a worker: their decoder, and the effects of a batch.

A worker without such streams does not load it, which takes a tenth of its start.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from stream_app.events import DeadLetter, DecodedRows, PredictionRow, record_times
from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger
from stream_app.monitors import base
from stream_app.monitors.predictions import Arrivals, Outcome
from stream_app.runtime.effects import Effects
from stream_app.runtime.partition import Partition
from stream_app.runtime.sources import Decoded
from stream_app.store import Notice, NoticeWriter

__all__ = ["PredictionEffects", "decode_answers"]


def decode_answers(records: list[Any], read: Callable[[list[Any]], DecodedRows[PredictionRow]]) -> Decoded:
    """Decode answers of models, and the truth about them."""
    found, times = read(records), record_times(records)
    answers = Arrivals(
        found.rows,
        [records[place].offset for place in found.places],
        [times[place] for place in found.places],
    )
    bad = [False] * len(records)
    for place, _ in found.rejected:
        bad[place] = True
    return Decoded(answers, [(records[place], why) for place, why in found.rejected], bad)


class PredictionEffects(Effects):
    """Writes what a batch of predictions brought about; for its other parameters see `Effects`.

    Parameters
    ----------
    notices : NoticeWriter
        Writes triggers and audit records to Redis.
    """

    def __init__(self, *args: Any, notices: NoticeWriter, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._notices = notices

    async def write(
        self, partition: Partition, outcomes: Sequence[base.Outcome], letters: Sequence[DeadLetter]
    ) -> None:
        """Write all effects of one batch; see `Effects.write`."""
        await super().write(partition, outcomes, letters)
        found = [cast(Outcome, outcome) for outcome in outcomes]
        notices = [notice for outcome in found for notice in _notices(outcome)]
        told = await self._notices.write(notices, partition.fence)
        self._outbox.added(sum(told))
        for notice, new in zip(notices, told, strict=True):
            if new and isinstance(notice, RetrainingTrigger):
                self._metrics.triggers.labels(self._stream).inc()
        # Last, because all above may have to be done again.
        for outcome in found:
            for fate, count in outcome.labels.items():
                self._metrics.labels.labels(self._stream, fate).inc(count)


def _notices(outcome: Outcome) -> list[Notice]:
    triggered = [AuditRecord.triggered(trigger) for trigger in outcome.triggers]
    return [*outcome.audit, *outcome.triggers, *triggered]
