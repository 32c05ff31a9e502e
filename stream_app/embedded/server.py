"""What an embedded server is: something that starts, has an address, and stops."""

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

__all__ = ["Server", "free_port", "wait_for"]

_POLL_SECONDS = 0.02
_PORTS = range(20_000, 32_768)


class Server(Protocol):
    """A server that lives as long as its owner."""

    def start(self) -> str:
        """Start it, wait until it answers, return its address."""
        ...

    def stop(self) -> None:
        """Stop it and remove what it stored."""
        ...


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free at this moment.

    It is below those that systems give to outgoing connections, of which one could take it while a server is away
    and its clients try again and again.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(
    process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path, timeout: float
) -> str | None:
    """Wait until a server answers; return what is wrong if it ends before or takes too long."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"ended with {process.returncode}: {_last_line(log)}"
        if answers():
            return None
        time.sleep(_POLL_SECONDS)
    return f"did not answer within {timeout:.0f} s: {_last_line(log)}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
