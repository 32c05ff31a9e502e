"""Settings of the schema registry that messages name their schemas of."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.secrets import one_secret
from stream_app.settings.server import Server
from stream_app.settings.table import FileName

__all__ = ["SchemaRegistrySettings"]


class SchemaRegistrySettings(Server):
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
    token: SecretStr | None = None
    token_file: FileName | None = None
    timeout: Annotated[Duration, Field(gt=0, le=300)] = 10.0
    allow_plaintext_password: bool = False

    _token: SecretStr | None = PrivateAttr(None)

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
    def _one_login(self) -> Self:
        self._token = one_secret("token", self.token, self.token_file)
        if self._token is not None and (self.username or self.login_password):
            raise ValueError("a token and a login are set; leave one out")
        if self._token is not None and not self._token.get_secret_value().isascii():
            raise ValueError("token: only ASCII can be sent")
        if self.login_password and not self.username:
            raise ValueError("password is set without username")
        if self.url and not self.url.startswith("https:"):
            if (self.username or self._token) and not self.allow_plaintext_password:
                raise ValueError(
                    "http:// sends the password or token readable; use https://, or allow_plaintext_password"
                )
            self.refuse_files_without_tls("begin the URL with https://")
        return self

    @property
    def bearer(self) -> str | None:
        """The token, from wherever it is set; never log it."""
        return None if self._token is None else self._token.get_secret_value()
