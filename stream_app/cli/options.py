"""Options that several commands share, and the settings they give."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError

from stream_app.errors import SettingsError
from stream_app.settings import KafkaSettings, RedisSettings, Settings, load_settings
from stream_app.store import Store, connect

__all__ = [
    "ConfigOption",
    "FollowOption",
    "JsonOption",
    "KafkaOption",
    "LastOption",
    "NewestOption",
    "RedisOption",
    "broker_of",
    "settings_of",
    "store_of",
]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The monitor file; else STREAMGAUGE_CONFIG, else streamgauge.toml here.",
        show_default=False,
    ),
]
KafkaOption = Annotated[
    str | None,
    typer.Option(
        "--kafka",
        metavar="HOST:PORT",
        help="The broker; else STREAMGAUGE_KAFKA or the file.",
        show_default=False,
    ),
]
RedisOption = Annotated[
    str | None,
    typer.Option(
        "--redis", metavar="URL", help="The store; else STREAMGAUGE_REDIS or the file.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
NewestOption = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=0, help="The newest so many; 0 is all.")
]
LastOption = Annotated[
    int, typer.Option("--last", "-n", metavar="N", min=0, help="Begin with the newest so many.")
]
FollowOption = Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on as new ones come.")]


def settings_of(config: Path | None, kafka: str | None = None, redis: str | None = None) -> Settings:
    """Read the settings; what the command line names wins.

    Raises
    ------
    SettingsError
        One line a mistake.
    typer.BadParameter
        If an address on the command line is none.
    """
    settings = load_settings(config)
    changes: dict[str, Any] = {}
    if kafka is not None:
        changes["kafka"] = _changed(settings.kafka, "--kafka", bootstrap=kafka)
    if redis is not None:
        changes["redis"] = _changed(settings.redis, "--redis", url=redis)
    return settings.model_copy(update=changes)


Table = TypeVar("Table", KafkaSettings, RedisSettings)


def _changed(table: Table, option: str, **changes: str) -> Table:
    try:
        return type(table).model_validate(table.model_dump() | changes)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(message, param_hint=option) from None


def broker_of(settings: Settings) -> KafkaSettings:
    """Return where the broker is.

    Raises
    ------
    SettingsError
        If the settings name none.
    """
    if not settings.kafka.servers:
        raise SettingsError(
            "no broker: set STREAMGAUGE_KAFKA=HOST:PORT, or kafka in streamgauge.toml, or --kafka"
        )
    return settings.kafka


async def store_of(settings: Settings, stack: AsyncExitStack) -> Store:
    """Connect to the store that the settings name, until `stack` ends.

    Raises
    ------
    SettingsError
        If they name none.
    StoreError
        If it cannot be reached.
    """
    if not settings.redis.url.get_secret_value():
        raise SettingsError(
            "no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or redis in streamgauge.toml, or --redis"
        )
    store = await connect(settings.redis)
    stack.push_async_callback(store.close)
    return store
