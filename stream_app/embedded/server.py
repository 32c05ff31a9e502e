"""What an embedded server is: something that starts, has an address, and stops."""

import socket
from typing import Protocol

__all__ = ["Server", "free_port", "missing"]


class Server(Protocol):
    """A server that lives as long as its owner."""

    def start(self) -> str:
        """Start it, wait until it answers, return its address."""
        ...

    def stop(self) -> None:
        """Stop it and remove what it stored."""
        ...


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def missing(what: str) -> str:
    """Say how to install the embedded servers."""
    return f"{what} is not installed; install streamgauge[embedded], or set STREAMGAUGE_KAFKA and STREAMGAUGE_REDIS"
