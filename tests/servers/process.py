"""A server in a process of its own that can be stopped, killed and started again on the same data."""

import atexit
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from servers.ports import wait_until

from stream_app.embedded.child_process import end, spawn_supervised

__all__ = ["ServerProcess"]


class ServerProcess:
    """The life of one server; it ends with the tests, however those end.

    Parameters
    ----------
    log : path
        Where what it prints goes.
    ready : callable
        Whether it answers.
    """

    def __init__(self, log: Path, ready: Callable[[], bool]) -> None:
        self.log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def stop(self, timeout: float = 30.0) -> None:
        """End it with SIGTERM: it writes what it has."""
        self._end(timeout)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._end(0)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is None:
            raise RuntimeError("it does not run")
        self._process.send_signal(number)

    def _check_stopped(self) -> None:
        if self._process is not None:
            raise RuntimeError("it runs already: stop or kill it first")

    def _spawn(self, command: Sequence[Any], timeout: float) -> None:
        self._process = spawn_supervised([*command], log=self.log)
        atexit.register(self.kill)
        try:
            wait_until(self._ready, self._process, self.log, timeout)
        except BaseException:
            self.kill()
            raise

    def _end(self, patience: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            atexit.unregister(self.kill)
            end(process, patience=patience)
