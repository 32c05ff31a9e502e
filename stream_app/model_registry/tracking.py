"""The connection to MLflow: a tracking server or a SQLite file, and what goes wrong with either by name."""

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from stream_app.errors import (
    MissingExtraError,
    ModelRegistryError,
    ModelRegistryUnavailableError,
)
from stream_app.settings.model_registry import ModelRegistrySettings

__all__ = ["Tracking", "is_missing"]

_RETRIES = 2


class Tracking:
    """MLflow as the settings name it, connected when it is first asked.

    Importing MLflow takes seconds. Login and timeout are given to it by variables of this process, since it takes
    them from nowhere else: two servers with different logins cannot be asked from one process.
    """

    def __init__(self, settings: ModelRegistrySettings) -> None:
        self.settings = settings
        self._client: Any = None

    @property
    def place(self) -> str:
        """Where the registry is, for messages."""
        return self.settings.uri

    @property
    def is_there(self) -> bool:
        """Whether there may be models: False for a SQLite file that nobody has made yet."""
        return self.settings.file is None or self.settings.file.exists()

    @contextmanager
    def asking(self, doing: str, *, writing: bool = False, making: bool = False) -> Iterator[Any]:
        """Give the client, and turn what goes wrong into errors of ours.

        Parameters
        ----------
        doing : str
            What is asked, for messages: ``"reading the versions of digits"``.
        writing : bool
            Whether it changes anything.
        making : bool
            Whether a SQLite file that is not there is made.

        Raises
        ------
        ModelRegistryUnavailableError
            It is away, locked, or failed by itself.
        ModelRegistryError
            It refuses.
        """
        try:
            if making and not self.is_there:
                self._make()
            if self.settings.file is not None:
                self._check_file(self.settings.file, writing=writing or making)
            if self._client is None:
                uri = self.settings.uri
                self._client = self._mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)
            yield self._client
        except ModelRegistryError as error:
            raise type(error)(f"{self.place}: {doing}: {error}") from error
        except OSError as error:  # requests' errors are among them
            raise ModelRegistryUnavailableError(f"{self.place}: {doing}: {_first_line(error)}") from error
        except Exception as error:
            if (known := self._named(error)) is None:
                raise
            raise known(f"{self.place}: {doing}: {_first_line(error)}") from error

    def _mlflow(self) -> Any:
        """Import MLflow, which takes its settings from the environment."""
        self._set_environment()
        try:
            mlflow = import_module("mlflow.tracking")
        except ImportError:
            raise MissingExtraError("registered models need", "MLflow", "mlflow") from None
        for name in ("mlflow", "alembic"):  # they tell each migration, and failures that we name
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return mlflow

    def _set_environment(self) -> None:
        said = self.settings
        values = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(int(said.timeout)),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(_RETRIES),
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
            "MLFLOW_TRACKING_USERNAME": said.username,
            "MLFLOW_TRACKING_PASSWORD": said.login_password,
            "MLFLOW_TRACKING_TOKEN": said.bearer,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": said.ca_file,
            "MLFLOW_TRACKING_CLIENT_CERT_PATH": said.cert_file,
        }
        os.environ.update({name: value for name, value in values.items() if value is not None})

    def _make(self) -> None:
        """Make a SQLite file whole or not at all: what a kill leaves of MLflow's migrations cannot be used."""
        file = self.settings.file
        if file is None:
            return
        mlflow, events = self._mlflow(), import_module("sqlalchemy.event")
        engine = import_module("sqlalchemy.engine").Engine
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".registry-") as folder:
            fresh = Path(folder, "registry.db")
            uri = f"sqlite:///{fresh.resolve()}"
            # Hundreds of migrations would each wait for the disk; nobody knows the file before it is whole.
            events.listen(engine, "connect", _write_without_waiting)
            try:
                mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
            finally:
                events.remove(engine, "connect", _write_without_waiting)
            with fresh.open("rb") as written:
                os.fsync(written.fileno())
            try:
                os.link(fresh, file)
            except FileExistsError:
                return  # somebody else was quicker

    def _check_file(self, file: Path, *, writing: bool) -> None:
        """See that a SQLite file can be read or written now: MLflow would try for a minute."""
        if not file.exists():
            raise ModelRegistryError("no such file; it is made when the first model is registered")
        place = f"{file.resolve().as_uri()}?mode={'rw' if writing else 'ro'}"
        try:
            with closing(sqlite3.connect(place, uri=True, timeout=self.settings.timeout)) as asked:
                if writing:
                    asked.execute("BEGIN IMMEDIATE")
                asked.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            may = "is another program writing, and may we?" if writing else "is another program writing?"
            raise ModelRegistryUnavailableError(f"{error}; {may}") from None
        except sqlite3.DatabaseError as error:
            raise ModelRegistryError(f"{error}; name another file in registry.uri") from None

    @staticmethod
    def _named(error: Exception) -> type[ModelRegistryError] | None:
        """Say what kind of error of ours an error of MLflow or of its libraries is; None for others."""
        package = type(error).__module__.partition(".")[0]
        if package in {"sqlalchemy", "requests", "urllib3"}:
            return ModelRegistryUnavailableError
        if package != "mlflow":
            return None
        refused = type(error).__name__ == "RestException" and error.get_http_status_code() < 500  # type: ignore[attr-defined]
        local = getattr(error, "error_code", "") not in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}
        return ModelRegistryError if refused or local else ModelRegistryUnavailableError


def is_missing(error: Exception) -> bool:
    """Whether MLflow says that something is not there."""
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def _write_without_waiting(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:400]
