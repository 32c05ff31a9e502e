"""The group of commands, and what several of them take."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from stream_app.cli.option_groups import expand_groups
from stream_app.cli.show import help_of

__all__ = ["NameArgument", "RegistryOption", "command", "models_app"]

models_app = typer.Typer(
    help="List registered models, and say which version serves: show, promote, roll back.",
    no_args_is_help=True,
)

Command = TypeVar("Command", bound=Callable[..., None])

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


def command(name: str | None = None) -> Callable[[Command], Command]:
    """Make a function a command of the group."""

    def add(function: Command) -> Command:
        models_app.command(name, help=help_of(function))(expand_groups(function))
        return function

    return add
