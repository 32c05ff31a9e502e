"""Options that several commands share, and the settings they give."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from stream_app.errors import SettingsError
from stream_app.settings import KafkaSettings, RedisSettings, Settings, load_settings

__all__ = ["ConfigOption", "JsonOption", "KafkaOption", "RedisOption", "settings_of"]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
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


def settings_of(config: Path | None, kafka: str | None = None, redis: str | None = None) -> Settings:
    """Read the settings; what the command line names wins.

    Raises
    ------
    SettingsError
        One line a mistake.
    """
    settings = load_settings(config)
    changes: dict[str, Any] = {}
    try:
        if kafka:
            changes["kafka"] = KafkaSettings.model_validate(
                settings.kafka.model_dump() | {"bootstrap": kafka}
            )
        if redis:
            changes["redis"] = RedisSettings.model_validate(settings.redis.model_dump() | {"url": redis})
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(
            f"--{'redis' if 'kafka' in changes or not kafka else 'kafka'}: {message}"
        ) from None
    return settings.model_copy(update=changes)
