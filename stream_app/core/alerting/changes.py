"""Alert transitions: what a policy makes of signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal

__all__ = ["AlertChange", "AlertPolicy", "AlertState", "Severity", "alert_key", "severity_of"]

AlertState: TypeAlias = Literal["firing", "resolved"]
Severity: TypeAlias = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A transition of an alert: it fires or resolves.

    Parameters
    ----------
    alert_key : str
        Detector and channel, ``"drift.level/flow"``: the alert's identity within its source.
    state : {'firing', 'resolved'}
        What it is from now on.
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
    """Return the severity of a signal from the ratio of its statistic to its threshold.

    Beyond by half is a warning, by the threshold once more is critical. Where the threshold is not
    positive there is no such ratio, and a signal is a warning.

    Examples
    --------
    >>> severity_of(Signal(row=0, ts=0.0, kind="drift", detector="ks", channel="a", statistic=3.0, threshold=2.0))
    'warning'
    """
    if signal.threshold <= 0.0:
        return "warning"
    ratio = signal.statistic / signal.threshold
    return "critical" if ratio >= 2.0 else "warning" if ratio >= 1.5 else "info"
