"""``streamgauge config``: the settings in force, and where each comes from."""

import json as json_module
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import BaseModel, SecretStr
from rich.table import Table
from rich.text import Text

from stream_app.cli.options import ConfigOption, JsonOption
from stream_app.cli.printable import printable
from stream_app.cli.show import console
from stream_app.settings import load_settings
from stream_app.settings.loading import read_environment, read_file

__all__ = ["config_app"]

config_app = typer.Typer(help="Show the settings in force.", no_args_is_help=True)

_MASK = "***"


@config_app.callback()
def _group() -> None:
    """Keep ``show`` a command of its own, though there is one only."""


@config_app.command()
def show(
    config: ConfigOption = None,
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only settings that differ from the default.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show all settings and where each comes from: default, the file or the environment.

    Passwords are not shown.
    """
    settings = load_settings(config)
    file, written = read_file(config)
    sources = {"environment": read_environment(), str(file): written}
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for path, value in _leaves(settings):
        origin = next((name for name, said in sources.items() if _says(said, path)), "default")
        if changed and origin == "default":
            continue
        key, shown = ".".join(path), _masked(path, value)
        if json:
            typer.echo(json_module.dumps({"setting": key, "value": shown, "from": origin}))
        else:
            text = "-" if shown is None else json_module.dumps(shown, ensure_ascii=False)
            table.add_row(Text(printable(key)), Text(printable(text)), Text(printable(origin)))
    if not json:
        console.print(table)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Go through all settings that are no tables, with the way to each."""
    parts: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, BaseModel):
        parts = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        parts = list(enumerate(value))
    if not parts:
        yield path, value
    for name, part in parts:
        yield from _leaves(part, (*path, str(name)))


def _says(said: Any, path: Sequence[str]) -> bool:
    """Whether a source says something about a setting."""
    if not path:
        return True
    first, rest = path[0], path[1:]
    if isinstance(said, Mapping):
        return first in said and _says(said[first], rest)
    if isinstance(said, list):
        # A list of names may stand for a table.
        return first in said or (first.isdigit() and int(first) < len(said) and _says(said[int(first)], rest))
    return False


def _masked(path: Sequence[str], value: Any) -> Any:
    if not isinstance(value, SecretStr):
        return value
    secret = value.get_secret_value()
    if list(path) == ["redis", "url"] and secret:
        parts = urlsplit(secret)
        login = f"{parts.username or ''}:{_MASK}@" if parts.password else ""
        port = f":{parts.port}" if parts.port else ""
        # Redis takes options, a password among them, after a question mark too.
        options = f"?{_MASK}" if parts.query else ""
        return f"{parts.scheme}://{login}{parts.hostname or ''}{port}{parts.path}{options}"
    return _MASK if secret else ""
