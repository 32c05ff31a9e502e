"""A process as a node of a platform."""

import signal
import sys
from pathlib import Path

from servers.process import ServerProcess
from servers.prometheus import answers

from stream_app.embedded import free_port

__all__ = ["NodeProcess"]


class NodeProcess(ServerProcess):
    """A node: a process that exposes its CPU time, memory and bytes written.

    Parameters
    ----------
    directory : path
        For its log.
    name : str
    """

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory / f"{name}.log", lambda: answers(self.url))
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def start(self, timeout: float = 30.0) -> None:
        self._check_stopped()
        self._spawn([sys.executable, Path(__file__).parent / "small_load.py", str(self.port)], timeout)

    def burn(self) -> None:
        """Let it use a processor without pause from now on."""
        self.send(signal.SIGUSR1)
