"""The monitor of one platform."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from stream_app.core.history import ClosedBuckets
from stream_app.core.platform import WHOLE
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.plane import WindowPlane
from stream_app.core.platform.queries import FIGURES
from stream_app.core.platform.stored import expect
from stream_app.core.platform.window_features import window_features
from stream_app.core.signals import Signal
from stream_app.errors import OldStateError, StateError
from stream_app.events import Alert, LogId
from stream_app.monitors.alert_tracker import AlertRules, AlertTracker
from stream_app.monitors.platform.detection import PLATFORM_DETECTOR, Detection, Finding
from stream_app.monitors.platform.heat import GROUPS, Heat, heat_of
from stream_app.monitors.platform.history import PlatformHistory
from stream_app.monitors.platform.intake import Intake
from stream_app.monitors.platform.models import WindowModels
from stream_app.monitors.platform.outcome import Arrivals, ClosedWindow, Looks, Outcome, Watch
from stream_app.monitors.platform.refused import SERIES_DETECTOR
from stream_app.monitors.platform.snapshot import LOG_MOST
from stream_app.monitors.platform.wording import Wording
from stream_app.monitors.refusals import REFUSED
from stream_app.monitors.restore_errors import START_ANEW, restore_errors
from stream_app.monitors.summaries import summarise
from stream_app.settings.platform import PlatformStream

__all__ = ["SourceMonitor"]

VERSION = 2
"""Version of a platform's state. Whoever changes what it holds, at any depth, raises this by one."""

_MOST_INCIDENTS = 20


class SourceMonitor:
    """Intake, detection and alerts of one platform.

    Parameters
    ----------
    source : str
        Name of the platform.
    config : PlatformStream
        Settings of the stream.
    stream : str
        Name of the stream; part of each alert's identity.
    watch : callable, optional
        Told of each window that closes; for backtests.
    graph : CallGraph, optional
        Who calls whom, where the settings do not say it.
    """

    def __init__(
        self,
        source: str,
        config: PlatformStream,
        *,
        stream: str = "platform",
        watch: Watch | None = None,
        graph: CallGraph | None = None,
    ) -> None:
        self.source = source
        self._watch = watch
        self.stream = stream
        self.config = config
        self.intake = Intake(config)
        self.detection = Detection(config, graph)
        self.models = WindowModels(config.models)
        self.plane = WindowPlane()
        self.history = PlatformHistory(source, GROUPS)
        rules = AlertRules(stream, config.cooldown)
        self.alerts = AlertTracker(rules, self._describe, self._details)
        self.incidents: deque[str] = deque(maxlen=_MOST_INCIDENTS)
        """Ids of the newest incidents, the oldest first."""
        self.heat = Heat((), np.zeros((0, len(GROUPS))), np.full(len(GROUPS), np.nan))
        """Of the newest window."""
        self._findings: dict[float, Finding] = {}

    def update(self, arrivals: Arrivals, log: LogId) -> tuple[Outcome, int]:
        """Take rows of this platform, in the order of their offsets.

        Returns
        -------
        outcome : Outcome
            What came of them.
        taken : int
            Rows that were taken; before the next one it was away for so long that it starts cold.
        """
        looks: list[tuple[float, int]] = []
        signals: list[tuple[str, Signal]] = []
        history: list[ClosedBuckets] = []
        self._findings = {}
        told = 0
        for window in self.intake.take(arrivals):
            told = self._refused(told, looks, signals, arrivals)
            looks.append((window.end, arrivals.offsets[window.row]))
            signal = self._judge(window, history)
            if signal is not None:
                signals.append((PLATFORM_DETECTOR, signal.at_row(len(looks) - 1)))
        self._refused(told, looks, signals, arrivals)
        alerts = self.alerts.update(signals, Looks.of(self.source, looks), log) if looks else []
        for alert in alerts:
            if alert.begins and alert.case.id not in self.incidents:
                self.incidents.append(alert.case.id)
        away, last = self.intake.away_before, self.intake.last
        outcome = Outcome(
            self.source,
            None if last is None else arrivals.offsets[last],
            self.intake.refusals,
            alerts,
            history,
        )
        return outcome, len(arrivals.rows) if away is None else away

    def _refused(
        self,
        told: int,
        looks: list[tuple[float, int]],
        signals: list[tuple[str, Signal]],
        arrivals: Arrivals,
    ) -> int:
        """Take over what the intake had to tell since; return how much that is by now."""
        for ts, row, signal in self.intake.signals[told:]:
            looks.append((ts, arrivals.offsets[row]))
            signals.append((signal.detector, signal.at_row(len(looks) - 1)))
        return len(self.intake.signals)

    def _judge(self, window: ClosedWindow, history: list[ClosedBuckets]) -> Signal | None:
        intake, detection = self.intake, self.detection
        patterns = {name: one.pattern for name, one in intake.queries.classes.items()}
        result, signal = detection.update(
            window.end,
            intake.registry.series,
            window.values,
            changes=tuple(intake.changes),
            wording=Wording(patterns, self.config.timezone),
            calls=intake.registry.calls,
            forgotten=window.forgotten,
        )
        if signal is not None:
            self._findings[window.end] = detection.finding
        # The registry may have series by now that the window has not.
        series = intake.registry.series[: len(result.deviations)]
        features = window_features(series, result.deviations)
        self.models.update(features)
        self.plane.add(features, open=result.open)
        if self._watch is not None:
            self._watch(self.source, series, result)
        self.heat = heat_of(intake.registry.series, detection.recent.deviations)
        if self.config.history:
            history += self.history.update(window.end, self.heat.groups, result.score)
        return signal

    def end_alerts(self, offset: int) -> list[Alert]:
        """Resolve all firing alerts, at the newest time: the platform starts cold with this event."""
        return self.alerts.end(max(self.intake.windows.newest, 0.0), offset)

    def _describe(self, signal: Signal) -> str:
        if signal.detector == PLATFORM_DETECTOR:
            return self._findings.get(signal.ts, self.detection.finding).summary
        if signal.detector == SERIES_DETECTOR:
            metric = signal.contributions[0][0] if signal.contributions else ""
            return f"no room for another series of {metric}: {signal.statistic:.0f} are kept; its labels have too many values"
        if signal.detector == REFUSED:
            behind = dict(signal.context).get("seconds_behind", 0.0)
            side = "behind" if behind > 0.0 else "ahead of"
            return f"samples of {signal.channel} are refused: its clock is {abs(behind):.0f} s {side} that of the platform"
        return summarise(signal)

    def _details(self, signal: Signal) -> Mapping[str, Any]:
        found = self._findings.get(signal.ts) if signal.detector == PLATFORM_DETECTOR else None
        return {} if found is None else {"causes": found.causes, "explanation": found.explanation}

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self.intake.registry.series)

    def features(self) -> tuple[float, dict[str, float | None]]:
        """Return the time of the newest event, and the live features."""
        intake, detection = self.intake, self.detection
        newest = detection.timeline[-1] if len(detection.timeline) else None
        open_since = detection.open_since
        silent = [n for n, slot in intake.reporting.items() if self._newest_value(slot) == 0.0]
        values: dict[str, float | None] = {
            "events": intake.samples + intake.queries.completions,
            "samples": intake.samples,
            "queries": intake.queries.completions,
            "nodes": len(intake.reporting),
            "silent_nodes": len(silent),
            "series": len(intake.registry),
            "query_classes": max(0, len(intake.queries.classes) - 1),
            "windows": detection.windows,
            "score": None if newest is None else float(newest[1]),
            "threshold": None if newest is None else float(newest[2]),
            "incident_open": float(open_since is not None),
            "incident_seconds": None
            if open_since is None or newest is None
            else float(newest[0] - open_since),
        }
        whole = intake.queries.classes.get(WHOLE)
        for place, (figure, _) in enumerate(FIGURES):
            value = math.nan if whole is None else self._newest_value(whole.slots[place])
            if figure.startswith("log_"):
                value = math.exp(min(value, LOG_MOST)) if math.isfinite(value) else value
            values["query_" + figure.removeprefix("log_")] = _known(value)
        for group, deviation in zip(GROUPS, self.heat.groups.tolist(), strict=True):
            values["deviation_" + group.replace(" ", "_")] = _known(deviation)
        return max(intake.windows.newest, 0.0), values

    def _newest_value(self, slot: int) -> float:
        return self.detection.recent.newest(slot)

    def state(self) -> dict[str, Any]:
        """State as plain values, for `from_state`."""
        return {
            "version": VERSION,
            "intake": self.intake.state(),
            "detection": self.detection.state(),
            "models": self.models.state(),
            "plane": self.plane.state(),
            "history": self.history.state(),
            "alerts": self.alerts.state(),
            "incidents": list(self.incidents),
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        source: str,
        config: PlatformStream,
        *,
        stream: str = "platform",
        graph: CallGraph | None = None,
    ) -> Self:
        """Restore from `state`.

        Raises
        ------
        OldStateError
            If it is of an older version.
        StateError
            If it is of a newer version or damaged.
        """
        version = state.get("version")
        if type(version) is not int or not 0 < version <= VERSION:
            raise StateError(
                f"state of {source}: version {version}, this program reads {VERSION}; was it written by a newer one?"
            )
        if version < VERSION:
            raise OldStateError(
                f"state of {source}: version {version}, this program reads {VERSION}; {START_ANEW}"
            )
        monitor = cls(source, config, stream=stream, graph=graph)
        with restore_errors(source):
            monitor._restore(state)
        return monitor

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.intake.restore(state["intake"])
        self.detection.restore(state["detection"])
        expect(self.series >= self.detection.recent.width, "series")
        self.models.restore(state["models"])
        self.plane.restore(state["plane"])
        self.history.restore(state["history"])
        self.alerts.restore(state["alerts"])
        self.incidents.extend(str(one) for one in state["incidents"])
        if self.detection.windows:
            self.heat = heat_of(self.intake.registry.series, self.detection.recent.deviations)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
