"""What a route tells of an incident: a pure function of how it stands and what was told before."""

from dataclasses import dataclass

from stream_app.events import AlertState, Severity
from stream_app.routes.message import News
from stream_app.settings import RouteSettings
from stream_app.store import IncidentStatus, Told

__all__ = ["Judgement", "judge"]

_LOOK_AGAIN_SECONDS = 15.0
"""Between two looks at an incident that is kept back: whether the silence ended, or what inhibits it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do about an incident.

    Parameters
    ----------
    news : News or None
        What to tell.
    told : Told or None
        What to write down as told; also without news, where they are not wanted.
    look_at : float or None
        When to look again, if nothing comes before; None for never.
    over : bool
        Whether nothing more is to be told, unless more comes.
    """

    news: News | None = None
    told: Told | None = None
    look_at: float | None = None
    over: bool = False


def judge(
    status: IncidentStatus,
    told: Told | None,
    route: RouteSettings,
    *,
    kept_back: bool,
    repeat_seconds: float,
    keeps_alive: bool,
    now: float,
) -> Judgement:
    """Say what to tell of an incident.

    Parameters
    ----------
    status : IncidentStatus
        How it stands, with what people said.
    told : Told or None
        What was told last.
    route : RouteSettings
        Severity from which the route takes incidents, and whether it tells their ends.
    kept_back : bool
        Whether a silence, a maintenance window or inhibition holds for it.
    repeat_seconds : float
        Time after which what fires is told again.
    keeps_alive : bool
        Whether the receiver takes for over what is not repeated, so that acknowledged incidents are repeated, too.
    now : float
        The time, in epoch seconds.
    """
    if status.incident.state is AlertState.FIRING:
        return _firing(
            status,
            told,
            route,
            kept_back=kept_back,
            repeat_seconds=repeat_seconds,
            keeps_alive=keeps_alive,
            now=now,
        )
    return _resolved(status, told, route, kept_back=kept_back, now=now)


def _firing(
    status: IncidentStatus,
    told: Told | None,
    route: RouteSettings,
    *,
    kept_back: bool,
    repeat_seconds: float,
    keeps_alive: bool,
    now: float,
) -> Judgement:
    if not _severe_enough(status.severity, route):
        # It is taken when it gets worse: the alert that does so brings it here again.
        return Judgement()
    if status.is_muted(now) or kept_back:
        return Judgement(look_at=now + _LOOK_AGAIN_SECONDS)
    known = told if told is not None and told.state == "firing" else None
    if known is None:
        news = News.BEGAN
    elif status.severity.rank > Severity(known.severity).rank:
        news = News.WORSE
    elif now < known.at + repeat_seconds:
        return Judgement(look_at=known.at + repeat_seconds)
    elif not keeps_alive and _is_seen_to(status):
        return Judgement(look_at=now + repeat_seconds)
    else:
        news = News.AGAIN
    worst = status.severity if known is None else Severity.worst([status.severity, Severity(known.severity)])
    said = Told("firing", worst.value, status.incident.alerts, now, _count(told))
    return Judgement(news, said, look_at=now + repeat_seconds)


def _resolved(
    status: IncidentStatus, told: Told | None, route: RouteSettings, *, kept_back: bool, now: float
) -> Judgement:
    case = status.incident
    if told is not None and told.state == "resolved" and told.alerts >= case.alerts:
        return Judgement(over=True)
    was_told = told is not None and told.state == "firing"
    severity = Severity(told.severity) if told is not None and was_told else status.severity
    said = Told("resolved", severity.value, case.alerts, now, _count(told))
    if was_told:
        if kept_back and not status.is_muted(now):
            # Whoever was told that it began is told that it ended, once that may be said.
            return Judgement(look_at=now + _LOOK_AGAIN_SECONDS)
        news = News.OVER if route.resolved and not status.is_muted(now) else None
        return Judgement(news, said, over=True)
    wanted = _severe_enough(status.severity, route) and not kept_back and not status.is_muted(now)
    return Judgement(News.PASSED if wanted else None, said, over=True)


def _severe_enough(severity: Severity, route: RouteSettings) -> bool:
    return route.match.severity is None or severity.rank >= Severity(route.match.severity).rank


def _is_seen_to(status: IncidentStatus) -> bool:
    return status.acknowledged is not None or (status.verdict is not None and status.verdict.real is False)


def _count(told: Told | None) -> int:
    return 1 if told is None else told.count + 1
