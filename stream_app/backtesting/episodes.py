"""The alerts of a backtest from their beginnings to their ends, a row each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from stream_app.core.signals import WHOLE_SOURCE
from stream_app.events import Alert, AlertState

__all__ = ["EPISODE_COLUMNS", "AlertEpisode", "Change", "episodes_of", "rfc3339"]

EPISODE_COLUMNS = (
    "source",
    "kind",
    "channel",
    "started_at",
    "ended_at",
    "seconds",
    "quantity",
    "before",
    "after",
    "severity",
    "detector",
    "summary",
    "row",
    "place",
    "false",
    "incident",
)
"""Columns of a table of alerts."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed from what to what.

    Parameters
    ----------
    quantity : {"mean", "std", "correlation", "value"} or None
        What changed; None where the alert has no figure, as one for a gap.
    before, after : float or None
        Its values.

    """

    quantity: str | None = None
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True)
class AlertEpisode:
    """An alert, from its beginning to its end.

    Parameters
    ----------
    began : Alert
        The alert as it began.
    ended : Alert or None
        The same as it ended; None where it lasted to the end of the rows.
    place : str
        Where the row stands at which it began, such as ``plant.csv:748``.
    timed : bool
        Whether rows have times of their own; else they are counted, and a time says nothing to a reader.
    false : bool or None
        Whether it is a false alarm; None where no truth is known.
    escalated : Alert or None
        The same as it became critical; None where it began so, or did not.
    """

    began: Alert
    ended: Alert | None = None
    place: str = ""
    timed: bool = True
    false: bool | None = None
    escalated: Alert | None = None

    @property
    def channel(self) -> str:
        """The channel; of an alert of the whole source the one most to blame, ``*`` where none is."""
        if self.began.channel == WHOLE_SOURCE and self.began.contributions:
            return self.began.contributions[0][0]
        return self.began.channel

    @property
    def change(self) -> Change:
        """What changed in that channel."""
        figures = self.began.context
        if self.began.detector == "drift.scale":
            return Change("std", figures.get("std_before"), figures.get("std_after"))
        if "mean_before" in figures:
            return Change("mean", figures["mean_before"], figures.get("mean_after"))
        if "correlation_before" in figures:
            return Change("correlation", figures["correlation_before"])
        return Change("value", None, figures["value"]) if "value" in figures else Change()

    @property
    def started_at(self) -> float:
        """When it began, in epoch seconds."""
        return self.began.started_at

    @property
    def ended_at(self) -> float | None:
        """When it ended, in epoch seconds."""
        return None if self.ended is None else self.ended.ended_at

    @property
    def seconds(self) -> float | None:
        """How long it lasted."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    @property
    def severity(self) -> str:
        """How severe it was at its end, or was last."""
        return (self.ended or self.escalated or self.began).severity.value

    def values(self) -> tuple[Any, ...]:
        """Return one value for each of `EPISODE_COLUMNS`; times are `datetime`, UTC, rows are counted from 0."""
        began, change = self.began, self.change
        return (
            began.source,
            began.kind,
            self.channel,
            _moment(self.started_at),
            _moment(self.ended_at),
            self.seconds,
            change.quantity,
            change.before,
            change.after,
            self.severity,
            began.detector,
            began.summary,
            began.offset,
            self.place,
            self.false,
            began.case.id,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; times in RFC 3339, UTC."""
        plain = dict(zip(EPISODE_COLUMNS, self.values(), strict=True))
        return plain | {"started_at": rfc3339(self.started_at), "ended_at": rfc3339(self.ended_at)}


def episodes_of(alerts: Iterable[Alert]) -> list[AlertEpisode]:
    """Join beginnings and ends, which come in their order; episodes stand in the order in which they began."""
    found: dict[str, AlertEpisode] = {}
    for alert in alerts:
        if alert.begins:
            found[alert.id] = AlertEpisode(alert)
        elif alert.id in found:
            before = found[alert.id]
            ends = alert.state is AlertState.RESOLVED
            found[alert.id] = replace(before, ended=alert) if ends else replace(before, escalated=alert)
    return list(found.values())


def _moment(ts: float | None) -> datetime | None:
    return None if ts is None else datetime.fromtimestamp(ts, UTC)


def rfc3339(ts: float | None) -> str | None:
    """Return a time as text, UTC, to the millisecond."""
    moment = _moment(ts)
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
