"""One settings object from the environment and the monitor file."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from stream_app.errors import SettingsError
from stream_app.settings.durations import Duration
from stream_app.settings.servers import KafkaSettings, RedisSettings
from stream_app.settings.streams import SensorStream

__all__ = ["DEFAULT_FILE", "Settings", "WorkerSettings", "load_settings", "read_environment", "read_file"]

DEFAULT_FILE = "streamgauge.toml"
_PREFIX = "STREAMGAUGE_"
_NESTED = "__"
_FILE_VARIABLE = f"{_PREFIX}CONFIG"
_SHORT_NAMES = {"kafka": "bootstrap", "redis": "url"}
"""Tables that a variable may stand for with this one key of theirs."""


class WorkerSettings(BaseModel):
    """How a worker runs.

    Parameters
    ----------
    group : str
        Consumer group; workers of one group share the partitions.
    instance : str, optional
        A lasting name of this worker, unique in its group: after a crash it takes its partitions back at once,
        without waiting for the session of its dead predecessor to end.
    max_batch : int
        Most events of one delivery, over all partitions.
    checkpoint_interval : duration
        State and position are stored this often.
    create_topics : bool
        Make topics that are missing, input topics with `partitions` partitions.
    max_bad_ratio, max_bad_run
        The worker stops when more than this share of the last 10,000 events, or this many in a row, are dead letters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")] = "streamgauge"
    instance: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    checkpoint_interval: Duration = 2.0
    create_topics: bool = True
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 4
    session_timeout: Duration = 30.0
    max_bad_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    max_bad_run: Annotated[int, Field(ge=1)] = 10_000
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Port of /metrics, /healthz and /readyz on loopback; 0 is off."""


def _kafka(value: Any) -> Any:
    return {"bootstrap": value} if isinstance(value, str) else value


def _redis(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _same(value: Any) -> Any:
    return value


class _Environment(EnvSettingsSource):
    """The environment, with the two addresses under their short names."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        short = {f"{_PREFIX}{table}".lower(): f"{_NESTED}{key}" for table, key in _SHORT_NAMES.items()}
        return {name + short.get(name, ""): value for name, value in super()._load_env_vars().items()}


class Settings(BaseSettings):
    """All settings.

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
    redis: Annotated[RedisSettings, BeforeValidator(_redis)] = RedisSettings()
    prefix: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    worker: WorkerSettings = WorkerSettings()
    streams: dict[str, SensorStream] = {"sensors": SensorStream()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the signature is pydantic's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what the file says."""
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
    """Read what the monitor file says, before it is validated: the file's path and its tables.

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
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: not TOML: {error}") from None
    shorthands = {"kafka": _kafka, "redis": _redis}
    return file, {key: shorthands.get(key, _same)(value) for key, value in content.items()}


def read_environment() -> dict[str, Any]:
    """Read what the environment says, before it is validated."""
    said = _Environment(Settings)()
    return {"kafka": _kafka(said["kafka"])} | said if "kafka" in said else said


def _explain(file: Path, content: Mapping[str, Any], detail: Any) -> str:
    location = [str(part) for part in detail["loc"]]
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
