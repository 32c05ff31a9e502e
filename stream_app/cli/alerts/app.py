"""The group of commands, and what several of them take."""

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from stream_app.cli.option_groups import command_of
from stream_app.errors import StoreError
from stream_app.events import Alert
from stream_app.store import IncidentReader, IncidentStatus

__all__ = ["IdArgument", "Kind", "KindFilter", "SourceFilter", "alerts_app", "command", "found", "is_chosen"]

alerts_app = typer.Typer(
    help="Subscribe to alerts, look up incidents, say what you think of them.", no_args_is_help=True
)

command = partial(command_of, alerts_app)
"""Makes a function a command of the group."""


class Kind(StrEnum):
    """What alerts are about."""

    DRIFT = "drift"
    CHANGEPOINT = "changepoint"
    ANOMALY = "anomaly"
    QUALITY = "quality"
    PERFORMANCE = "performance"


SourceFilter = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only alerts of this source.", show_default=False)
]
KindFilter = Annotated[Kind | None, typer.Option(help="Only alerts of this kind.", show_default=False)]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of an incident or of an alert of it, or its first characters.")
]


def is_chosen(alert: Alert, source: str | None, kind: Kind | None) -> bool:
    """Whether an alert is one that the filters ask for."""
    return source in {None, alert.source} and kind in {None, alert.kind}


async def found(reader: IncidentReader, some_id: str) -> tuple[IncidentStatus, list[Alert]]:
    """Return the incident of an id, with its alerts.

    Raises
    ------
    StoreError
        If there is none.
    """
    answer = await reader.show(some_id)
    if answer is None:
        raise StoreError(
            f"no alert, or more than one, begins with {some_id!r}; `streamgauge alerts list --all` shows them"
        )
    return answer
