"""The detectors of one group of channels, behind one small protocol, and how they share the budget."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np

from stream_app.core.anomaly import AnomalyConfig, AnomalyDetector, Escalation
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.budget import Budget, split_rate
from stream_app.core.drift import DriftConfig, DriftDetector, MultivariateConfig, MultivariateDriftDetector
from stream_app.core.river_adapter import RiverDetector
from stream_app.core.signals import Signal
from stream_app.core.twosample import WindowedTest, WindowedTestOptions
from stream_app.monitors.sensors.config import WINDOWED_TESTS, ExtraDetector, SensorConfig
from stream_app.monitors.sensors.scores import EventScores

__all__ = ["Detector", "build_detectors", "restore_detectors"]

_WEIGHTS = {"drift": 1.0, "anomaly": 1.0}
"""By which they share the budget."""

_DRAWS_WEIGHTS = {"drift": 1.0, "multivariate": 1.0}
"""The same where each event is a draw."""

_LEAST_DRAWS = 200
"""Draws that a reference needs at least."""

_MOST_MULTIVARIATE_WARMUP = 2000
"""A longer reference would be kept whole, and tells hardly more."""

_MARKING_RATE = 1 / 3600
"""False episodes per event at which events are marked as anomalous; alarms keep the budget."""

_DRIFT_WARMUP = 1000
"""Events from which drift detection learns at least, whatever the anomaly detector needs."""

_FREE_MARKS = 3.0
"""Marked episodes in debt that do not raise the level of marking: faults may come in a row, and marks ring no bell."""

_LARGEST_RATE = 0.01
"""False alarms per event that a detector may be given at most; above, thresholds mean nothing."""


class Detector(Protocol):
    """What a monitor needs of a detector."""

    def update(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> Sequence[Signal]:
        """Take readings, shape (n,) and (n, d); note what was seen in `scores`, return signals."""
        ...

    def features(self) -> Mapping[str, float | None]:
        """Figures to serve beside the window's statistics."""
        ...

    def state(self) -> dict[str, Any]:
        """Plain values."""
        ...


class _Anomaly:
    """Marks events at the detector's own rate, raises alarms at that of the budget."""

    def __init__(self, detector: AnomalyDetector, rate: float) -> None:
        self._detector = detector
        self._rate = rate
        config = detector.config
        self._escalation = Escalation(
            rate, slow=config.slow, baseline=config.baseline, looks=len(detector.channels) + 2
        )
        self._last = 0.0
        self._changepoints = 0
        self.marked: BoolArray = np.zeros(0, dtype=np.bool_)
        """Events of the last batch that lie in an anomaly."""
        self.alarmed = self.marked
        """Those of them at which an alarm lasts."""

    def update(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> Sequence[Signal]:
        result = self._detector.update(ts, values)
        np.maximum(scores.score, result.score, out=scores.score)
        np.logical_or(scores.anomaly, result.anomaly, out=scores.anomaly)
        np.logical_or(scores.changepoint, result.changepoint, out=scores.changepoint)
        self._last = float(result.score[-1])
        self._changepoints += int(result.changepoint.sum())
        signals, self.alarmed = self._escalation.update(ts, result.score, result.signals)
        self.marked = result.anomaly
        return signals

    def features(self) -> Mapping[str, float | None]:
        return {"anomaly.score": self._last, "anomaly.changepoints": self._changepoints}

    def state(self) -> dict[str, Any]:
        return {
            "detector": self._detector.state(),
            "rate": self._rate,
            "escalation": self._escalation.state(),
            "last": self._last,
            "changepoints": self._changepoints,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        anomaly = cls(AnomalyDetector.from_state(dict(state["detector"])), state["rate"])
        anomaly._escalation.restore(state["escalation"])
        anomaly._last = state["last"]
        anomaly._changepoints = state["changepoints"]
        return anomaly


class _Drift:
    """Sees each batch after the anomaly detector of the same channels."""

    def __init__(self, detector: DriftDetector, anomaly: _Anomaly | None, last: float = 0.0) -> None:
        self._detector = detector
        self._anomaly = anomaly
        self._last = last

    def update(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> Sequence[Signal]:
        # Drift is a change of what is normal. A fault is not normal: it is told as an anomaly, and must not
        # become the reference. If it lasts, the anomaly detector takes it for the new normal, and drift sees it.
        # What is marked and raised no alarm was not told yet: drift may tell it, but does not learn from it.
        ordinary = None
        if self._anomaly is not None:
            alarmed, marked = self._anomaly.alarmed, self._anomaly.marked
            if alarmed.any():
                values = np.where(alarmed[:, None], np.nan, values)
            ordinary = ~marked if marked.any() else None
        result = self._detector.update(ts, values, ordinary=ordinary)
        np.logical_or(scores.drift, result.drift, out=scores.drift)
        self._last = float(result.statistic[-1])
        return result.signals

    def features(self) -> Mapping[str, float | None]:
        return {"drift.statistic": self._last}

    def state(self) -> dict[str, Any]:
        return {"detector": self._detector.state(), "last": self._last}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], anomaly: _Anomaly | None) -> Self:
        return cls(DriftDetector.from_state(state["detector"]), anomaly, state["last"])


class _Multivariate:
    """Sees all channels of a group at once."""

    def __init__(self, detector: MultivariateDriftDetector, last: float = 0.0) -> None:
        self._detector = detector
        self._last = last

    def update(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> Sequence[Signal]:
        result = self._detector.update(ts, values)
        np.logical_or(scores.drift, result.drift, out=scores.drift)
        self._last = float(result.statistic[-1])
        return result.signals

    def features(self) -> Mapping[str, float | None]:
        return {"multivariate.statistic": self._last}

    def state(self) -> dict[str, Any]:
        return {"detector": self._detector.state(), "last": self._last}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(MultivariateDriftDetector.from_state(state["detector"]), state["last"])


class _Extra:
    """A River detector or a windowed test over some of the group's channels."""

    def __init__(
        self, name: str, columns: list[int], detector: RiverDetector | WindowedTest, counts: Mapping[str, int]
    ) -> None:
        self._name = name
        self._columns = columns
        self._detector = detector
        self._counts = dict(counts)

    def update(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> Sequence[Signal]:  # noqa: ARG002 these have none
        signals = self._detector.update(ts, values[:, self._columns])
        for signal in signals:
            if not signal.ended:
                self._counts[signal.channel] = self._counts.get(signal.channel, 0) + 1
        return signals

    def features(self) -> Mapping[str, float | None]:
        return {f"{self._name}.{channel}.signals": count for channel, count in self._counts.items()}

    def state(self) -> dict[str, Any]:
        return {"detector": self._detector.state(), "counts": self._counts}


def build_detectors(
    channels: tuple[str, ...], config: SensorConfig, *, period: float, share: float
) -> dict[str, Detector]:
    """Make the detectors of some channels, in the order in which they see each batch.

    Parameters
    ----------
    channels : tuple of str
        Names.
    config : SensorConfig
        Settings.
    period : float
        Seconds between two events of the source.
    share : float
        Share of the source's budget that these channels get.
    """
    rate = share * Budget.parse(config.budget).rate_per_event(config.sources / period)
    build = _for_draws if config.draws else _for_a_process
    detectors = build(channels, config, rate)
    for name, extra in _extras(channels, config).items():
        detectors[name] = _build_extra(name, extra, channels)
    return detectors


def _shares(rate: float, weights: Mapping[str, float]) -> dict[str, float]:
    return {name: min(part, _LARGEST_RATE) for name, part in split_rate(rate, weights).items()}


def _for_a_process(channels: tuple[str, ...], config: SensorConfig, rate: float) -> dict[str, Detector]:
    """Anomalies and drift of a process that goes on from event to event."""
    rates = _shares(rate, _WEIGHTS)
    marking = max(_MARKING_RATE, rates["anomaly"])
    anomaly = AnomalyConfig(
        warmup=config.warmup,
        false_alarms_per_event=marking,
        free_alarms=_FREE_MARKS,
        false_changepoints_per_event=marking,
        # Stuck channels are told by the quality checks, and need not be told twice.
        flatline=False,
    )
    reference = max(_DRIFT_WARMUP, config.warmup)
    drift = DriftConfig(
        false_alarm_rate=rates["drift"], warmup=reference, prepaid=_prepaid(rates["drift"], reference)
    )
    watch = _Anomaly(AnomalyDetector(channels, anomaly), rates["anomaly"])
    return {"anomaly": watch, "drift": _Drift(DriftDetector(channels, drift), watch)}


def _for_draws(channels: tuple[str, ...], config: SensorConfig, rate: float) -> dict[str, Detector]:
    """Drift of what is drawn anew at each event, in each channel and in all together."""
    rates = _shares(rate, _DRAWS_WEIGHTS if len(channels) > 1 else {"drift": 1.0})
    # Draws do not wander, so that nothing has to be paid in advance.
    drift = DriftConfig(false_alarm_rate=rates["drift"], warmup=max(config.warmup, _LEAST_DRAWS))
    detectors: dict[str, Detector] = {"drift": _Drift(DriftDetector(channels, drift), None)}
    if len(channels) > 1:
        joint = MultivariateConfig(
            false_alarm_rate=rates["multivariate"], warmup=min(drift.warmup, _MOST_MULTIVARIATE_WARMUP)
        )
        detectors["multivariate"] = _Multivariate(MultivariateDriftDetector(channels, joint))
    return detectors


def _prepaid(rate: float, reference: int) -> float:
    """Return the false alarms of drift to pay in advance: one a decade between the reference and the alarms' spacing.

    A reference shows what happens once in as many events as it has. What is rarer is extrapolated, and sources
    wander: most false alarms come early. So the bar begins the higher, the further it has to be extrapolated.
    """
    return max(0.0, -math.log10(rate * reference))


def restore_detectors(
    states: Mapping[str, Mapping[str, Any]], channels: tuple[str, ...], config: SensorConfig
) -> dict[str, Detector]:
    """Go on with detectors where their states were taken.

    Extra detectors that are new in the settings start afresh, those that are no longer in them are dropped.

    Raises
    ------
    StateError
        If a state is of another version or damaged.
    """
    detectors: dict[str, Detector] = {}
    watch = None if config.draws else _Anomaly.from_state(states["anomaly"])
    if watch is not None:
        detectors["anomaly"] = watch
    detectors["drift"] = _Drift.from_state(states["drift"], watch)
    if config.draws and len(channels) > 1:
        detectors["multivariate"] = _Multivariate.from_state(states["multivariate"])
    for name, extra in _extras(channels, config).items():
        fresh = _build_extra(name, extra, channels)
        if name in states:
            kind = WindowedTest if extra.name in WINDOWED_TESTS else RiverDetector
            restored = kind.from_state(states[name]["detector"])
            fresh = _Extra(name, _columns(extra, channels), restored, states[name]["counts"])
        detectors[name] = fresh
    return detectors


def _extras(channels: tuple[str, ...], config: SensorConfig) -> dict[str, ExtraDetector]:
    return {extra.name: extra for extra in config.extra if _columns(extra, channels)}


def _columns(extra: ExtraDetector, channels: tuple[str, ...]) -> list[int]:
    return [j for j, name in enumerate(channels) if extra.channels is None or name in extra.channels]


def _build_extra(name: str, extra: ExtraDetector, channels: tuple[str, ...]) -> _Extra:
    columns = _columns(extra, channels)
    watched = [channels[j] for j in columns]
    detector: RiverDetector | WindowedTest
    if extra.name in WINDOWED_TESTS:
        options: Any = {**extra.parameters, "tests": (extra.name,)}
        detector = WindowedTest(watched, options=WindowedTestOptions(**options))
    else:
        detector = RiverDetector(watched, extra.name, extra.parameters, every=extra.every, name=extra.name)
    return _Extra(name, columns, detector, {})
