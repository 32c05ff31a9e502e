"""Settings of an MQTT broker whose messages are sent on to Kafka."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.server import Server

__all__ = ["MqttSettings"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class MqttSettings(Server):
    """Address of an MQTT broker, login, and session.

    Parameters
    ----------
    url : str
        ``mqtt://host:1883``, or ``mqtts://host:8883`` for TLS. Without user and password: it is shown in messages.
    version : str
        ``"5"`` or ``"3.1.1"``, of the protocol.
    client_id : str, optional
        Names the session that the broker keeps for us; no two clients may have the same one. By default
        ``streamgauge-`` and the topic in Kafka.
    session_expiry : duration
        How long the broker keeps messages for us while we are away. Version 5 only; otherwise the broker decides.
    max_in_flight : int
        Most messages that Kafka has not acknowledged. The broker sends no more until it has.
    keepalive : duration
        The broker takes us for away after one and a half times this without a word.
    username, password, password_file
        The login; the password as a value or in a file. With ``mqtt://`` only if `allow_plaintext_password`.
    ca_file, cert_file, key_file, key_password, key_password_file
        As for Kafka, with ``mqtts://``.
    """

    url: str = ""
    version: Literal["5", "3.1.1"] = "5"
    client_id: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = (
        None
    )
    session_expiry: Annotated[Duration, Field(ge=1, le=4_000_000_000)] = 604_800.0
    max_in_flight: Annotated[int, Field(ge=1, le=65_535)] = 1000
    keepalive: Annotated[Duration, Field(ge=1, le=65_535)] = 60.0
    allow_plaintext_password: bool = False

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("no user or password in the address; set username and password instead")
        try:
            parts = urlsplit(value)
            whole = parts.scheme in _PORTS and parts.hostname and parts.port != 0
        except ValueError:
            whole = False
        if value and (not whole or parts.path not in {"", "/"} or parts.query or parts.fragment):
            raise ValueError(f"{value[:200]!r} is not mqtt://HOST:PORT or mqtts://HOST:PORT")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.username and not self.tls and not self.allow_plaintext_password:
            raise ValueError("mqtt:// sends the password readable; use mqtts://, or allow_plaintext_password")
        if self.login_password and not self.username:
            raise ValueError("password is set without username")
        if self.url and not self.tls:
            self.refuse_files_without_tls("begin the URL with mqtts://")
        return self

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith("mqtts:")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
