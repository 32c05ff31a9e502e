"""``streamgauge routes``: list the routes, try one."""

import json as json_module
import time
import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, settings_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, help_of, print_columns
from stream_app.errors import DeliveryError, SettingsError, StreamgaugeError
from stream_app.settings import RouteChannel
from stream_app.settings.durations import format_duration

if TYPE_CHECKING:
    from stream_app.routes.route import Route

__all__ = ["routes_app"]

routes_app = typer.Typer(
    help="List the routes by which alerts reach people, or try one.", no_args_is_help=True
)


def list_(config: ConfigOption = None, *, json: JsonOption = False) -> None:
    """List the routes of the monitor file."""
    routes = settings_of(config).routes
    if json:
        for name, route in routes.items():
            said = route.match.model_dump(mode="json", exclude_defaults=True)
            row = {"route": name, "channel": route.channel.kind, "to": _to(route.channel), "match": said}
            typer.echo(json_module.dumps(row))
        return
    if not routes:
        console.print("No routes: add \\[routes.NAME] to the monitor file.")
        return
    rows = [("route", "channel", "to", "groups", "wait", "repeat", "takes")]
    for name, route in routes.items():
        said = route.match.model_dump(mode="json", exclude_defaults=True)
        takes = ", ".join(f"{key} {_words(value)}" for key, value in said.items()) or "all"
        waits = format_duration(route.group_wait), format_duration(route.repeat_interval)
        rows.append((name, route.channel.kind, _to(route.channel), ", ".join(route.group_by), *waits, takes))
    print_columns(rows)


def _to(channel: RouteChannel) -> str:
    # Who lists routes need not be able to read their secrets.
    return channel.url_file or channel.shown


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{name}={glob}" for name, glob in value.items())
    return " or ".join(value) if isinstance(value, list) else str(value)


def try_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the route.")],
    config: ConfigOption = None,
) -> None:
    """Send one message by a route, which says that it is a test."""
    configure_logging(quiet=True)
    settings = settings_of(config)
    if name not in settings.routes:
        there = ", ".join(settings.routes) or "none"
        raise SettingsError(f"there is no route {name!r}; there is {there}")
    from stream_app.routes.route import routes_of  # noqa: PLC0415 help does not wait for it

    route = next(one for one in routes_of(settings) if one.name == name)
    key = run(_send(route))
    console.print(
        f"sent by {name} to {printable(route.settings.channel.shown)}, key {key}",
        markup=False,
        soft_wrap=True,
    )


async def _send(route: "Route") -> str:
    from stream_app.routes.route import sample  # noqa: PLC0415 as above

    message = sample(route, at=time.time(), key=uuid.uuid4().hex)
    channel = route.open()
    try:
        await channel.send(message, route.renderer.text(message))
    except DeliveryError as error:
        raise StreamgaugeError(f"routes.{route.name}: {error}") from None
    finally:
        await channel.close()
    return message.key


routes_app.command("list", help=help_of(list_))(list_)
routes_app.command("test", help=help_of(try_))(try_)
