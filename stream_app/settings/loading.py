"""Loading of settings from the environment and the monitor file."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from stream_app.errors import SettingsError
from stream_app.settings.dashboard import DashboardSettings
from stream_app.settings.deployment import DEFAULT_GROUP, Deployment
from stream_app.settings.detectors import refused_modules
from stream_app.settings.kinds import StreamSettings
from stream_app.settings.model_registry import ModelRegistrySettings
from stream_app.settings.mqtt import MqttSettings
from stream_app.settings.predictions import PredictionStream
from stream_app.settings.routes import RouteName, RouteSettings
from stream_app.settings.schema_registry import SchemaRegistrySettings
from stream_app.settings.servers import KafkaSettings, RedisSettings
from stream_app.settings.streams import ImageStream, SensorStream
from stream_app.settings.worker import WorkerSettings

__all__ = ["DEFAULT_FILE", "MAX_FILE_BYTES", "Settings", "load_settings", "read_environment", "read_file"]

DEFAULT_FILE = "streamgauge.toml"
MAX_FILE_BYTES = 1_048_576
"""A larger monitor file is another one by mistake; it is not parsed."""
_PREFIX = "STREAMGAUGE_"
_NESTED = "__"
_FILE_VARIABLE = f"{_PREFIX}CONFIG"
_SHORT_NAMES = {
    "kafka": "bootstrap",
    "redis": "url",
    "mqtt": "url",
    "schema_registry": "url",
    "registry": "uri",
}
"""Tables that a variable may stand for with this one key of theirs."""


def _kafka(value: Any) -> Any:
    return {"bootstrap": value} if isinstance(value, str) else value


def _url(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _uri(value: Any) -> Any:
    return {"uri": value} if isinstance(value, str) else value


def _same(value: Any) -> Any:
    return value


class _Environment(EnvSettingsSource):
    """The environment, with the two addresses under their short names."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        short = {f"{_PREFIX}{table}".lower(): f"{_NESTED}{key}" for table, key in _SHORT_NAMES.items()}
        return {name + short.get(name, ""): value for name, value in super()._load_env_vars().items()}


class Settings(BaseSettings):
    """All settings.

    `prefix` names the deployment: topics are ``PREFIX.sensor.readings``, keys ``PREFIX:…``, the consumer group ``PREFIX``.
    Deployments of different names share a broker and a store without seeing each other.

    Environment variables win over the file: ``STREAMGAUGE_KAFKA=localhost:9092``,
    ``STREAMGAUGE_REDIS=redis://localhost:6379/0``, ``STREAMGAUGE_WORKER__GROUP=night``.

    Examples
    --------
    >>> Settings(kafka="localhost:9092").kafka.servers
    ['localhost:9092']
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter=_NESTED,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # it may hold a password
    )

    kafka: Annotated[KafkaSettings, BeforeValidator(_kafka)] = KafkaSettings()
    redis: Annotated[RedisSettings, BeforeValidator(_url)] = RedisSettings()
    mqtt: Annotated[MqttSettings, BeforeValidator(_url)] = MqttSettings()
    schema_registry: Annotated[SchemaRegistrySettings, BeforeValidator(_url)] = SchemaRegistrySettings()
    registry: Annotated[ModelRegistrySettings, BeforeValidator(_uri)] = ModelRegistrySettings()
    prefix: Deployment = ""
    detector_modules: tuple[str, ...] = ()
    worker: WorkerSettings = WorkerSettings()
    dashboard: DashboardSettings = DashboardSettings()
    streams: dict[str, StreamSettings] = {
        "sensors": SensorStream(),
        "images": ImageStream(),
        "predictions": PredictionStream(),
    }
    routes: dict[RouteName, RouteSettings] = {}

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if self.redis.prefix not in {"", self.prefix}:
            raise ValueError(
                "redis.prefix: one prefix names topics and keys; set prefix, outside of any table"
            )
        # Frozen for everybody else; until here nobody has it.
        values = self.__dict__
        values["redis"] = self.redis.model_copy(update={"prefix": self.prefix})
        if not self.worker.group:
            values["worker"] = self.worker.model_copy(update={"group": self.prefix or DEFAULT_GROUP})
        return self

    @model_validator(mode="after")
    def _imports_allowed_modules_only(self) -> Self:
        for name, stream in self.streams.items():
            for detector in refused_modules(stream, self.detector_modules):
                module = detector.partition(":")[0]
                raise ValueError(
                    f"streams.{name}.detectors: {detector} would import code; to allow it, set "
                    f'detector_modules = ["{module}"]'
                )
        return self

    def store_bytes(self, name: str) -> int:
        """Return the bytes that a stream may take in Redis.

        Examples
        --------
        >>> streams = {"a": SensorStream(max_store_bytes=200_000_000), "b": SensorStream(), "c": SensorStream()}
        >>> settings = Settings(streams=streams)
        >>> [settings.store_bytes(name) for name in streams]
        [200000000, 300000000, 300000000]
        """
        own: dict[str, int | None] = {
            key: getattr(stream, "max_store_bytes", None) for key, stream in self.streams.items()
        }
        named = own[name]
        if named is not None:
            return named
        left = self.redis.max_bytes - sum(filter(None, own.values()))
        share = max(left, 0) // sum(one is None for one in own.values())
        return max(share, self.streams[name].expected_bytes)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the signature is pydantic's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Give the environment precedence over the file."""
        return _Environment(settings_cls), init_settings


def load_settings(path: str | Path | None = None) -> Settings:
    """Read the monitor file and the environment.

    Parameters
    ----------
    path : path, optional
        The file; else what ``STREAMGAUGE_CONFIG`` names; else ``streamgauge.toml`` here, if there is one.

    Raises
    ------
    SettingsError
        One line a mistake: the key, what is wrong, what was expected.
    """
    file, content = read_file(path)
    try:
        return Settings(**content)
    except ValidationError as error:
        lines = [_explain(file, content, detail) for detail in error.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None
    except ValueError as error:
        raise SettingsError(f"STREAMGAUGE_*: {error}") from None


def read_file(path: str | Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Read the monitor file without validation: its path and its tables.

    Raises
    ------
    SettingsError
        If it cannot be read or is not TOML.
    """
    named = path or os.environ.get(_FILE_VARIABLE)
    file = Path(named) if named else Path(DEFAULT_FILE)
    content: dict[str, Any] = {}
    if named or file.exists():
        try:
            content = tomllib.loads(_text(file))
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: not TOML: {error}") from None
        except RecursionError:
            raise SettingsError(f"{file}: not TOML that can be read: nested too deeply") from None
    shorthands = {"kafka": _kafka, "redis": _url, "mqtt": _url, "schema_registry": _url, "registry": _uri}
    return file, {key: shorthands.get(key, _same)(value) for key, value in content.items()}


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        raw = opened.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise SettingsError(f"{file}: larger than {MAX_FILE_BYTES} bytes; is this the monitor file?")
    return raw.decode()


def read_environment() -> dict[str, Any]:
    """Read the environment without validation."""
    said = _Environment(Settings)()
    return {"kafka": _kafka(said["kafka"])} | said if "kafka" in said else said


def _explain(file: Path, content: Mapping[str, Any], detail: Any) -> str:
    location = [str(part) for part in detail["loc"]]
    if detail["type"] == "kind":
        location.append("kind")
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "no such setting"
    variable = _variable(location)
    if variable:
        return f"{variable}: {message}"
    return f"{file if location[:1] and location[0] in content else _PREFIX + '*'}: {'.'.join(location)}: {message}"


def _variable(location: list[str]) -> str | None:
    """Return the variable of the environment that sets a key, if one does."""
    names = [_PREFIX + _NESTED.join(location)]
    if len(location) == 2 and _SHORT_NAMES.get(location[0]) == location[1]:
        names.append(_PREFIX + location[0])
    return next((name.upper() for name in names if name.upper() in map(str.upper, os.environ)), None)
