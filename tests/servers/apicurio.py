"""Apicurio Registry, which `make apicurio` fetches, with its schemas in memory."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path

from servers.process import ServerProcess

from stream_app.embedded import free_port

__all__ = ["Apicurio", "missing"]

_HOME = Path(__file__).resolve().parents[2] / "build" / "apicurio"


def missing() -> str | None:
    """Say what is needed and not there."""
    if shutil.which("java") is None:
        return "no java"
    return None if _jar() else "no Apicurio Registry: make apicurio"


def _jar() -> Path | None:
    return next(iter([*_HOME.glob("*-runner.jar"), *_HOME.glob("quarkus-run.jar")]), None)


class Apicurio(ServerProcess):
    """A registry.

    Parameters
    ----------
    directory : path
        Where ``apicurio.log`` is.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "apicurio.log", self._answers)
        self.port = free_port()

    def start(self, timeout: float = 90.0) -> str:
        """Start it and wait until it answers; return its address."""
        self._check_stopped()
        options = ["-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options += [f"-Dquarkus.http.port={self.port}", "-Dquarkus.http.host=127.0.0.1"]
        self._spawn([shutil.which("java"), *options, "-jar", _jar()], timeout)
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/apis/ccompat/v7/subjects", timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            return False
