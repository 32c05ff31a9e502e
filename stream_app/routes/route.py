"""A route: what its settings make of it, ready to send."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stream_app.errors import SettingsError
from stream_app.events import Alert, AlertState, Incident
from stream_app.routes.channel import Channel, ChannelKind
from stream_app.routes.matching import Subject, matches, subject_of_alert, subject_of_incident
from stream_app.routes.message import Message, News, Telling
from stream_app.routes.rendering import Renderer
from stream_app.settings import RouteSettings, Settings, load_channel
from stream_app.store import IncidentStatus, Silence

__all__ = ["Route", "routes_of", "sample"]


@dataclass(frozen=True, slots=True)
class Route:
    """A route.

    Parameters
    ----------
    name : str
        Its name.
    settings : RouteSettings
        What it takes, and how it tells it.
    kind : ChannelKind
        Its kind of channel.
    renderer : Renderer
        Writes its messages.
    labels : mapping of str to (mapping of str to str)
        The labels of each stream.
    page : str
        Address of the page of an incident, but for its id; empty where there is none.
    """

    name: str
    settings: RouteSettings
    kind: ChannelKind[Any]
    renderer: Renderer
    labels: Mapping[str, Mapping[str, str]]
    page: str = ""

    def open(self) -> Channel:
        """Make its channel; nothing is sent.

        Raises
        ------
        SettingsError
            If the settings of the channel are wrong; names the route.
        """
        try:
            return self.kind.open(self.settings.channel)
        except SettingsError as error:
            raise SettingsError(f"routes.{self.name}.channel: {error}") from None

    @property
    def repeat_seconds(self) -> float:
        """Time after which what fires is told again."""
        longest = self.kind.repeat_seconds
        return (
            self.settings.repeat_interval if longest is None else min(self.settings.repeat_interval, longest)
        )

    def takes(self, alert: Alert) -> bool:
        """Whether it takes an alert; the severity is asked when its incident is told."""
        return matches(self.settings.match, subject_of_alert(alert, self.labels.get(alert.stream, {})))

    def group_of(self, incident: Incident) -> str:
        """Return the name of the group of an incident: JSON of what it has in common with others of the group."""
        named = {"stream": incident.stream, "source": incident.source, "incident": incident.id}
        return msgspec.json.encode(
            {name: self._value(name, named, incident.stream) for name in self.settings.group_by}
        ).decode()

    def keeps_back(
        self,
        status: IncidentStatus,
        kinds: Collection[str],
        *,
        silences: Sequence[Silence],
        firing: Sequence[IncidentStatus],
        now: float,
    ) -> bool:
        """Whether a silence, a maintenance window or inhibition holds for an incident now.

        Parameters
        ----------
        status : IncidentStatus
            The incident.
        kinds : collection of str
            Kinds of its alerts.
        silences : sequence of Silence
            All that there are.
        firing : sequence of IncidentStatus
            The incidents that fire and may inhibit others, see `may_inhibit`.
        now : float
            The time, in epoch seconds.
        """
        subject = self._subject(status, kinds)
        windows = [each for each in self.settings.maintenance if each.is_open(now)]
        open_ = [each for each in silences if each.is_open(now)]
        if any(matches(each, subject, wholly=True) for each in (*windows, *open_)):
            return True
        return any(
            matches(rule.of, subject)
            and any(self._inhibits(rule.by, rule.equal, one, status) for one in firing)
            for rule in self.settings.inhibit
        )

    def may_inhibit(self, status: IncidentStatus) -> bool:
        """Whether an incident that fires may keep others back."""
        return any(matches(rule.by, self._subject(status, ())) for rule in self.settings.inhibit)

    def _inhibits(self, by: Any, equal: Sequence[str], whole: IncidentStatus, part: IncidentStatus) -> bool:
        if whole.incident.id == part.incident.id or whole.incident.state is not AlertState.FIRING:
            return False
        return matches(by, self._subject(whole, ())) and all(
            self._common(name, whole) == self._common(name, part) for name in equal
        )

    def _common(self, name: str, status: IncidentStatus) -> str:
        case = status.incident
        return self._value(name, {"stream": case.stream, "source": case.source}, case.stream)

    def _value(self, name: str, named: Mapping[str, str], stream: str) -> str:
        if name.startswith("label:"):
            return self.labels.get(stream, {}).get(name.removeprefix("label:"), "")
        return named[name]

    def _subject(self, status: IncidentStatus, kinds: Collection[str]) -> Subject:
        return subject_of_incident(status, kinds, self.labels.get(status.incident.stream, {}))

    def telling(self, news: News, status: IncidentStatus, severity: str, before: str = "") -> Telling:
        """Return what a message says of an incident."""
        case = status.incident
        return Telling(
            news=news,
            incident=case.model_dump(mode="json"),
            severity=severity,
            before=before,
            labels=dict(self.labels.get(case.stream, {})),
            acknowledged_by=status.acknowledged.by if status.acknowledged else "",
            link=f"{self.page}{case.id}" if self.page else "",
        )


def routes_of(settings: Settings) -> list[Route]:
    """Return the routes of the settings, in their order.

    Raises
    ------
    SettingsError
        If a template is none; names the route.
    """
    labels = {name: stream.route_labels for name, stream in settings.streams.items()}
    return [
        Route(name, one, load_channel(one.channel.kind), Renderer(name, one), labels, _page(settings))
        for name, one in settings.routes.items()
    ]


def sample(route: Route, *, at: float, key: str) -> Message:
    """Return a message that says that it is a test.

    Parameters
    ----------
    route : Route
        The route that it tries.
    at : float
        The time, in epoch seconds.
    key : str
        Key of the message.
    """
    incident = Incident.model_validate(
        {
            "id": key,
            "stream": "test",
            "source": route.name,
            "state": "firing",
            "severity": "info",
            "started_at": at,
            "changed_at": at,
            "alerts": 1,
            "firing": 1,
            "channels": [("flow", 1.0)],
            "found_by": [("drift.level", "flow")],
            "summary": "this is a test: mean of flow 124.6 → 118.2",
        }
    )
    telling = route.telling(News.BEGAN, IncidentStatus(incident), "info")
    return Message(key, route.name, {"stream": "test"}, at, [telling], {"began": 1}, firing=1, test=True)


def _page(settings: Settings) -> str:
    url = settings.dashboard.url.rstrip("/")
    return f"{url}/incidents/" if url else ""
