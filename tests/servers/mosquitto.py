"""Debian's mosquitto, which keeps sessions on disk."""

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from servers.process import ServerProcess

from stream_app.embedded import free_port

__all__ = ["Mosquitto", "program"]


class Mosquitto(ServerProcess):
    """A broker that can be stopped, killed and started again on the same sessions.

    Parameters
    ----------
    directory : path
        Where its sessions, its configuration and ``mosquitto.log`` are.
    options : mapping of str to str
        Lines of the configuration after ours.
    """

    def __init__(self, directory: Path, options: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(directory / "mosquitto.log", self._answers)
        self.directory = directory
        self.port = free_port()
        self._options = options

    def start(self, timeout: float = 30.0) -> str:
        """Start it and wait until it listens; return its address."""
        self._check_stopped()
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = {
            "listener": f"{self.port} 127.0.0.1",
            "allow_anonymous": "true",
            "persistence": "true",
            "persistence_location": f"{self.directory}/",
            "user": "root",  # as root it would take a user of its own, who cannot write here
            "max_queued_messages": "0",
        } | self._options
        config = self.directory / "mosquitto.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        self._spawn([program(), "-c", config], timeout)
        scheme = "mqtts" if "certfile" in self._options else "mqtt"
        return f"{scheme}://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


def program() -> str | None:
    """Return where mosquitto is, if it is there; Debian keeps it outside of users' paths."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
