"""Groups: of commands below one name, and of options, a dataclass in a command's signature that stands for an option a field."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from inspect import Parameter, Signature
from typing import Any, TypeVar, get_type_hints

import typer

from stream_app.cli.show import help_of

__all__ = ["command_of", "expand_groups"]

Command = TypeVar("Command", bound=Callable[..., None])


def command_of(
    group: typer.Typer, name: str | None = None, *, examples: str | None = None
) -> Callable[[Command], Command]:
    """Return what makes a function a command of a group.

    Parameters
    ----------
    group : Typer
    name : str, optional
        Of the command; by default that of the function.
    examples : str, optional
        Stand below the help.
    """

    def add(function: Command) -> Command:
        group.command(name, help=help_of(function), epilog=examples)(expand_groups(function))
        return function

    return add


def expand_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with an option for each field of the dataclasses among its parameters, and in these.

    Typer reads options from a signature. The dataclasses are made of the options when the command is called.

    Parameters
    ----------
    command : callable
        Its parameters are what Typer takes, or dataclasses whose fields are.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Pace:
    ...     speed: str = "max"
    ...     rate: float | None = None
    >>> def replay(path: str, *, pace: Pace) -> None:
    ...     print(path, pace)
    >>> inspect.signature(expand_groups(replay))
    <Signature (path: str, *, speed: str = 'max', rate: float | None = None)>
    >>> expand_groups(replay)(path="a.csv", speed="60x", rate=None)
    a.csv Pace(speed='60x', rate=None)
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {}
    parameters: list[Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        hint = hints[name]
        if isinstance(hint, type) and is_dataclass(hint):
            groups[name] = hint
            parameters += _options(hint)
        else:
            parameters.append(parameter.replace(annotation=hint))

    @functools.wraps(command)
    def call(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = _made(group, given)
        command(**given)

    # What `inspect` and Typer look at, in place of the signature of the function that is wrapped.
    vars(call)["__signature__"] = Signature(parameters)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _options(group: type[Any]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    options: list[Parameter] = []
    for field in fields(group):
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            options += _options(hint)
        else:
            default = Parameter.empty if field.default is MISSING else field.default
            options.append(Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hint))
    return options


def _made(group: type[Any], given: dict[str, Any]) -> Any:
    """Make a group of the options that are its own, and those in it."""
    hints = get_type_hints(group)
    inside = {
        field.name: _made(hints[field.name], given)
        if is_dataclass(hints[field.name])
        else given.pop(field.name)
        for field in fields(group)
    }
    return group(**inside)
