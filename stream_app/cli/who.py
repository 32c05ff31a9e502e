"""Who says or does something: what a command notes for others to read."""

import getpass
import os
from typing import Annotated

import typer

__all__ = ["ByOption", "name_of"]

ByOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of who says so; by default your user name.", show_default=False),
]


def name_of(by: str | None) -> str:
    """Return the name that is noted: the one that is said, or that of the user."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a user may be a number only
        return f"user {os.getuid()}"
