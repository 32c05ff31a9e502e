"""The embedded broker: noida-db's Kafka listener."""

import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.embedded.child_process import end, spawn_supervised
from stream_app.embedded.server import free_port, wait_for
from stream_app.errors import BrokerError, MissingExtraError

__all__ = ["EmbeddedBroker"]

_PACKAGE = "noida_db"
_PROGRAM = "noida-db"


class EmbeddedBroker:
    """A broker process on a free port of the loopback interface, with its data in a directory.

    Parameters
    ----------
    port : int, optional
        The port; a free one where none is named.
    data_dir : path, optional
        Where records are kept. A temporary one, removed at the end, where none is named.
    timeout : float
        Seconds to wait for the first answer.
    """

    def __init__(
        self, *, port: int | None = None, data_dir: Path | None = None, timeout: float = 30.0
    ) -> None:
        self._port = port or free_port()
        self._owned = data_dir is None
        self._data_dir = data_dir or Path(tempfile.mkdtemp(prefix="streamgauge-broker-"))
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the process and wait until it listens.

        Returns
        -------
        str
            ``host:port``.

        Raises
        ------
        MissingExtraError
            If it is not installed.
        BrokerError
            If its port is taken, it ends at once or does not answer in time.
        """
        program = _program()
        if self._answers():
            raise BrokerError(
                f"the embedded broker cannot have port {self._port}: another program listens there"
            )
        log = self._data_dir / "broker.log"
        place: list[str | Path] = ["--kafka-port", str(self._port), "--data-dir", self._data_dir]
        self._process = spawn_supervised([program, "start", "--only", "kafka", *place], log=log)
        atexit.register(self.stop)
        problem = wait_for(self._process, self._answers, log, self._timeout)
        if problem:
            raise BrokerError(f"the embedded broker {problem}")
        return f"127.0.0.1:{self._port}"

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """End the process; remove a temporary directory."""
        self._end(patience=5.0)
        atexit.unregister(self.stop)
        if self._owned:
            shutil.rmtree(self._data_dir, ignore_errors=True)

    def kill(self) -> None:
        """End the process as a crash would, keeping its data."""
        self._end(patience=0.0)

    def _end(self, *, patience: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process, patience=patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _program() -> Path:
    """Find the program itself: the package's script would stand between, and a signal to it would not arrive."""
    spec = importlib.util.find_spec(_PACKAGE)
    program = Path(spec.origin).with_name(_PROGRAM) if spec and spec.origin else None
    if program is None or not program.exists():
        raise MissingExtraError(
            "the embedded broker needs", "noida-db", "embedded", otherwise="set STREAMGAUGE_KAFKA"
        )
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program
