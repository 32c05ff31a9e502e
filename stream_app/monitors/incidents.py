"""Which alerts of one source have one cause: those that belong together in time and channels are one incident."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from stream_app.core.signals import WHOLE_SOURCE
from stream_app.core.versions import expect_version
from stream_app.errors import StateError
from stream_app.events import Alert, AlertState, Incident, Severity, TraceContext

__all__ = ["IncidentTracker"]

_VERSION = 1
_LONGEST_SECONDS = 86_400.0
"""After such a time another alert is a new incident: who was on call when it began has gone home."""
_NOTABLE_SHARE = 0.1
_TOLD_CHANNELS = 8
_PERFORMANCE = "performance"


@dataclass(slots=True)
class _Open:
    """An incident that takes alerts."""

    id: str
    started_at: float
    onset_at: float
    changed_at: float
    summary: str
    leading: str
    """Severity of the alert that the summary is of."""
    worst: str
    alerts: int = 0
    firing: dict[str, str] = field(default_factory=dict)
    """Severity of each alert that fires, by its id."""
    blamed: dict[str, dict[str, float]] = field(default_factory=dict)
    """Shares of channels, by what found them: a detector that fires again and again counts once."""
    found_by: list[tuple[str, str]] = field(default_factory=list)
    performance: bool = False
    explanation: str = ""
    trace: dict[str, str] | None = None
    """See `TraceContext`, as plain values."""

    def lead(self, alert: Alert) -> None:
        """Take what an alert says if it is more severe than the one that said it so far."""
        if _worse(self.leading, alert.severity) != self.leading:
            self.leading, self.summary = alert.severity.value, alert.summary

    @property
    def channels(self) -> dict[str, float]:
        """Share of each channel, largest first; the whole source only where nothing else is blamed."""
        sums: dict[str, float] = {}
        for shares in self.blamed.values():
            for channel, share in shares.items():
                sums[channel] = sums.get(channel, 0.0) + share
        if len(sums) > 1:
            sums.pop(WHOLE_SOURCE, None)
        total = sum(sums.values())
        return {
            name: round(share / total, 4)
            for name, share in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
        }


class IncidentTracker:
    """Incidents of one source, made of its alerts in the order of their events.

    An alert joins an incident whose last alert began at most `gap` ago, and one of the same channels as long as it fires, and
    for `gap` afterwards; alerts about a model's performance go together. What begins more than a day after the first alert is
    a new incident.

    Parameters
    ----------
    gap : float
        Seconds of event time.

    Examples
    --------
    >>> def alert(name, channel, ts):
    ...     return Alert(
    ...         id=name, stream="sensors", source="pump", kind="anomaly", detector="anomaly", channel=channel,
    ...         state="firing", severity="warning", started_at=ts, partition=0, offset=0, statistic=2.0, threshold=1.0,
    ...         summary=f"{channel} is unusual",
    ...     )
    >>> incidents = IncidentTracker(gap=300.0)
    >>> told = [incidents.take(alert(*each)) for each in (("a", "flow", 0.0), ("b", "level", 20.0), ("c", "speed", 900.0))]
    >>> [each.incident.id for each in told]
    ['a', 'a', 'c']
    """

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._open: list[_Open] = []

    @property
    def idle(self) -> bool:
        """Whether none takes alerts any more."""
        return not self._open

    def take(self, alert: Alert) -> Alert:
        """Return an alert that begins or ends, with its incident as it stands afterwards."""
        if alert.begins:
            mine = self._begin(alert)
        else:
            # Of two alerts with one id, as offsets that were given twice make them, the first end is that of both.
            found = [one for one in self._open if alert.id in one.firing]
            if not found:
                return alert.model_copy(update={"incident": alert.case})
            mine = found[0]
            if alert.state is AlertState.FIRING:
                mine.firing[alert.id] = alert.severity.value
                mine.lead(alert)
            else:
                del mine.firing[alert.id]
            mine.changed_at = max(mine.changed_at, alert.changed_at)
            mine.worst = _worse(mine.worst, alert.severity)
        mine.explanation = alert.explanation or mine.explanation
        return alert.model_copy(update={"incident": _told(mine, alert)})

    def pass_time(self, ts: float) -> None:
        """Drop the incidents that no alert after `ts` joins."""
        self._open = [one for one in self._open if one.firing or ts - one.changed_at <= self._gap]

    def _begin(self, alert: Alert) -> _Open:
        shares = _shares(alert)
        mine = self._home(alert, shares)
        if mine is None:
            severity = alert.severity.value
            mine = _Open(
                alert.id,
                alert.started_at,
                alert.started_at,
                alert.started_at,
                summary=alert.summary,
                leading=severity,
                worst=severity,
                trace=None if alert.trace is None else alert.trace.model_dump(),
            )
            self._open.append(mine)
        mine.alerts += 1
        mine.firing[alert.id] = alert.severity.value
        mine.onset_at = max(mine.onset_at, alert.started_at)
        mine.changed_at = max(mine.changed_at, alert.started_at)
        found_by = alert.detector, alert.channel
        if found_by not in mine.found_by:
            mine.found_by.append(found_by)
            mine.blamed["/".join(found_by)] = shares
        mine.performance |= alert.kind == _PERFORMANCE
        mine.lead(alert)
        mine.worst = _worse(mine.worst, alert.severity)
        return mine

    def _home(self, alert: Alert, shares: Mapping[str, float]) -> _Open | None:
        """Return the incident that an alert joins: one that shares a channel before one that is only near in time."""
        at = alert.started_at
        taking = [one for one in self._open if at - one.started_at <= _LONGEST_SECONDS]
        alike = [
            one
            for one in taking
            if (one.firing or at - one.changed_at <= self._gap) and _go_together(one, alert, shares)
        ]
        near = [one for one in taking if at - one.onset_at <= self._gap]
        for found in (alike, near):
            if found:
                return max(found, key=lambda one: one.onset_at)
        return None

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {"version": _VERSION, "open": [asdict(one) for one in self._open]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the incidents")
        try:
            self._open = [
                _Open(**{**deepcopy(dict(one)), "found_by": [(str(a), str(b)) for a, b in one["found_by"]]})
                for one in state["open"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the stored incidents are damaged ({error}); start the source anew") from error
        if not all(_is_sound(one) for one in self._open):
            raise StateError("the stored incidents are damaged; start the source anew")


def _is_sound(one: _Open) -> bool:
    """Whether the parts of a stored incident are of their types."""
    tables = [one.firing, one.blamed, *one.blamed.values()] if isinstance(one.blamed, dict) else [None]
    texts = (one.id, one.summary, one.leading, one.worst)
    numbers = (one.started_at, one.onset_at, one.changed_at, one.alerts)
    return (
        all(isinstance(table, dict) for table in tables)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int | float) for number in numbers)
    )


def _go_together(one: _Open, alert: Alert, shares: Mapping[str, float]) -> bool:
    if WHOLE_SOURCE in shares or (one.performance and alert.kind == _PERFORMANCE):
        return True
    return any(
        WHOLE_SOURCE in blamed or not blamed.keys().isdisjoint(shares) for blamed in one.blamed.values()
    )


def _shares(alert: Alert) -> dict[str, float]:
    """Return the channels that an alert blames, each with its share."""
    if alert.channel != WHOLE_SOURCE:
        return {alert.channel: 1.0}
    return {name: share for name, share in alert.contributions if share >= _NOTABLE_SHARE} or {
        WHOLE_SOURCE: 1.0
    }


def _told(one: _Open, alert: Alert) -> Incident:
    fires = [Severity(severity) for severity in one.firing.values()]
    return Incident(
        id=one.id,
        stream=alert.stream,
        source=alert.source,
        state=AlertState.FIRING if fires else AlertState.RESOLVED,
        severity=Severity.worst(fires) if fires else Severity(one.worst),
        started_at=one.started_at,
        changed_at=one.changed_at,
        alerts=one.alerts,
        firing=len(fires),
        channels=tuple(list(one.channels.items())[:_TOLD_CHANNELS]),
        found_by=tuple(one.found_by),
        summary=one.summary,
        explanation=one.explanation,
        trace=None if one.trace is None else TraceContext(**one.trace),
    )


def _worse(one: str, other: str) -> str:
    return Severity.worst((Severity(one), Severity(other))).value
