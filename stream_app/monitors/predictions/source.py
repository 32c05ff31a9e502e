"""The monitor of one model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.budget import Budget, split_rate
from stream_app.core.history import ClosedBuckets
from stream_app.core.model_versions import ModelVersions
from stream_app.core.reference import ReferenceTable
from stream_app.core.retraining import Trigger
from stream_app.core.signals import Signal
from stream_app.errors import OldStateError, StateError
from stream_app.events import Alert, LogId
from stream_app.events.audit import AuditRecord
from stream_app.events.trigger import RetrainingTrigger, TriggerKind, TriggerReason
from stream_app.monitors.alert_tracker import AlertRules, AlertTracker, ExtraRule
from stream_app.monitors.predictions.absent import Absent
from stream_app.monitors.predictions.challenger import Challenger
from stream_app.monitors.predictions.class_performance import ClassPerformance
from stream_app.monitors.predictions.columns import prediction_columns
from stream_app.monitors.predictions.error_detectors import error_detector_name, error_detectors
from stream_app.monitors.predictions.fairness import Fairness
from stream_app.monitors.predictions.history import ModelHistory
from stream_app.monitors.predictions.inputs import Inputs
from stream_app.monitors.predictions.intake import Admitted, Intake, Look
from stream_app.monitors.predictions.outcome import Arrivals, Outcome, PredictionBatch
from stream_app.monitors.predictions.performance import Performance, Summaries
from stream_app.monitors.predictions.retraining import Retraining
from stream_app.monitors.predictions.service_levels import ServiceLevels
from stream_app.monitors.predictions.signals import Named, describe
from stream_app.monitors.predictions.slices import Slices
from stream_app.monitors.predictions.value_performance import ValuePerformance
from stream_app.monitors.restore_errors import START_ANEW, restore_errors
from stream_app.settings.predictions import PredictionStream

__all__ = ["SourceMonitor"]

_PERIOD_ROWS = 32
"""Events whose median spacing turns a budget per time into one per event."""

VERSION = 4
"""Version of a source's state. Whoever changes what it holds, at any depth, raises this by one."""

_BLOCK = 512
"""Events after which slices, versions and reasons to train again are looked at: counted, so that it does not matter
where batches end."""

_LARGEST_RATE = 0.001
"""False alarms per event that a detector may be given at most; above, thresholds mean nothing."""


class SourceMonitor:
    """Intake, performance and alerts of one source.

    Parameters
    ----------
    source : str
        Name of the model.
    config : PredictionStream
        Settings of the stream.
    stream : str
        Name of the stream; part of each alert's identity.
    reference : ReferenceTable, optional
        See `Inputs`.
    """

    def __init__(
        self,
        source: str,
        config: PredictionStream,
        *,
        stream: str = "predictions",
        reference: ReferenceTable | None = None,
    ) -> None:
        self.source = source
        self.stream = stream
        self.config = config
        self.intake = Intake(config)
        self.performance = self._performance()
        self.service_levels = ServiceLevels(config)
        self.inputs = Inputs(config, reference)
        self.slices = Slices(config)
        self.fairness = Fairness(config)
        self.absent = Absent(config)
        self._told: dict[str, Summaries] = {
            "slice": self.slices,
            "fairness": self.fairness,
            "absent": self.absent,
        }
        self._told |= self.performance.told
        self.challenger = Challenger(config)
        self.retraining = Retraining(config)
        self.versions = ModelVersions()
        self.history = ModelHistory(source, config, self.performance.channels)
        self.alerts = AlertTracker(_alert_rules(stream, config), self._describe)
        self.events = 0
        self._times: list[float] = []
        self._period: float | None = None

    def _performance(self) -> Performance:
        if self.config.task == "regression":
            return ValuePerformance(self.config)
        return ClassPerformance(self.config, self.intake.labels)

    def update(self, arrivals: Arrivals, look: Look, log: LogId) -> Outcome:
        """Take events of this source, in the order of their offsets, whose times the intake has looked at."""
        before = asdict(self.intake.join.counts)
        admitted = self.intake.admit(arrivals, look)
        labels = {name: count - before[name] for name, count in asdict(self.intake.join.counts).items()}
        for part in self._told.values():
            part.summaries.clear()
        if not admitted.rows:
            alerts = self._alerts([], admitted, arrivals, log) if admitted.signals else []
            return Outcome(self.source, None, admitted.refusals, alerts, labels=labels)
        batch = PredictionBatch.of(self.source, arrivals, admitted.rows)
        signals: list[Named] = []
        triggers: list[RetrainingTrigger] = []
        audit: list[AuditRecord] = []
        closed: list[ClosedBuckets] = []
        for last, block in _blocks(admitted, self.events):
            audit += self._note_versions(block, batch, log)
            signals += self._watch(block, batch, last + 1 - len(block.rows), closed)
            self.events += len(block.rows)
            if self.events % _BLOCK == 0:
                ts = float(batch.ts[last])
                signals += self.slices.search(last, ts)
                self.slices.begin(self.inputs)
                signals += self.fairness.judge(last, ts)
                due = self.retraining.look(ts, self.versions.newest, self.performance, self.inputs)
                triggers += [self._trigger(one, int(batch.offsets[last]), log) for one in due]
        published = self._published(signals)
        if admitted.signals:
            alerts = self._alerts(published, admitted, arrivals, log)
        else:
            alerts = self.alerts.update(published, batch, log)
        return Outcome(self.source, batch, admitted.refusals, alerts, triggers, audit, labels, closed)

    def end_alerts(self, newest: float, offset: int) -> list[Alert]:
        """Resolve all firing alerts, at the newest time: the source starts cold with this event."""
        return self.alerts.end(newest, offset)

    def _alerts(
        self, signals: Sequence[Named], admitted: Admitted, arrivals: Arrivals, log: LogId
    ) -> list[Alert]:
        """Turn signals into alerts where some are about refused events, whose own times are not to be believed."""
        told = {signal.row: signal.ts for signal in admitted.signals}
        rows = sorted({*admitted.rows, *told})
        place = {row: i for i, row in enumerate(rows)}
        places = [place[row] for row in admitted.rows]
        for part in self._told.values():
            part.summaries = {(channel, places[row]): text for (channel, row), text in part.summaries.items()}
        placed = [(name, signal.at_row(places[signal.row])) for name, signal in signals]
        placed += [(signal.detector, signal.at_row(place[signal.row])) for signal in admitted.signals]
        batch = PredictionBatch(
            self.source,
            np.array([told.get(row, arrivals.rows[row].ts) for row in rows], dtype=np.float64),
            np.array([arrivals.offsets[row] for row in rows], dtype=np.int64),
        )
        return self.alerts.update(placed, batch, log)

    def _watch(
        self, block: Admitted, batch: PredictionBatch, begin: int, closed: list[ClosedBuckets]
    ) -> list[Named]:
        since = self._arm(block, batch)
        predictions = prediction_columns(block, batch, len(self.intake.labels))
        found = self.service_levels.update(predictions, since)
        found += self.inputs.update(predictions)
        judgement = self.performance.update(block, batch, predictions, since)
        found += judgement.signals
        found += self.absent.update(judgement.labelled)
        for part in (self.slices, self.fairness, self.challenger):
            part.update(judgement.labelled)
        closed += self.history.update(begin, begin + len(block.rows), batch, predictions, judgement)
        return found

    def _arm(self, block: Admitted, batch: PredictionBatch) -> int:
        """Begin to judge when the budget per event is known; return the place after which events are judged."""
        if self._period is not None:
            return -1
        for at, _ in block.attempts:
            self._times.append(float(batch.ts[at]))
            if len(self._times) == _PERIOD_ROWS:
                self._period = _median_spacing(self._times)
                self._times = []
                rates = self._rates(self._period)
                self.performance.arm(rates)
                self.service_levels.arm(rates)
                return at
        return len(batch)

    def _rates(self, period: float) -> dict[str, float]:
        """Share the budget; false alarms per event by detector."""
        config = self.config
        rate = Budget.parse(config.budget).rate_per_event(config.expected_sources / period)
        limits = {"failures": config.max_failures, "latency": config.max_latency}
        weights = {name: 1.0 for name, limit in limits.items() if limit is not None}
        shares = split_rate(rate, {**self.performance.weights, **weights})
        return {name: min(share, _LARGEST_RATE) for name, share in shares.items()}

    def _note_versions(self, block: Admitted, batch: PredictionBatch, log: LogId) -> list[AuditRecord]:
        records: list[AuditRecord] = []
        last, newest = "", 0
        for at, row in block.attempts:
            # Nearly always the version of the event before, which needs no look.
            if row.version == last:
                newest = at
                continue
            self.versions.see(last, float(batch.ts[newest]))
            last, newest, before = row.version, at, self.versions.newest
            ts = float(batch.ts[at])
            if self.versions.see(last, ts):
                offset = int(batch.offsets[at])
                records.append(
                    AuditRecord.version_seen(
                        self.stream, self.source, last, ts=ts, log=log, offset=offset, before=before
                    )
                )  # fmt: skip
        self.versions.see(last, float(batch.ts[newest]))
        return records

    def _trigger(self, trigger: Trigger, offset: int, log: LogId) -> RetrainingTrigger:
        return RetrainingTrigger.of(
            self.stream, self.source, log=log, offset=offset, ts=trigger.ts, version=trigger.version,
            reasons=tuple(
                TriggerReason(
                    kind=TriggerKind(reason.kind), since=reason.since, statistic=reason.statistic,
                    threshold=reason.threshold, names=reason.names, summary=reason.summary,
                )
                for reason in trigger.reasons
            ),
            samples=trigger.samples,
        )  # fmt: skip

    def _published(self, signals: list[Named]) -> list[Named]:
        if self.config.feature_alerts:
            return signals
        return [named for named in signals if named[0] != "class_mix"]

    def _describe(self, signal: Signal) -> str:
        where = signal.channel, signal.row
        part = self._told.get(signal.detector)
        return part.summaries[where] if part and where in part.summaries else describe(signal)

    def features(self) -> tuple[float, dict[str, float | None]]:
        """Return the time of the newest event, and the live features."""
        join = self.intake.join
        values: dict[str, float | None] = {
            "events": self.events,
            "predictions": join.counts.predictions,
            "waiting": join.waiting,
            "missing_labels": join.counts.missing,
            "missing_rate": join.missing_rate,
            "unmatched_labels": join.counts.unmatched_labels,
            "duplicates": join.counts.duplicate_predictions + join.counts.duplicate_labels,
        }
        values |= {
            f"version.{version}.seen": ts for version, ts in self.versions.times.items() if not math.isnan(ts)
        }
        for part in (
            self.performance,
            self.service_levels,
            self.inputs,
            self.slices,
            self.fairness,
            self.challenger,
        ):
            values |= part.features()
        return self.intake.newest, values

    def state(self) -> dict[str, Any]:
        """State as plain values, for `from_state`."""
        return {
            "version": VERSION,
            "intake": self.intake.state(),
            "task": self.config.task,
            "performance": self.performance.state(),
            "service_levels": self.service_levels.state(),
            "inputs": self.inputs.state(),
            "slices": self.slices.state(),
            "fairness": self.fairness.state(),
            "absent": self.absent.state(),
            "challenger": self.challenger.state(),
            "retraining": self.retraining.state(),
            "versions": self.versions.state(),
            "history": self.history.state(),
            "alerts": self.alerts.state(),
            "events": self.events,
            "times": list(self._times),
            "period": self._period,
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        source: str,
        config: PredictionStream,
        *,
        stream: str = "predictions",
        reference: ReferenceTable | None = None,
    ) -> Self:
        """Restore from `state`.

        Raises
        ------
        OldStateError
            If it is of an older version, or of another task.
        StateError
            If it is of a newer version or damaged.
        """
        _check_version(state.get("version"), source)
        if state.get("task", config.task) != config.task:
            raise OldStateError(
                f"state of {source}: of a {state['task']}, and the stream is of a {config.task}; {START_ANEW}"
            )
        monitor = cls(source, config, stream=stream, reference=reference)
        with restore_errors(source):
            monitor._restore(state)
        return monitor

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._period = None if state["period"] is None else float(state["period"])
        self._times = [float(ts) for ts in state["times"]]
        self.events = int(state["events"])
        self.intake = Intake.from_state(state["intake"], self.config)
        # The budget may be another one now.
        rates = None if self._period is None else self._rates(self._period)
        self.performance = self._performance()
        self.performance.restore(state["performance"], rates)
        self._told |= self.performance.told
        self.service_levels.restore(state["service_levels"], rates)
        self.inputs.restore(state["inputs"])
        self.slices.restore(state["slices"])
        self.fairness.restore(state["fairness"])
        # Not in states of 0.1: a model counts from its first labelled prediction after them.
        if "absent" in state:
            self.absent.restore(state["absent"])
        self.challenger.restore(state["challenger"])
        self.retraining.restore(state["retraining"])
        self.versions = ModelVersions.from_state(state["versions"])
        self.history.restore(state["history"])
        self.alerts.restore(state["alerts"])


def _check_version(version: object, source: str) -> None:
    if type(version) is not int or not 0 < version <= VERSION:
        raise StateError(
            f"state of {source}: version {version}, this program reads {VERSION}; was it written by a newer one?"
        )
    if version < VERSION:
        raise OldStateError(
            f"state of {source}: version {version}, this program reads {VERSION}; {START_ANEW}"
        )


def _alert_rules(stream: str, config: PredictionStream) -> AlertRules:
    errors = {error_detector_name(extra): extra.rule for extra in error_detectors(config)}
    psi = ExtraRule(config.feature_alerts, lasting=True)
    return AlertRules(stream, config.cooldown, config.resolve_after, {**errors, "psi": psi})


def _blocks(admitted: Admitted, events: int) -> Iterator[tuple[int, Admitted]]:
    """Cut a delivery where the count of the source's events is a multiple of a block; give the last place of each."""
    n = len(admitted.rows)
    cuts = [0, *range(_BLOCK - events % _BLOCK, n, _BLOCK), n]
    attempts = np.searchsorted([at for at, _ in admitted.attempts], cuts).tolist()
    predictions = np.searchsorted([at for at, _ in admitted.predictions], cuts).tolist()
    judged = np.searchsorted([one.at for one in admitted.judged], cuts).tolist()
    for i in range(len(cuts) - 1):
        yield (
            cuts[i + 1] - 1,
            Admitted(
                admitted.rows[cuts[i] : cuts[i + 1]],
                admitted.attempts[attempts[i] : attempts[i + 1]],
                admitted.predictions[predictions[i] : predictions[i + 1]],
                admitted.judged[judged[i] : judged[i + 1]],
            ),
        )


def _median_spacing(ts: Sequence[float] | FloatArray) -> float:
    """Return the median of the seconds between events, those at the same time left out; 1 if all are at the same.

    Parameters
    ----------
    ts : sequence of float
        Event times in epoch seconds, in any order.

    Examples
    --------
    >>> _median_spacing([10.0, 40.0, 20.0, 20.0])
    15.0
    """
    gaps = np.diff(np.sort(ts))
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0
