"""Debian's redis-server with an append-only file."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import redis
from servers.ports import answers_redis
from servers.process import ServerProcess

from stream_app.embedded import free_port

__all__ = ["RedisServer", "cut_off", "program"]


class RedisServer(ServerProcess):
    """A server that can be stopped, killed and started again on the same data.

    Parameters
    ----------
    directory : path
        Where its append-only file and ``redis.log`` are.
    port : int, optional
        A free one where none is named.
    options : sequence of str
        Arguments after ours, such as ``["--maxmemory", "50mb"]``.
    """

    def __init__(self, directory: Path, *, port: int | None = None, options: Sequence[str] = ()) -> None:
        super().__init__(directory / "redis.log", lambda: answers_redis(self.port))
        self.directory = directory
        self.port = port or free_port()
        self._options = list(options)

    def start(self, timeout: float = 30.0) -> str:
        """Start it, wait until it has loaded its data and answers; return its URL."""
        self._check_stopped()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._spawn([program("redis-server"), *self._arguments(), *self._options], timeout)
        return f"redis://127.0.0.1:{self.port}/0"

    def repair(self) -> None:
        """Cut what a failure of the machine left of an append-only file back to its last whole command or transaction."""
        (file,) = (self.directory / "appendonlydir").glob("*.incr.aof")
        with self.log.open("ab") as output:
            subprocess.run(
                [program("redis-check-aof"), "--fix", file],
                input=b"y\n",
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=True,
            )

    def _arguments(self) -> list[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]


def cut_off(primary: RedisServer, replica: RedisServer) -> None:
    """Pause a replica and close its connection: what the primary writes from here on is not even on the way."""
    replica.send(signal.SIGSTOP)
    with redis.Redis(port=primary.port) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")


def program(name: str) -> str:
    """Return where a program of Redis is."""
    program = shutil.which(name)
    if program is None:
        raise RuntimeError(f"{name} is not installed; on Debian: sudo apt-get install redis-server")
    return program
