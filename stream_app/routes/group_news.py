"""What a route tells of a group, put together incident by incident: a group may have more than fit into memory."""

from collections.abc import Iterable

import msgspec

from stream_app.routes.judging import Judgement, judge
from stream_app.routes.message import Message, Telling, message_key
from stream_app.routes.route import Route
from stream_app.store import IncidentStatus, Told

__all__ = ["GroupNews"]

_IDLE_SECONDS = 86_400.0
"""Until a group is looked at in which nothing is to be told unless more comes."""


class GroupNews:
    """What is told of a group, and what is written down with it.

    What one message cannot tell any more is told by the next one.

    Parameters
    ----------
    route : Route
        Which tells it.
    now : float
        The time, in epoch seconds.

    Attributes
    ----------
    tellings : list of Telling
        What the message says, of at most as many incidents as the channel has in one.
    told : dict of str to Told
        What is to be written down as told, by incident.
    over : list of str
        Incidents of which nothing more is to be told, unless more comes.
    """

    def __init__(self, route: Route, now: float) -> None:
        self.tellings: list[Telling] = []
        self.told: dict[str, Told] = {}
        self.over: list[str] = []
        self._route, self._now = route, now
        self._incidents = self._firing = 0
        self._look_at: float | None = None

    def add(self, status: IncidentStatus, before: Told | None, *, kept_back: bool) -> None:
        """Judge an incident.

        Parameters
        ----------
        status : IncidentStatus
            How it stands.
        before : Told or None
            What was told of it last.
        kept_back : bool
            Whether a silence, a maintenance window or inhibition holds for it.
        """
        route, kind = self._route, self._route.kind
        judged = judge(
            status,
            before,
            route.settings,
            kept_back=kept_back,
            repeat_seconds=route.repeat_seconds,
            keeps_alive=kind.repeat_seconds is not None,
            now=self._now,
        )
        self._incidents += 1
        said = before
        if self._is_too_much(judged, kind.told_at_once):
            self._look(self._now)
        else:
            one = status.incident.id
            if judged.told is not None:
                self.told[one] = said = judged.told
                if judged.news is not None:
                    worst = before.severity if before is not None else ""
                    self.tellings.append(route.telling(judged.news, status, said.severity, worst))
            if judged.over:
                self.over.append(one)
            self._look(judged.look_at)
        self._firing += said is not None and said.state == "firing"

    @property
    def full(self) -> bool:
        """Whether the message cannot tell of another incident."""
        return len(self.tellings) >= self._route.kind.told_at_once

    def leave(self, told: Iterable[Told]) -> None:
        """Leave incidents to the next message, some of which were told before."""
        self._firing += sum(one.state == "firing" for one in told)
        self._look(self._now)

    def _is_too_much(self, judged: Judgement, most: int) -> bool:
        if judged.told is not None:
            return len(self.told) >= most
        return judged.over and len(self.over) >= most

    def _look(self, at: float | None) -> None:
        if at is not None:
            self._look_at = at if self._look_at is None else min(at, self._look_at)

    @property
    def look_at(self) -> float | None:
        """When the group is to be looked at again, in epoch seconds; None where all of it is over."""
        if self._look_at is None and len(self.over) < self._incidents:
            return self._now + _IDLE_SECONDS
        return self._look_at

    def message(self, owner: str, group: str) -> bytes:
        """Return the message that tells it; empty where nothing is told.

        Parameters
        ----------
        owner, group : str
            Names of the deployment and the group.
        """
        if not self.tellings:
            return b""
        route = self._route
        parts = [(one.incident["id"], one.news.value) for one in self.tellings]
        message = Message.of(
            route.name,
            msgspec.json.decode(group, type=dict[str, str]),
            self.tellings,
            at=self._now,
            key=message_key(owner, route.name, group, [(*part, self.told[part[0]].count) for part in parts]),
            firing=self._firing,
            listed=route.kind.listed,
        )
        return msgspec.json.encode(message)
