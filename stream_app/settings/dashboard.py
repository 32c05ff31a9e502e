"""Settings of the dashboard."""

import ipaddress
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from stream_app.settings.secrets import one_secret

__all__ = ["DashboardSettings"]


class DashboardSettings(BaseModel):
    """Settings of the dashboard.

    Parameters
    ----------
    host : str
        Where its port is open. Anything but the loopback interface needs a password.
    port : int
        Its port.
    password_hash, password_hash_file
        Hash of the password that it asks for, as `streamgauge dashboard --hash-password` prints it; as a value or in a file.
    url : str
        Address under which people reach it, for links in messages, such as ``https://monitor.example``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8080
    password_hash: SecretStr | None = None
    password_hash_file: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    url: Annotated[str, Field(max_length=2048, pattern=r"^(https?://[^\s\"<>]+)?$")] = ""

    _password_hash: SecretStr | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        self._password_hash = one_secret("password_hash", self.password_hash, self.password_hash_file)
        hashed = self.hashed
        if hashed is not None and not hashed.startswith("$argon2id$"):
            raise ValueError(
                "password_hash is no hash of argon2id; `streamgauge dashboard --hash-password` makes one"
            )
        return self

    @property
    def hashed(self) -> str | None:
        """Hash of the password, from wherever it is set; never log it."""
        return None if self._password_hash is None else self._password_hash.get_secret_value()

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def exposed(self) -> bool:
        """Whether the port is open beyond the loopback interface."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True
