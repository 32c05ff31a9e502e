"""The group of commands, and what several of them take."""

from functools import partial
from typing import Annotated

import typer

from stream_app.cli.option_groups import command_of

__all__ = ["NameArgument", "RegistryOption", "command", "models_app"]

models_app = typer.Typer(
    help="List registered models, and say which version serves: show, promote, roll back.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the registered model.")]
RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="URI",
        help="Registry of models; by default STREAMGAUGE_REGISTRY, else the monitor file's.",
        show_default=False,
    ),
]

command = partial(command_of, models_app)
"""Makes a function a command of the group."""
