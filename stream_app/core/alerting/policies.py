"""Alert policies: every signal, or several in a row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from stream_app.core.alerting.changes import AlertChange, AlertState, Severity, alert_key, severity_of
from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal
from stream_app.core.versions import expect_version
from stream_app.errors import SettingsError, StateError

__all__ = ["ConsecutivePolicy", "EveryPolicy"]

_VERSION = 1
_ORDER: tuple[Severity, ...] = ("info", "warning", "critical")


@dataclass(slots=True)
class _Alert:
    """One alert's life so far; `fired` tells firing alerts from those that cool down or gather evidence."""

    last: Signal
    severity: Severity
    since_ts: float
    count: int = 0
    fired: bool = False
    calm_until: float = float("-inf")


class EveryPolicy:
    """Fire at the first signal; resolve when the condition ends or has been silent for a while.

    While an alert fires, further signals of the same detector and channel raise its count and may raise its
    severity, which is told. O(signals + firing alerts) per batch.

    Parameters
    ----------
    resolve_after : float
        Seconds of event time without a signal after which an alert resolves, at the first event that is
        so late.
    cool_down : float
        Seconds after resolving in which the same alert does not fire again. A condition that ends by itself alone
        (`resolve_after` is infinite) and lasts longer than that fires when they are over.

    Raises
    ------
    SettingsError
        If a duration is negative or no number.

    Examples
    --------
    >>> import numpy as np
    >>> signal = Signal(row=1, ts=10.0, kind="drift", detector="ks", channel="flow", statistic=2.0, threshold=1.0)
    >>> policy = EveryPolicy(resolve_after=60.0)
    >>> [(c.state, c.severity, c.row) for c in policy.update([signal], np.array([9.0, 10.0, 69.0, 70.0]))]
    [('firing', 'info', 1), ('resolved', 'info', 3)]
    """

    def __init__(self, *, resolve_after: float = 300.0, cool_down: float = 0.0) -> None:
        for name, value in (("resolve_after", resolve_after), ("cool_down", cool_down)):
            if not value >= 0.0:
                raise SettingsError(f"{name} is {value!r}; expected seconds, 0 or more")
        self.resolve_after = resolve_after
        self.cool_down = cool_down
        self._alerts: dict[str, _Alert] = {}

    @property
    def idle(self) -> bool:
        """Whether no alert can change by the passing of time."""
        return not self._alerts

    def update(self, signals: Sequence[Signal], ts: FloatArray) -> list[AlertChange]:
        """Take a batch's signals, ordered by row, and the event time of each of its rows."""
        changes: list[AlertChange] = []
        begin = 0
        for signal in signals:
            # Time passes up to the signal's row, the row itself included: what is overdue resolves first.
            self._pass_time(ts, begin, signal.row + 1, changes)
            begin = signal.row + 1
            self._take(signal, changes)
        self._pass_time(ts, begin, len(ts), changes)
        return changes

    def state(self) -> dict[str, Any]:
        """Return the policy's state, as plain values."""
        # A row means something in its own batch only; kept, it would make states differ by where batches end.
        alerts = {
            key: asdict(replace(alert, last=replace(alert.last, row=0)))
            for key, alert in self._alerts.items()
        }
        return {"version": _VERSION, "alerts": alerts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the policy from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the alert policy")
        try:
            self._alerts = {key: _alert(alert) for key, alert in state["alerts"].items()}
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the alert state is damaged ({error}); start the source anew") from error

    def _may_fire(self, alert: _Alert, ts: float) -> bool:
        return ts >= alert.calm_until

    def _fire(self, key: str, alert: _Alert, row: int, ts: float, changes: list[AlertChange]) -> None:
        alert.fired = True
        changes.append(_change(key, alert, "firing", row, ts))

    def _is_held(self, alert: _Alert) -> bool:
        """Whether a condition lasts, and only the cool-down keeps it from firing; a moment is over by then."""
        lasts = alert.count > 0 and math.isinf(self.resolve_after)
        return lasts and not alert.fired and self._may_fire(alert, math.inf)

    def _take(self, signal: Signal, changes: list[AlertChange]) -> None:
        key = alert_key(signal)
        alert = self._alerts.get(key)
        if signal.ended:
            if alert is not None:
                alert.last = signal
                self._end(key, alert, signal.row, signal.ts, changes)
            return
        if alert is None:
            alert = self._alerts[key] = _Alert(last=signal, severity="info", since_ts=signal.ts)
        fresh, before = alert.count == 0, alert.severity
        alert.severity = (
            severity_of(signal) if fresh else max(alert.severity, severity_of(signal), key=_ORDER.index)
        )
        alert.since_ts = signal.ts if fresh else alert.since_ts
        alert.last = signal
        alert.count += 1
        if not alert.fired and self._may_fire(alert, signal.ts):
            self._fire(key, alert, signal.row, signal.ts, changes)
        elif alert.fired and alert.severity != before:
            changes.append(_change(key, alert, "escalated", signal.row, signal.ts))

    def _end(self, key: str, alert: _Alert, row: int, ts: float, changes: list[AlertChange]) -> None:
        """Resolve what fired; keep in mind how long it must stay calm."""
        if alert.fired:
            changes.append(_change(key, alert, "resolved", row, ts))
            alert.calm_until = ts + self.cool_down
        alert.fired = False
        alert.count = 0
        if ts >= alert.calm_until:
            del self._alerts[key]

    def _pass_time(self, ts: FloatArray, begin: int, stop: int, changes: list[AlertChange]) -> None:
        """Resolve what has been silent too long, and fire what outlasts its cool-down, at the first of these rows that is late enough."""
        if begin >= stop or not self._alerts:
            return
        due = [(row, key) for key in self._alerts if (row := self._due(key, ts, begin, stop)) is not None]
        while due:
            row, key = due.pop(due.index(min(due)))
            alert = self._alerts[key]
            if self._is_held(alert):
                self._fire(key, alert, row, float(ts[row]), changes)
            else:
                self._end(key, alert, row, float(ts[row]), changes)
            # What has resolved cools down, and that may be over within the same rows.
            if key in self._alerts and (later := self._due(key, ts, row, stop)) is not None:
                due.append((later, key))

    def _due(self, key: str, ts: FloatArray, begin: int, stop: int) -> int | None:
        """Return the first of these rows at which an alert has been silent, or has cooled down, for long enough."""
        alert = self._alerts[key]
        cooling = not alert.count or self._is_held(alert)
        deadline = alert.calm_until if cooling else alert.last.ts + self.resolve_after
        late = (ts[begin:stop] >= deadline).nonzero()[0]
        return begin + int(late[0]) if len(late) else None


class ConsecutivePolicy(EveryPolicy):
    """Fire when k signals of one detector and channel came in a row: "drift in 3 consecutive windows".

    A row is broken when the detector says that the condition has ended, or by silence of `resolve_after`; choose
    that a little longer than the time between two windows.

    Parameters
    ----------
    k : int
        Signals needed, at least 1.
    resolve_after, cool_down : float
        As for `EveryPolicy`.

    Raises
    ------
    SettingsError
        If `k` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> def window(row):
    ...     return Signal(row=row, ts=float(row), kind="drift", detector="ks", channel="a", statistic=1.0, threshold=0.5)
    >>> policy = ConsecutivePolicy(3, resolve_after=2.0)
    >>> [(c.state, c.row) for c in policy.update([window(0), window(1), window(2)], np.arange(4.0))]
    [('firing', 2)]
    """

    def __init__(self, k: int = 3, *, resolve_after: float = 300.0, cool_down: float = 0.0) -> None:
        if k < 1:
            raise SettingsError(f"k is {k}; expected at least 1 consecutive signal")
        super().__init__(resolve_after=resolve_after, cool_down=cool_down)
        self.k = k

    def _may_fire(self, alert: _Alert, ts: float) -> bool:
        return alert.count >= self.k and super()._may_fire(alert, ts)


def _change(key: str, alert: _Alert, state: AlertState, row: int, ts: float) -> AlertChange:
    return AlertChange(
        alert_key=key,
        state=state,
        severity=alert.severity,
        row=row,
        ts=ts,
        since_ts=alert.since_ts,
        count=alert.count,
        signal=alert.last,
    )


def _alert(fields: Mapping[str, Any]) -> _Alert:
    """Return an alert from its stored fields."""
    alert = _Alert(**{**fields, "last": _signal(fields["last"])})
    times = (alert.since_ts, alert.calm_until, alert.last.ts, alert.last.statistic, alert.last.threshold)
    if not all(isinstance(one, int | float) for one in times):
        raise TypeError("a number is expected")
    if alert.severity not in _ORDER or type(alert.count) is not int or type(alert.fired) is not bool:
        raise ValueError(f"severity {str(alert.severity)[:20]!r}, count {str(alert.count)[:20]!r}")
    return alert


def _signal(fields: Mapping[str, Any]) -> Signal:
    """Return a signal from its stored fields, with lists made tuples again."""
    pairs = {
        name: tuple((key, value) for key, value in fields[name]) for name in ("contributions", "context")
    }
    return Signal(**{**fields, **pairs})
