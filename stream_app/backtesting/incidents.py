"""The incidents of a backtest, each with its alerts from beginning to end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.backtesting.episodes import AlertEpisode, rfc3339
from stream_app.events import Alert, Incident

__all__ = ["IncidentEpisode", "incidents_of", "last_states"]


@dataclass(frozen=True, slots=True)
class IncidentEpisode:
    """An incident with its alerts.

    Parameters
    ----------
    incident : Incident
        As it stood at the last row.
    alerts : tuple of AlertEpisode
        Its alerts, in the order in which they began.
    """

    incident: Incident
    alerts: tuple[AlertEpisode, ...]

    @property
    def first(self) -> AlertEpisode:
        """The alert with which it began."""
        return self.alerts[0]

    @property
    def seconds(self) -> float | None:
        """How long it lasted; None where it lasted to the end of the rows."""
        return None if self.incident.firing else self.incident.changed_at - self.incident.started_at

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of its alerts, in the order in which they began."""
        return tuple(dict.fromkeys(alert.began.kind for alert in self.alerts))

    @property
    def false(self) -> bool | None:
        """Whether all its alerts are false alarms; None where no truth is known."""
        said = [alert.false for alert in self.alerts if alert.false is not None]
        return all(said) if said else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; times in RFC 3339, UTC."""
        incident = self.incident
        return {
            "id": incident.id,
            "source": incident.source,
            "severity": incident.severity.value,
            "started_at": rfc3339(incident.started_at),
            "ended_at": None if incident.firing else rfc3339(incident.changed_at),
            "seconds": self.seconds,
            "kinds": list(self.kinds),
            "channels": [list(pair) for pair in incident.channels],
            "summary": incident.summary,
            "alerts": [alert.began.id for alert in self.alerts],
            "place": self.first.place,
            "false": self.false,
        }


def last_states(alerts: Iterable[Alert]) -> dict[str, Incident]:
    """Return each incident as it stands after the last of its alerts that began or ended; alerts come in their order."""
    return {alert.case.id: alert.case for alert in alerts}


def incidents_of(episodes: Sequence[AlertEpisode], states: Mapping[str, Incident]) -> list[IncidentEpisode]:
    """Gather alerts into their incidents, in the order in which these began.

    Parameters
    ----------
    episodes : sequence of AlertEpisode
        In the order in which they began.
    states : mapping of str to Incident
        See `last_states`.
    """
    members: dict[str, list[AlertEpisode]] = {}
    for episode in episodes:
        members.setdefault(episode.began.case.id, []).append(episode)
    return [IncidentEpisode(states[name], tuple(mine)) for name, mine in members.items()]
