"""``streamgauge dashboard``: serve web pages of what is in Redis."""

import importlib
import importlib.util
from typing import Annotated, Any

import typer

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, KafkaOption, RedisOption, changed_table, settings_of
from stream_app.cli.show import console
from stream_app.errors import MissingExtraError, SettingsError

__all__ = ["dashboard", "dashboard_server"]


def dashboard(
    config: ConfigOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="Address to listen on; beyond the loopback interface a password is needed.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1, max=65_535, help="Port to listen on; 8080 by default.", show_default=False
        ),
    ] = None,
    *,
    allow_actions: Annotated[
        bool, typer.Option("--allow-actions", help="Let people judge incidents and send dead letters back.")
    ] = False,
    hash_password: Annotated[
        bool,
        typer.Option("--hash-password", help="Ask for a password and print its hash for the monitor file."),
    ] = False,
) -> None:
    """Serve web pages of sources and incidents as they are now.

    They are read from Redis and pushed to open pages. Anybody on this machine may look; others need a password, and are not let in
    without one. Ctrl-C ends it.
    """
    if hash_password:
        _check_extra()
        hasher = importlib.import_module("argon2").PasswordHasher()
        typer.echo(hasher.hash(typer.prompt("Password", hide_input=True, confirmation_prompt=True)))
        return
    settings = settings_of(config, redis=redis, kafka=kafka)
    if not settings.redis.url.get_secret_value():
        raise SettingsError(
            "no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or redis in streamgauge.toml, or --redis"
        )
    where = settings.dashboard
    if host is not None:
        where = changed_table(where, "--host", host=host)
    if port is not None:
        where = changed_table(where, "--port", port=port)
    settings = settings.model_copy(update={"dashboard": where})
    server = dashboard_server()

    def ready() -> None:
        console.print(f"Dashboard on {where.address}", markup=False, soft_wrap=True)

    try:
        run(server.serve(settings, actions=allow_actions, ready=ready))
    except KeyboardInterrupt:
        return


def dashboard_server() -> Any:
    """Import the module that serves the pages, and all that it needs.

    Raises
    ------
    MissingExtraError
        If the extra is not installed.
    """
    _check_extra()
    return importlib.import_module("stream_app.dashboard.server")


def _check_extra() -> None:
    for package in ("nicegui", "argon2"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("the dashboard needs", package, "dashboard")
