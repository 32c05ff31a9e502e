"""The prediction monitor over events in memory: what it tells of them, in their order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from stream_app.events import Alert, AuditRecord, PredictionRow, Rejected, RetrainingTrigger
from stream_app.monitors.base import Refusal
from stream_app.monitors.predictions import Arrivals, Outcome, PredictionMonitor

__all__ = ["JudgedPredictions", "judge_predictions"]


@dataclass(frozen=True, slots=True)
class JudgedPredictions:
    """What the monitor tells of some events; offsets count the events of the input from 0.

    Parameters
    ----------
    alerts : list of Alert
        Alerts that began or ended, in the order of the events.
    triggers : list of RetrainingTrigger
        Reasons to train again, in the order of the events.
    refusals : list of Refusal
        Events that a worker would put to the dead letters: no event at all, or set aside by the intake.
    versions : list of AuditRecord
        Versions of models that came up.
    labels : dict of str to Counter
        Of each model, what became of its predictions and labels, by the fields of `JoinCounts`.
    """

    alerts: list[Alert] = field(default_factory=list)
    triggers: list[RetrainingTrigger] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    versions: list[AuditRecord] = field(default_factory=list)
    labels: dict[str, Counter[str]] = field(default_factory=dict)

    def take(self, outcome: Outcome) -> None:
        """Add what came of the events of one model."""
        self.alerts.extend(outcome.alerts)
        self.triggers.extend(outcome.triggers)
        self.refusals.extend(outcome.refusals)
        self.versions.extend(outcome.audit)
        self.labels.setdefault(outcome.source, Counter()).update(outcome.labels)

    def add(self, later: "JudgedPredictions") -> None:
        """Add what was told of the events that follow."""
        self.alerts.extend(later.alerts)
        self.triggers.extend(later.triggers)
        self.refusals.extend(later.refusals)
        self.versions.extend(later.versions)
        for model, counts in later.labels.items():
            self.labels.setdefault(model, Counter()).update(counts)


def judge_predictions(
    monitor: PredictionMonitor, events: Sequence[PredictionRow | Rejected], first: int = 0
) -> JudgedPredictions:
    """Give events to a monitor the way a worker does: model by model, in the order of the input.

    Parameters
    ----------
    monitor : PredictionMonitor
        It goes on from where it is.
    events : sequence of PredictionRow or Rejected
        Of any models, mixed as they come, as `decode_predictions` gives them. Their own times stand for those of the
        records in Kafka.
    first : int
        Number of the first event in the whole input; it stands for the offset in Kafka.
    """
    judged = JudgedPredictions()
    arrivals = Arrivals()
    for offset, event in enumerate(events, start=first):
        if isinstance(event, Rejected):
            judged.refusals.append(Refusal(offset, event.reason, event.message))
            continue
        arrivals.rows.append(event)
        arrivals.offsets.append(offset)
        arrivals.record_ts.append(event.ts)
    for outcome in monitor.take(arrivals):
        judged.take(outcome)
    judged.alerts.sort(key=lambda alert: alert.changed_offset)
    judged.triggers.sort(key=lambda trigger: trigger.offset)
    judged.refusals.sort(key=lambda refusal: refusal.offset)
    return judged
