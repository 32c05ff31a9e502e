"""Where Kafka and Redis are, and how to be let in."""

import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

__all__ = ["KafkaSettings", "RedisSettings"]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:,@/\[\]]+):(\d{1,5})")


class KafkaSettings(BaseModel):
    """How to reach Kafka.

    Parameters
    ----------
    bootstrap : str
        ``host:port``, several separated by commas. Never with a password: URLs end up in logs.
    security : str
        ``PLAINTEXT``, ``SSL`` or ``SASL_SSL``; ``SASL_PLAINTEXT`` only with `allow_plaintext_password`.
    """

    # The input of an error may hold a password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    bootstrap: str = ""
    security: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    allow_plaintext_password: bool = False

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
        if self.sasl_mechanism not in {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}:
            raise ValueError(
                f"sasl_mechanism {self.sasl_mechanism!r} is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
            )
        if self.security not in {"PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"}:
            raise ValueError(
                f"security {self.security!r} is none of PLAINTEXT, SSL, SASL_SSL, SASL_PLAINTEXT"
            )
        if self.security == "SASL_PLAINTEXT" and not self.allow_plaintext_password:
            raise ValueError(
                "SASL_PLAINTEXT sends the password readable; use SASL_SSL, or allow_plaintext_password"
            )
        if self.security.startswith("SASL") and not (self.username and self.password):
            raise ValueError(f"{self.security} needs username and password")
        return self

    @property
    def servers(self) -> list[str]:
        """Addresses one by one."""
        return [part.strip() for part in self.bootstrap.split(",") if part.strip()]


class RedisSettings(BaseModel):
    """How to reach Redis.

    Parameters
    ----------
    url : str
        ``redis://host:port/db``, ``rediss://`` for TLS. A password in it is never shown.
    prefix : str
        First part of every key.
    """

    # The input of an error may hold a password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr = SecretStr("")
    prefix: str = "sg"
    ca_file: str | None = None

    @field_validator("url")
    @classmethod
    def _scheme(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            return value
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            # What urlsplit says quotes a part of the address, which may be the password.
            raise ValueError(
                "not a URL, like redis://:PASSWORD@localhost:6379/0; in a password, write / ? # @ as %2F %3F %23 %40"
            ) from None
        if parts.scheme not in {"redis", "rediss", "unix"} or not (parts.hostname or parts.path):
            raise ValueError("not a Redis URL, like redis://localhost:6379/0")
        return value

    @property
    def shown(self) -> str:
        """The URL without its password, for messages."""
        parts = urlsplit(self.url.get_secret_value())
        place = parts.hostname or parts.path
        return f"{parts.scheme}://{place}{f':{parts.port}' if parts.port else ''}"
