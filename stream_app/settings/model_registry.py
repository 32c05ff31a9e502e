"""Settings of the registry of models: where it is, and login."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.server import HttpServer
from stream_app.settings.table import FileName

__all__ = ["ModelRegistrySettings"]

_SQLITE = "sqlite:///"
_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class ModelRegistrySettings(HttpServer):
    """Where models are registered: a file, or an MLflow tracking server.

    Parameters
    ----------
    uri : str
        ``sqlite:///FILE``, relative to the working folder (four slashes before an absolute path), made when the first model is
        registered; or ``http://HOST:PORT`` or ``https://…`` of a tracking server. Without user and password: it is shown in messages.
    artifacts : str, optional
        Where the files of models are kept, for models that are registered for the first time: a folder, or a URI that MLflow knows. By
        default the folder ``artifacts`` beside the SQLite file, or what the server has set. Kept as an absolute path: a folder that is
        moved takes its models out of reach.
    trusted_types : list of str
        Types of your own that models may hold, such as ``["plant.scaling.RobustScaler"]``. Loading a model then imports
        and runs their code. By default models are of scikit-learn, LightGBM and CatBoost only, and loading runs nothing of the file.
    username, password, password_file
        The login; the password as a value or in a file. With ``http://`` only if `allow_plaintext_password`.
    token, token_file
        Shown as ``Authorization: Bearer …`` instead of a login; as a value or in a file. With ``http://`` as the login.
    timeout : duration
        Longest wait for an answer of the server, or for a SQLite file that is locked.
    ca_file, cert_file
        As for Kafka, with ``https://``; our certificate and its key in one file, `cert_file`.

    Examples
    --------
    >>> ModelRegistrySettings().file
    PosixPath('streamgauge-models/registry.db')
    >>> ModelRegistrySettings(uri="https://models.example").file is None
    True
    """

    uri: str = "sqlite:///streamgauge-models/registry.db"
    artifacts: FileName | None = None
    trusted_types: tuple[str, ...] = ()
    timeout: Annotated[Duration, Field(ge=1, le=300)] = 10.0

    @field_validator("uri")
    @classmethod
    def _address(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("no user or password in the address; set username and password instead")
        try:
            parts = urlsplit(value)
            served = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            served = False
        kept = value.startswith(_SQLITE) and value.removeprefix(_SQLITE).strip("/")
        if not (served or kept) or "?" in value or "#" in value or not value.isprintable():
            raise ValueError(f"{value[:200]!r} is not sqlite:///FILE, http://HOST:PORT or https://…")
        return value if kept else value.rstrip("/")

    @field_validator("trusted_types")
    @classmethod
    def _types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _TYPE.fullmatch(name):
                raise ValueError(
                    f"{name[:200]!r} is not the full name of a type, like plant.scaling.RobustScaler"
                )
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if bool(self.username) != bool(self.login_password):
            raise ValueError("username and password (or password_file) belong together")
        if self.key_file:
            raise ValueError("key_file: MLflow takes certificate and key in one file, cert_file")
        if self.file is not None and (self.username or self.bearer):
            raise ValueError("a SQLite file has no login; name a server in uri, or leave the login out")
        self.refuse_readable_secrets(self.uri, "begin the URI with https://")
        return self

    @property
    def file(self) -> Path | None:
        """The SQLite file; None where a server is named."""
        return Path(self.uri.removeprefix(_SQLITE)) if self.uri.startswith(_SQLITE) else None

    @property
    def artifact_root(self) -> str | None:
        """URI of the folder for files of models; None where the server decides."""
        if self.artifacts is not None:
            return self.artifacts if "://" in self.artifacts else Path(self.artifacts).absolute().as_uri()
        return None if self.file is None else (self.file.parent / "artifacts").absolute().as_uri()
