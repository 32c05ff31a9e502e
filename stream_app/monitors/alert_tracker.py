"""Alerts of one source: policies applied to signals, identities, summaries and incidents."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, cast

from stream_app.core.alerting import AlertChange, AlertPolicy, ConsecutivePolicy, EveryPolicy
from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.signals import WHOLE_SOURCE, Kind, Signal
from stream_app.errors import StateError
from stream_app.events import Alert, Excerpt, LogId, Severity
from stream_app.monitors.escalation import first_look, has_grown, next_look
from stream_app.monitors.incidents import IncidentTracker
from stream_app.monitors.summaries import summarise

__all__ = ["AlertRules", "AlertTracker", "ExtraRule"]

_EPISODES = "episodes"
_MOMENTS = "moments"
_POLICY_OF_KIND = {
    "anomaly": _EPISODES,
    "quality": _EPISODES,
    "performance": _EPISODES,
    "drift": _MOMENTS,
    "changepoint": _MOMENTS,
}
_LEAST_SEVERITY = {"changepoint": Severity.INFO}


class _Batch(Protocol):
    """Events of one source, of any kind."""

    @property
    def source(self) -> str:
        """Name of the source."""

    @property
    def ts(self) -> FloatArray:
        """Event times, shape (n,)."""

    @property
    def offsets(self) -> IntArray:
        """Offsets, shape (n,)."""

    def course(self, channel: str, row: int) -> tuple[FloatArray, FloatArray] | None:
        """Return times and values of a channel in the newest rows up to one of these; None where they are not known."""


@dataclass(frozen=True, slots=True)
class ExtraRule:
    """Alert policy of an extra detector.

    Parameters
    ----------
    alert : bool
        Whether its signals raise alerts.
    consecutive : int
        Signals in a row that an alert needs.
    lasting : bool
        Whether the detector says when a condition is over; else an alert ends `resolve_after` seconds after the last signal.
    """

    alert: bool = True
    consecutive: int = 1
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Alert policies of a stream.

    Parameters
    ----------
    stream : str
        Name of the stream; part of each alert's identity.
    cooldown, resolve_after : float
        Cooldown, and time until an alert about a moment resolves; seconds of event time.
    extra : mapping of str to ExtraRule
        Policy of each extra detector, by name.
    units : mapping of str to str
        Channel to unit, for summaries.
    """

    stream: str
    cooldown: float = 300.0
    resolve_after: float = 300.0
    extra: Mapping[str, ExtraRule] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


class AlertTracker:
    """Alerts of one source, from firing to resolved.

    Detectors that keep the budget themselves, and the quality checks, raise an alert at their first signal. What has
    an end of its own (an anomaly, a quality problem, a windowed test) fires until then, however long; what is a moment (drift, a
    changepoint) fires for `resolve_after` seconds. An extra detector has a policy of its own, so that "three in a
    row" is counted for it alone.

    Parameters
    ----------
    rules : AlertRules
        Cooldown and resolution times of the stream.
    describe : callable, optional
        Puts a signal into words.
    details : callable, optional
        Gives further fields of the alert that a signal changes, by their names.
    """

    def __init__(
        self,
        rules: AlertRules,
        describe: Callable[[Signal], str] | None = None,
        details: Callable[[Signal], Mapping[str, Any]] | None = None,
    ) -> None:
        self._stream = rules.stream
        self._details = details or (lambda _: {})
        self._describe = describe or partial(summarise, units=rules.units)
        lasting = {"resolve_after": float("inf"), "cool_down": rules.cooldown}
        momentary = {"resolve_after": rules.resolve_after, "cool_down": rules.cooldown}
        self._policies: dict[str, AlertPolicy] = {
            _EPISODES: EveryPolicy(**lasting),
            _MOMENTS: EveryPolicy(**momentary),
        }
        self._policies |= {
            name: ConsecutivePolicy(rule.consecutive, **(lasting if rule.lasting else momentary))
            for name, rule in rules.extra.items()
            if rule.alert
        }
        self._lasting = {_EPISODES, *(name for name, rule in rules.extra.items() if rule.lasting)}
        self._silent = {name for name, rule in rules.extra.items() if not rule.alert}
        self._firing: dict[str, Alert] = {}
        self._looks: dict[str, float] = {}
        # As long as an alert stays calm afterwards, another one is about the same.
        self._incidents = IncidentTracker(max(rules.cooldown, rules.resolve_after))

    @property
    def idle(self) -> bool:
        """Whether nothing fires, cools down or gathers evidence: then only signals change it, and not the passing of time."""
        calm = not self._firing and all(policy.idle for policy in self._policies.values())
        return calm and self._incidents.idle

    def update(self, signals: Sequence[tuple[str, Signal]], batch: _Batch, log: LogId) -> list[Alert]:
        """Turn the signals of a batch into alerts that begin or end.

        Parameters
        ----------
        signals : sequence of (detector, Signal)
            Named by the detector that saw them.
        batch : SensorBatch or PredictionBatch
            The events.
        log : LogId
            Where they came from.
        """
        routed: dict[str, list[Signal]] = {name: [] for name in self._policies}
        for detector, signal in sorted(signals, key=lambda pair: pair[1].row):
            if detector not in self._silent:
                routed[detector if detector in routed else _POLICY_OF_KIND[signal.kind]].append(signal)
        # Of one row, what signals bring comes first.
        alerts: list[tuple[int, str, Alert]] = []
        since = dict.fromkeys(self._looks, 0)
        for name, policy in self._policies.items():
            for change in policy.update(routed[name], batch.ts):
                key = f"{name}:{change.alert_key}"
                if change.state == "resolved" and key in since:
                    alerts += self._look_again(key, since.pop(key), change.row, batch)
                alert = self._alert(key, change, batch, log)
                if alert is not None:
                    alerts.append((change.row, "", alert))
                if change.state == "firing" and name in self._lasting:
                    self._looks[key] = first_look(self._firing[key])
                    since[key] = change.row + 1
        for key, row in since.items():
            alerts += self._look_again(key, row, len(batch.ts), batch)
        alerts.sort(key=lambda one: one[:2])
        told = [self._incidents.take(alert) for *_, alert in alerts]
        if len(batch.ts):
            self._incidents.pass_time(float(batch.ts[-1]))
        return told

    def _look_again(self, key: str, begin: int, stop: int, batch: _Batch) -> Iterator[tuple[int, str, Alert]]:
        """Yield an alert that goes on in some rows where it becomes critical, with the row."""
        while self._looks[key] < math.inf:
            late = (batch.ts[begin:stop] >= self._looks[key]).nonzero()[0]
            if not len(late):
                return
            begin += int(late[0])
            alert, ts = self._firing[key], float(batch.ts[begin])
            excerpt = alert.excerpt
            course = None if excerpt is None else batch.course(excerpt.channel, begin)
            context = has_grown(alert, ts, course)
            if context is not None:
                alert = self._escalated(key, ts, int(batch.offsets[begin]), context)
                yield begin, key, alert
            self._looks[key] = next_look(alert, ts)

    def _escalated(self, key: str, ts: float, offset: int, context: Mapping[str, float]) -> Alert:
        before = self._firing[key]
        alert = before.escalated(ts, offset, context=dict(context))
        if context != before.context:
            signal = _signal(alert)
            alert = alert.model_copy(update={"summary": self._describe(signal), **self._details(signal)})
        self._firing[key] = alert
        return alert

    def _alert(self, key: str, change: AlertChange, batch: _Batch, log: LogId) -> Alert | None:
        offset = int(batch.offsets[change.row])
        if change.state == "resolved":
            self._looks.pop(key, None)
            began = self._firing.pop(key, None)
            if began is None:
                return None
            severity = Severity.worst((began.severity, Severity(change.severity)))
            return began.ended(
                change.ts,
                offset,
                severity=severity,
                excerpt=_ended(began, batch, change.row),
                **self._details(change.signal),
            )
        if change.state == "escalated":
            began = self._firing.get(key)
            rises = (
                change.severity == "critical"
                and began is not None
                and began.severity is not Severity.CRITICAL
            )
            return self._escalated(key, change.ts, offset, dict(change.signal.context)) if rises else None
        signal = change.signal
        alert = Alert.begun(
            self._stream,
            batch.source,
            signal.detector,
            log,
            offset,
            channel=signal.channel,
            kind=signal.kind,
            severity=Severity.worst(
                (_LEAST_SEVERITY.get(signal.kind, Severity.WARNING), Severity(change.severity))
            ),
            started_at=change.ts,
            statistic=signal.statistic,
            threshold=signal.threshold,
            summary=self._describe(signal),
            contributions=signal.contributions,
            context=dict(signal.context),
            reference=signal.reference,
            excerpt=_excerpt(signal, batch, change),
            **self._details(signal),
        )
        self._firing[key] = alert
        return alert

    def end(self, ts: float, offset: int, **more: float) -> list[Alert]:
        """Resolve all firing alerts: their source is forgotten, or begins with another reference.

        Parameters
        ----------
        ts : float
            When it was seen last, in epoch seconds.
        offset : int
            Of the event by which that was noticed.
        **more : float
            Added to their context.
        """
        firing, self._firing = self._firing, {}
        self._looks.clear()
        ends = [
            alert.ended(max(ts, alert.started_at), offset, context=alert.context | more)
            for _, alert in sorted(firing.items())
        ]
        return [self._incidents.take(alert) for alert in ends]

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "policies": {name: policy.state() for name, policy in self._policies.items()},
            # In the order of their names: that in which they came in differs by where batches end.
            "firing": {key: alert.model_dump(mode="json") for key, alert in sorted(self._firing.items())},
            "looks": dict(sorted(self._looks.items())),
            "incidents": self._incidents.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; policies of detectors that are new in the settings start afresh.

        Raises
        ------
        StateError
            If it is damaged.
        """
        for name, policy in self._policies.items():
            if name in state["policies"]:
                policy.restore(state["policies"][name])
        try:
            self._firing = {key: Alert.model_validate(alert) for key, alert in state["firing"].items()}
            self._looks = {key: float(state["looks"][key]) for key in self._firing if key in state["looks"]}
        except (TypeError, ValueError) as error:
            raise StateError(f"the stored alerts are damaged: {error}") from error
        self._incidents.restore(state["incidents"])


def _excerpt(signal: Signal, batch: _Batch, change: AlertChange) -> Excerpt | None:
    """Return the values by which an alert begins, of the channel most to blame."""
    channel = signal.channel
    if channel == WHOLE_SOURCE and signal.contributions:
        channel = signal.contributions[0][0]
    found = batch.course(channel, change.row)
    return None if found is None else Excerpt.of(channel, *found, change.ts)


def _ended(began: Alert, batch: _Batch, row: int) -> Excerpt | None:
    """Return the excerpt of an alert with the values before its end."""
    if began.excerpt is None:
        return None
    found = batch.course(began.excerpt.channel, row)
    return began.excerpt if found is None else began.excerpt.then(*found, began.started_at)


def _signal(alert: Alert) -> Signal:
    """Return the signal of an alert, to be put into words."""
    return Signal(
        row=0,
        ts=alert.changed_at,
        kind=cast(Kind, alert.kind),
        detector=alert.detector,
        channel=alert.channel,
        statistic=alert.statistic,
        threshold=alert.threshold,
        contributions=alert.contributions,
        context=tuple(alert.context.items()),
    )
