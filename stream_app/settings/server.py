"""What the settings of servers have in common: a login, and TLS."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from stream_app.settings.secrets import one_secret
from stream_app.settings.table import FileName
from stream_app.settings.tls import TlsFiles

__all__ = ["HttpServer", "Server"]


class Server(BaseModel):
    """What a server may ask for: a login, and TLS."""

    # The input of an error may hold a password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    username: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = (
        None
    )
    password: SecretStr | None = None
    password_file: FileName | None = None
    ca_file: FileName | None = None
    cert_file: FileName | None = None
    key_file: FileName | None = None
    key_password: SecretStr | None = None
    key_password_file: FileName | None = None

    _login_password: SecretStr | None = PrivateAttr(None)
    _key_password: SecretStr | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _read_secrets(self) -> Self:
        self._login_password = one_secret("password", self.password, self.password_file)
        self._key_password = one_secret("key_password", self.key_password, self.key_password_file)
        if self.key_file and not self.cert_file:
            raise ValueError("key_file is set without cert_file, the certificate that it belongs to")
        if self._key_password and not self.cert_file:
            raise ValueError("key_password is set without cert_file and key_file")
        return self

    @property
    def login_password(self) -> str | None:
        """The password, from wherever it is set; never log it."""
        return None if self._login_password is None else self._login_password.get_secret_value()

    @property
    def tls_files(self) -> TlsFiles:
        """Certificates, and the key's password from wherever it is set."""
        password = None if self._key_password is None else self._key_password.get_secret_value()
        return TlsFiles(self.ca_file, self.cert_file, self.key_file, password)

    def refuse_files_without_tls(self, remedy: str) -> None:
        """Refuse files of certificates where the connection is not encrypted.

        Parameters
        ----------
        remedy : str
            What to set, for the message.

        Raises
        ------
        ValueError
            If there are any.
        """
        named = [name for name in ("ca_file", "cert_file", "key_file") if getattr(self, name)]
        if named:
            raise ValueError(f"{named[0]} is set, but nothing would be encrypted; {remedy}")


class HttpServer(Server):
    """What a server over HTTP may ask for: a login or a token, and TLS."""

    token: SecretStr | None = None
    token_file: FileName | None = None
    allow_plaintext_password: bool = False

    _token: SecretStr | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        self._token = one_secret("token", self.token, self.token_file)
        if self._token is not None and (self.username or self.login_password):
            raise ValueError("a token and a login are set; leave one out")
        return self

    @property
    def bearer(self) -> str | None:
        """The token, from wherever it is set; never log it."""
        return None if self._token is None else self._token.get_secret_value()

    def refuse_readable_secrets(self, address: str, remedy: str) -> None:
        """Refuse a login, a token or files of certificates where the connection is not encrypted.

        Parameters
        ----------
        address : str
            Where it leads.
        remedy : str
            What to set, for the message about files.

        Raises
        ------
        ValueError
            If there are any, and it is not allowed.
        """
        if address.startswith("https:"):
            return
        if (self.username or self._token) and not self.allow_plaintext_password:
            raise ValueError(
                "http:// sends the password or token readable; use https://, or allow_plaintext_password"
            )
        self.refuse_files_without_tls(remedy)
