"""Settings of Kafka and Redis: addresses, logins, certificates."""

import re
import ssl
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from stream_app.settings.deployment import DEFAULT_KEYS, Deployment
from stream_app.settings.redis_url import normalise_redis_url
from stream_app.settings.secrets import one_secret
from stream_app.settings.server import Server
from stream_app.settings.table import FileName
from stream_app.settings.tls import tls_context

__all__ = ["KafkaSettings", "RedisSettings"]

_SHORTEST_KEY = 32
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:,@/\[\]]+):(\d{1,5})")

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Protocol = Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"]


class KafkaSettings(Server):
    """Address and login of Kafka.

    Parameters
    ----------
    bootstrap : str
        ``host:port``, several separated by commas. Never with a password: URLs end up in logs.
    security : str
        ``PLAINTEXT``, ``SSL`` or ``SASL_SSL``; ``SASL_PLAINTEXT`` only with `allow_plaintext_password`.
    sasl_mechanism : str
        ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``.
    username, password, password_file
        The login of SASL; the password as a value or in a file.
    ca_file : path, optional
        Certificates that are trusted; the system's where none are named.
    cert_file, key_file, key_password, key_password_file
        Our own certificate and its key (mutual TLS).
    isolation_level : str
        ``read_committed`` or ``read_uncommitted``: whether events of open and aborted transactions are read.
    """

    bootstrap: str = ""
    security: Protocol = "PLAINTEXT"
    sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    allow_plaintext_password: bool = False
    isolation_level: Literal["read_committed", "read_uncommitted"] = "read_committed"

    @field_validator("bootstrap")
    @classmethod
    def _addresses(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("no user or password in the address; set username and password instead")
        value = value.removeprefix("kafka://")
        for address in filter(None, value.split(",")):
            match = _ADDRESS.fullmatch(address.strip())
            if not match or not 0 < int(match[2]) < 65536:
                raise ValueError(f"{address!r} is not HOST:PORT, like localhost:9092")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.security == "SASL_PLAINTEXT" and not self.allow_plaintext_password:
            raise ValueError(
                "SASL_PLAINTEXT sends the password readable; use SASL_SSL, or allow_plaintext_password"
            )
        if self.security.startswith("SASL"):
            if not (self.username and self.login_password):
                raise ValueError(f"{self.security} needs username and password (or password_file)")
        elif self.username:
            raise ValueError(f"username is set, but {self.security} sends none; use SASL_SSL")
        if not self.security.endswith("SSL"):
            self.refuse_files_without_tls('set security = "SSL" or "SASL_SSL"')
        return self

    @property
    def servers(self) -> list[str]:
        """Addresses one by one."""
        return [part.strip() for part in self.bootstrap.split(",") if part.strip()]

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context; None without TLS.

        Raises
        ------
        SettingsError
            If a file of certificates cannot be used.
        """
        return tls_context("kafka", self.tls_files) if self.security.endswith("SSL") else None


class RedisSettings(Server):
    """Address and login of Redis.

    Parameters
    ----------
    url : str
        ``redis://host:port/db``, ``rediss://`` for TLS; kept in the form that `normalise_redis_url` gives. A password in it is
        never shown.
    prefix : str
        Name of the deployment, with which every key begins; ``sg`` stands there where it has none. `Settings` has it from its own
        prefix: in a monitor file it is set there, once.
    cluster : bool
        Whether `url` names a node of a Redis Cluster. All keys then begin with braces, which keep them on one node.
    sentinel : str, optional
        Name under which Sentinel watches the primary; `url` then names a Sentinel.
    sentinel_username, sentinel_password, sentinel_password_file
        The login to Sentinel, where it asks for one.
    username, password, password_file
        The login, where it is not in `url`; the password as a value or in a file.
    state_key, state_key_file
        A secret with which stored states are signed (HMAC-SHA256), as a value or in a file; the same for all workers of a group. With it,
        no state is read that somebody else wrote.
    max_bytes : int
        Most that all streams may take, in bytes. Those that name no `max_store_bytes` have equal shares of what the others leave.
        Redis' own ``maxmemory`` should be a quarter more: it also holds alerts, and doubles a part of its memory for a moment.
    ca_file, cert_file, key_file, key_password, key_password_file
        As for Kafka, with ``rediss://``.
    """

    url: SecretStr = SecretStr("")
    prefix: Deployment = ""
    cluster: bool = False
    sentinel: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    sentinel_username: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    sentinel_password: SecretStr | None = None
    sentinel_password_file: FileName | None = None
    state_key: SecretStr | None = None
    state_key_file: FileName | None = None
    max_bytes: Annotated[int, Field(ge=1)] = 800_000_000

    _state_key: SecretStr | None = PrivateAttr(None)
    _sentinel_password: SecretStr | None = PrivateAttr(None)

    @field_validator("url")
    @classmethod
    def _normalised(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        return SecretStr(normalise_redis_url(text)) if text else value

    @model_validator(mode="after")
    def _strong(self) -> Self:
        self._state_key = one_secret("state_key", self.state_key, self.state_key_file)
        if self._state_key is not None and len(self._state_key.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(
                f"state_key needs {_SHORTEST_KEY} characters or more; `openssl rand -hex 32` makes one"
            )
        return self

    @model_validator(mode="after")
    def _watched(self) -> Self:
        self._sentinel_password = one_secret(
            "sentinel_password", self.sentinel_password, self.sentinel_password_file
        )
        if self.sentinel is None:
            if self.sentinel_username or self._sentinel_password:
                raise ValueError("a login to Sentinel is set without sentinel, the name of the primary")
        elif self.cluster:
            raise ValueError("a Redis Cluster has no Sentinel; set cluster or sentinel")
        elif self.sentinel_username and not self._sentinel_password:
            raise ValueError("sentinel_username is set without sentinel_password (or sentinel_password_file)")
        elif self.url.get_secret_value().startswith("unix:"):
            raise ValueError("a Sentinel has a host: redis://HOST:26379/0")
        return self

    @property
    def sentinel_login(self) -> dict[str, str | None]:
        """User name and password for Sentinel; never log it."""
        password = self._sentinel_password
        return {
            "username": self.sentinel_username,
            "password": None if password is None else password.get_secret_value(),
        }

    @property
    def signing_key(self) -> bytes | None:
        """The key of stored states, from wherever it is set; never log it."""
        return None if self._state_key is None else self._state_key.get_secret_value().encode()

    @model_validator(mode="after")
    def _safe(self) -> Self:
        parts = urlsplit(self.url.get_secret_value())
        if self.username or self.login_password:
            options = parse_qs(parts.query)
            if parts.username or parts.password or {"username", "password"} & options.keys():
                raise ValueError("a login is in the URL and in username or password; leave one out")
            if not self.login_password:
                raise ValueError("username is set without password (or password_file)")
        if self.cluster and parts.scheme and (parts.scheme == "unix" or parts.path not in {"", "/0"}):
            raise ValueError("a Redis Cluster has hosts, and database 0 only: redis://HOST:PORT")
        if parts.scheme and parts.scheme != "rediss":
            self.refuse_files_without_tls("begin the URL with rediss://")
        return self

    @property
    def hash_tag(self) -> str:
        """First part of every key; on a cluster in braces, so that all are in one slot."""
        return self.prefix or DEFAULT_KEYS

    @property
    def key_prefix(self) -> str:
        """First part of every key as it is."""
        return f"{{{self.hash_tag}}}" if self.cluster else self.hash_tag

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the URL."""
        parts = urlsplit(self.url.get_secret_value())
        return parts.hostname or "localhost", parts.port or (6379 if self.sentinel is None else 26379)

    @property
    def shown(self) -> str:
        """The URL without its password, for errors and logs."""
        parts = urlsplit(self.url.get_secret_value())
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2] or parts.path}"

    def connection_options(self) -> dict[str, Any]:
        """Return options of a Redis client besides the URL: login and TLS.

        Raises
        ------
        SettingsError
            If a file of certificates cannot be used.
        """
        options: dict[str, Any] = {"username": self.username, "password": self.login_password}
        if self.url.get_secret_value().startswith("rediss:"):
            options["tls"] = tls_context("redis", self.tls_files)
        return {name: value for name, value in options.items() if value is not None}
