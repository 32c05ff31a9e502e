"""Alert transitions: what a policy makes of signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal

__all__ = [
    "AlertChange",
    "AlertPolicy",
    "AlertState",
    "Severity",
    "alert_key",
    "severity_of",
    "severity_of_mean",
]

AlertState: TypeAlias = Literal["firing", "escalated", "resolved"]
Severity: TypeAlias = Literal["info", "warning", "critical"]

_FAR_OUT = 3.0
_BLIND = frozenset({"quality.silence"})
"""What these find leaves a source unwatched."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A transition of an alert: it fires, its severity rises, or it resolves.

    Parameters
    ----------
    alert_key : str
        Detector and channel, ``"drift.level/flow"``: the alert's identity within its source.
    state : {'firing', 'escalated', 'resolved'}
        What has become of it.
    severity : {'info', 'warning', 'critical'}
        The worst of its signals so far.
    row : int
        Row of the batch at which it changed.
    ts : float
        Event time of that row.
    since_ts : float
        Event time at which it began to fire.
    count : int
        Signals since it began, the first included.
    signal : Signal
        The signal that changed it; for an alert that ran out of time, its last one.
    """

    alert_key: str
    state: AlertState
    severity: Severity
    row: int
    ts: float
    since_ts: float
    count: int
    signal: Signal


class AlertPolicy(Protocol):
    """Turns the signals of one source into alert transitions; all time comes from the events."""

    @property
    def idle(self) -> bool:
        """Whether no alert can change by the passing of time."""

    def update(self, signals: Sequence[Signal], ts: FloatArray) -> list[AlertChange]:
        """Take the next batch: its signals in the order of their rows, and the time of each row."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the policy's state, as plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the policy from `state`."""
        ...


def alert_key(signal: Signal) -> str:
    """Return the identity of a signal's alert.

    Examples
    --------
    >>> alert_key(Signal(row=0, ts=0.0, kind="drift", detector="ks", channel="flow", statistic=1.0, threshold=1.0))
    'ks/flow'
    """
    return f"{signal.detector}/{signal.channel}"


def severity_of(signal: Signal) -> Severity:
    """Return the severity of a signal from the size of what it found, not from the evidence for it.

    Far out is critical: a mean beyond the usual band by the band's whole width; or, where only the spread before is known, as
    far as that is for the band of two standard deviations to either side. So is the silence of a source, which nothing
    watches then, and a model's rate that is surely twice as far from what it should be as is allowed. What is out is a
    warning, anything else an information.

    Examples
    --------
    >>> def found(mean):
    ...     figures = (("mean_before", 5.0), ("mean_after", mean), ("usual_low", 4.0), ("usual_high", 6.0))
    ...     return Signal(
    ...         row=0, ts=0.0, kind="anomaly", detector="anomaly", channel="*", statistic=6.0, threshold=5.0, context=figures
    ...     )
    >>> severity_of(found(5.5)), severity_of(found(6.5)), severity_of(found(8.0))
    ('info', 'warning', 'critical')
    """
    if signal.detector in _BLIND:
        return "critical"
    figures = dict(signal.context)
    if signal.kind == "performance":
        return _of_performance(signal, figures)
    return severity_of_mean(figures)


def severity_of_mean(figures: Mapping[str, float]) -> Severity:
    """Return the severity of a mean by its distance from the usual band; see `severity_of`."""
    out = _distance(figures)
    return "info" if out is None or out <= 1.0 else "critical" if out >= _FAR_OUT else "warning"


def _of_performance(signal: Signal, figures: Mapping[str, float]) -> Severity:
    """Return the severity of a rate from the ratio of its distance to that which is allowed."""
    if signal.threshold <= 0.0:
        return "warning"
    distance = signal.statistic
    if "high" in figures and "baseline" in figures:
        distance = figures["baseline"] - figures["high"]
    return "critical" if distance >= 2.0 * signal.threshold else "warning"


def _distance(figures: Mapping[str, float]) -> float | None:
    """Return how far a mean is from the middle of its usual band, in halves of its width; None where it is not known."""
    if "mean_after" not in figures:
        return None
    if "usual_low" in figures and "usual_high" in figures:
        middle = (figures["usual_low"] + figures["usual_high"]) / 2.0
        half = figures["usual_high"] - middle
    elif "mean_before" in figures and "std_before" in figures:
        middle, half = figures["mean_before"], 2.0 * figures["std_before"]
    else:
        return None
    return abs(figures["mean_after"] - middle) / half if half > 0.0 else None
