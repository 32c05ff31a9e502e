"""A process as a node of a platform."""

import signal
import sys
from pathlib import Path

from servers.process import ServerProcess
from servers.prometheus import answers

from stream_app.embedded import free_port

__all__ = ["NodeProcess"]


class NodeProcess(ServerProcess):
    """A process with a small load that exposes its CPU time, its memory, the bytes that it writes, and how long its jobs take.

    Parameters
    ----------
    directory : path
        For its log.
    name : str
    suffers_of : {'cpu', 'memory', 'disk'}
        What it will use without measure.
    """

    def __init__(self, directory: Path, name: str, suffers_of: str) -> None:
        super().__init__(directory / f"{name}.log", lambda: answers(self.url))
        self.port, self._suffers_of = free_port(), suffers_of

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def start(self, timeout: float = 30.0) -> None:
        self._check_stopped()
        program = Path(__file__).parent / "small_load.py"
        self._spawn([sys.executable, program, str(self.port), self._suffers_of], timeout)

    def suffer(self) -> None:
        """Let it suffer from now on."""
        self.send(signal.SIGUSR1)
