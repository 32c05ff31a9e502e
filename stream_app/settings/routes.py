"""Settings of routes, by which alerts reach people."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from stream_app.settings.channels import AnyRouteChannel
from stream_app.settings.durations import Duration
from stream_app.settings.maintenance import MaintenanceWindow
from stream_app.settings.matching import Match
from stream_app.settings.table import Table

__all__ = ["InhibitSettings", "RouteName", "RouteSettings"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
_GROUPS = ("stream", "source", "incident")

RouteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,63}$")]


def _grouping(name: str) -> str:
    if name not in _GROUPS and not (name.startswith("label:") and _LABEL.fullmatch(name[6:])):
        raise ValueError(f'{name[:80]!r} is none of "stream", "source", "incident" and "label:NAME"')
    return name


class InhibitSettings(Table):
    """Inhibition, `[[routes.NAME.inhibit]]`: as long as an incident of the whole fires, those of its parts are not told.

    Parameters
    ----------
    by : match
        Incidents of the whole, whether or not the route takes them. They have no `kind`: name a `detector`, such as `quality.*`.
    of : match
        Incidents of the parts.
    equal : list of texts
        What whole and part have in common: `stream`, `source`, or `label:NAME`.
    """

    by: Match
    of: Match = Match()
    equal: tuple[Annotated[str, AfterValidator(_grouping)], ...] = ("stream",)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.by.kind:
            raise ValueError(
                'by.kind: an incident has alerts of several kinds; name a detector, such as "quality.*"'
            )
        if "incident" in self.equal:
            raise ValueError("equal: whole and part are never the same incident")
        return self


class RouteSettings(Table):
    """Settings of a route.

    Parameters
    ----------
    channel : table
        Where its messages go: `kind` and the settings of that channel.
    match : table
        Which alerts it takes; all where nothing is said.
    group_by : list of texts
        Incidents that agree in these share messages: `stream`, `source`, `incident`, `label:NAME`.
    group_wait : duration
        Time from a change to the message about it, in which others join.
    repeat_interval : duration
        Time after which an incident that still fires is told again, unless somebody acknowledged it. Alertmanager forgets what is not
        repeated, so it is told again every four minutes at least.
    resolved : bool
        Tell when an incident is over.
    dead_after : duration
        A route whose messages do not arrive for so long raises an alert itself.
    maintenance : list of tables
        Windows in which nothing is told; what still fires after them is.
    inhibit : list of tables
        Which incidents are not told while others fire.
    subject, body : text, optional
        Jinja2 templates in place of the default ones.
    """

    channel: AnyRouteChannel
    match: Match = Match()
    group_by: tuple[Annotated[str, AfterValidator(_grouping)], ...] = ("stream",)
    group_wait: Annotated[Duration, Field(le=86_400)] = 30.0
    repeat_interval: Annotated[Duration, Field(ge=1, le=2_592_000)] = 14_400.0
    resolved: bool = True
    dead_after: Annotated[Duration, Field(ge=1)] = 300.0
    maintenance: tuple[MaintenanceWindow, ...] = ()
    inhibit: tuple[InhibitSettings, ...] = ()
    subject: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    body: Annotated[str, Field(min_length=1, max_length=100_000)] | None = None
