"""The group of commands, what their options have in common, and how names are found."""

import difflib
from collections.abc import Iterable
from functools import partial
from typing import Annotated

import typer

from stream_app.cli.option_groups import command_of
from stream_app.kinds import SESSIONS
from stream_app.settings import Settings

__all__ = [
    "EntityArgument",
    "FeatureOption",
    "ViewArgument",
    "ViewOption",
    "command",
    "features_app",
    "nearest",
    "view_names",
]

features_app = typer.Typer(
    help="Query live features, build training rows, detect skew between them.", no_args_is_help=True
)

EntityArgument = Annotated[
    str, typer.Argument(metavar="ENTITY", help="Entity: a source of readings, a customer, a card.")
]
ViewArgument = Annotated[
    str, typer.Argument(metavar="VIEW", help="A view of sessions: purchases, or purchases:v2.")
]
ViewOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="View: the name of a stream of sensors, or a feature view such as purchases or purchases:v2; by default the only one.",
        show_default=False,
    ),
]
FeatureOption = Annotated[
    list[str] | None,
    typer.Option(
        "--feature", "-f", metavar="NAME", help="Only this feature; may be repeated.", show_default=False
    ),
]


command = partial(command_of, features_app)
"""Makes a function a command of the group."""


def view_names(settings: Settings) -> list[str]:
    """Return the names of the feature views of the settings' streams of sessions, each once."""
    streams = SESSIONS.streams(settings).values()
    return list(dict.fromkeys(view.name for stream in streams for view in stream.views))


def nearest(name: str, names: Iterable[str]) -> str:
    """Say what was meant, perhaps; else what there is."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there is {', '.join(known[:20])}{', …' if len(known) > 20 else ''}"
