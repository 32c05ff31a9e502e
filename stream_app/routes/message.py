"""Messages of a route: what they tell of which incidents, and the key by which a receiver knows one that comes again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from stream_app.events.identity import identity

__all__ = ["Message", "News", "Telling", "message_key"]


class News(StrEnum):
    """What a message tells of an incident."""

    BEGAN = "began"
    WORSE = "worse"
    AGAIN = "again"
    """It still fires."""
    OVER = "over"
    PASSED = "passed"
    """It began and ended since the last message."""


class Telling(msgspec.Struct, frozen=True):
    """What a message tells of one incident.

    Parameters
    ----------
    news : News
        What is new.
    incident : dict
        The incident as it stands, see `stream_app.events.Incident`.
    severity : str
        The worst that was told of it, this message included.
    before : str
        What was the worst before, where it got worse; else empty.
    labels : dict of str to str
        Labels of its stream.
    acknowledged_by : str
        Who sees to it; empty where nobody does.
    link : str
        Its page; empty where there is none.
    """

    news: News
    incident: dict[str, Any]
    severity: str
    before: str = ""
    labels: dict[str, str] = {}
    acknowledged_by: str = ""
    link: str = ""

    @property
    def firing(self) -> bool:
        """Whether it fires."""
        return self.news in {News.BEGAN, News.WORSE, News.AGAIN}


class Message(msgspec.Struct, frozen=True):
    """A message.

    Parameters
    ----------
    key : str
        The same for the same message, however often it is sent.
    route : str
        Name of the route.
    group : dict of str to str
        What its incidents have in common.
    at : float
        When it was made, in epoch seconds.
    tellings : list of Telling
        Incidents by urgency; the first ones where there are too many.
    counts : dict of str to int
        How many incidents it tells of, by `News`: all of them, also those that it does not list.
    firing : int
        Incidents of the group that fire now and were told.
    test : bool
        Whether it only tries the route.
    """

    key: str
    route: str
    group: dict[str, str]
    at: float
    tellings: list[Telling]
    counts: dict[str, int]
    firing: int = 0
    test: bool = False

    @property
    def left_out(self) -> int:
        """Incidents that it tells of and does not list."""
        return sum(self.counts.values()) - len(self.tellings)

    @property
    def trace(self) -> dict[str, str]:
        """What names the trace that all its incidents belong to; empty where they have none in common."""
        traces = [telling.incident.get("trace") or {} for telling in self.tellings]
        common = traces[0] if traces and not self.left_out and all(one == traces[0] for one in traces) else {}
        return {name: value for name, value in common.items() if value}

    @classmethod
    def of(
        cls,
        route: str,
        group: Mapping[str, str],
        tellings: Sequence[Telling],
        *,
        at: float,
        key: str,
        firing: int,
        listed: int,
    ) -> "Message":
        """Make a message that lists the most urgent of what it tells.

        Parameters
        ----------
        route, group, tellings, at, key, firing
            See above.
        listed : int
            The most incidents that it lists.
        """
        counts = Counter(telling.news.value for telling in tellings)
        first = sorted(tellings, key=_urgency)[:listed]
        return cls(key, route, dict(group), at, first, dict(counts), firing)


_SEVERITIES = ("critical", "warning", "info")
_NEWS = (News.BEGAN, News.WORSE, News.AGAIN, News.PASSED, News.OVER)


def _urgency(telling: Telling) -> tuple[bool, int, int, float, str]:
    incident = telling.incident
    return (
        not telling.firing,
        _SEVERITIES.index(telling.severity),
        _NEWS.index(telling.news),
        float(incident["started_at"]),
        str(incident["id"]),
    )


def message_key(owner: str, route: str, group: str, tellings: Sequence[tuple[str, str, int]]) -> str:
    """Return the key of a message: derived from what it tells, so the same again after a crash or a loss of Redis' last writes.

    Parameters
    ----------
    owner, route, group : str
        Names of the deployment, the route and the group.
    tellings : sequence of (str, str, int)
        Of each incident its id, what is told, and how often something was told of it before.
    """
    parts = [part for telling in sorted(tellings) for part in telling]
    return identity("route", owner, route, group, *parts)
