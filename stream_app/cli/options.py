"""Options that several commands share, and what they say."""

import contextlib
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError

from stream_app.errors import SettingsError
from stream_app.events import parse_event_time
from stream_app.settings import (
    DashboardSettings,
    KafkaSettings,
    ModelRegistrySettings,
    MqttSettings,
    RedisSettings,
    Settings,
    WorkerSettings,
    load_settings,
    parse_duration,
)
from stream_app.store import Store, connect

__all__ = [
    "ConfigOption",
    "FollowOption",
    "JsonOption",
    "KafkaOption",
    "LabelDelayOption",
    "LastOption",
    "NewestOption",
    "PrintingOptions",
    "RedisOption",
    "SinceFilter",
    "beginning",
    "broker_of",
    "changed_table",
    "delay_of",
    "settings_of",
    "store_of",
]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Monitor file; by default STREAMGAUGE_CONFIG, else ./streamgauge.toml.",
        show_default=False,
    ),
]
KafkaOption = Annotated[
    str | None,
    typer.Option(
        "--kafka",
        metavar="HOST:PORT",
        help="Address of Kafka; by default STREAMGAUGE_KAFKA, else the monitor file's.",
        show_default=False,
    ),
]
RedisOption = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        help="URL of Redis; by default STREAMGAUGE_REDIS, else the monitor file's.",
        show_default=False,
    ),
]
LabelDelayOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Delay of the truth in event time, as an event of its own: 30s.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@dataclass(frozen=True, slots=True)
class PrintingOptions:
    """Options for what a run over files prints."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel="Output")] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel="Output")
    ] = False


NewestOption = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=0, help="Number of newest entries; 0 is all.")
]
LastOption = Annotated[
    int, typer.Option("--last", "-n", metavar="N", min=0, help="Number of newest entries to start with.")
]
SinceFilter = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only those written since this time (RFC 3339, epoch seconds, or a duration ago: 90m, 2h, 1d).",
        show_default=False,
    ),
]
FollowOption = Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Wait for new entries.")]


def settings_of(
    config: Path | None, kafka: str | None = None, redis: str | None = None, registry: str | None = None
) -> Settings:
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
        changes["kafka"] = changed_table(settings.kafka, "--kafka", bootstrap=kafka)
    if redis is not None:
        changes["redis"] = changed_table(settings.redis, "--redis", url=redis)
    if registry is not None:
        changes["registry"] = changed_table(settings.registry, "--registry", uri=registry)
    return settings.model_copy(update=changes)


Table = TypeVar(
    "Table",
    DashboardSettings,
    KafkaSettings,
    ModelRegistrySettings,
    MqttSettings,
    RedisSettings,
    WorkerSettings,
)


def changed_table(table: Table, option: str, **changes: Any) -> Table:
    """Return a table of the settings with what the command line says.

    Raises
    ------
    typer.BadParameter
        If the table cannot be so; it names the option.
    """
    try:
        return type(table).model_validate(table.model_dump() | changes)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(message, param_hint=option) from None


def beginning(text: str | None) -> float:
    """Time that ``--since`` names, in epoch seconds."""
    if text is None:
        return 0.0
    number = text.replace(".", "", 1).isdigit()
    if not number:
        with contextlib.suppress(ValueError):
            return time.time() - parse_duration(text)
    try:
        return parse_event_time(float(text) if number else text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; or so long ago, like 2h", param_hint="--since") from None


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


def delay_of(label_delay: str | None) -> float:
    """Return the seconds of ``--label-delay``, 0 where it is not given.

    Raises
    ------
    SettingsError
        If it is no length of time.
    """
    if label_delay is None:
        return 0.0
    try:
        return parse_duration(label_delay)
    except ValueError as error:
        raise SettingsError(f"--label-delay: {error}") from None


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
