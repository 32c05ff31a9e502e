"""The embedded broker: noida-db's Kafka listener."""

import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.embedded.server import free_port, missing
from stream_app.errors import BrokerError

__all__ = ["EmbeddedBroker"]

_PACKAGE = "noida_db"
_PROGRAM = "noida-db"
_POLL_SECONDS = 0.05


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
        BrokerError
            If it is not installed, its port is taken, it ends at once or does not answer in time.
        """
        program = _program()
        if self._answers():
            raise BrokerError(
                f"the embedded broker cannot have port {self._port}: another program listens there"
            )
        log = self._data_dir / "broker.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 our own installed program
                [
                    program,
                    "start",
                    "--only",
                    "kafka",
                    "--kafka-port",
                    str(self._port),
                    "--data-dir",
                    self._data_dir,
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; we stop it after our last flush
            )
        atexit.register(self.stop)
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerError(f"the embedded broker ended with {self._process.returncode}: {_tail(log)}")
            if self._answers():
                return f"127.0.0.1:{self._port}"
            time.sleep(_POLL_SECONDS)
        raise BrokerError(f"the embedded broker did not answer within {self._timeout:.0f} s: {_tail(log)}")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """End the process; remove a temporary directory."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        atexit.unregister(self.stop)
        if self._owned:
            shutil.rmtree(self._data_dir, ignore_errors=True)

    def kill(self) -> None:
        """End the process as a crash would, keeping its data."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

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
        raise BrokerError(missing("the embedded broker"))
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
