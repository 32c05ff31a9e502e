"""Calls of the program as its command line reads them, without running them."""

import importlib
from functools import cache

import typer

__all__ = ["parsed", "program"]


@cache
def program():
    """Return the program's command."""
    return typer.main.get_command(importlib.import_module("stream_app.cli.main").program())


def parsed(arguments):
    """Parse a call as our command line would, and return the command's name, with those below it, and parameters."""
    command, context = program(), None
    context = command.make_context("streamgauge", list(arguments))
    # click keeps the rest of the call in one of these, by version.
    rest = [*getattr(context, "_protected_args", []), *context.args]
    path = []
    while True:
        name, command, rest = command.resolve_command(context, rest)
        path.append(name)
        context = command.make_context(name, rest, parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not hasattr(command, "commands"):
            return path, context.params
