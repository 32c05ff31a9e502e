"""Settings of the schema registry that messages name their schemas of."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.server import HttpServer

__all__ = ["SchemaRegistrySettings"]


class SchemaRegistrySettings(HttpServer):
    """Address of a schema registry, and login.

    Parameters
    ----------
    url : str
        Of Confluent's API, which others speak, too (Apicurio: ``…/apis/ccompat/v7``), or of Apicurio's own
        (``…/apis/registry/v2`` or ``v3``). Without user and password: it is shown in messages.
    username, password, password_file
        The login; the password as a value or in a file. With ``http://`` only if `allow_plaintext_password`.
    token, token_file
        Shown as ``Authorization: Bearer …`` instead of a login; as a value or in a file. With ``http://`` as the login.
    timeout : duration
        Longest wait for an answer.
    ca_file, cert_file, key_file, key_password, key_password_file
        As for Kafka, with ``https://``.
    """

    url: str = ""
    timeout: Annotated[Duration, Field(gt=0, le=300)] = 10.0

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("no user or password in the address; set username and password instead")
        try:
            parts = urlsplit(value)
            whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            whole = False
        if value and (not whole or parts.query or parts.fragment or not value.isprintable() or " " in value):
            raise ValueError(f"{value[:200]!r} is not http://HOST:PORT/PATH or https://…")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.bearer is not None and not self.bearer.isascii():
            raise ValueError("token: only ASCII can be sent")
        if self.login_password and not self.username:
            raise ValueError("password is set without username")
        if self.url:
            self.refuse_readable_secrets(self.url, "begin the URL with https://")
        return self
