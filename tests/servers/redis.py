"""Debian's redis-server with an append-only file."""

import atexit
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from servers.ports import answers_redis, wait_until

from stream_app.embedded import free_port
from stream_app.embedded.tied import end, spawn_tied

__all__ = ["RedisServer"]


class RedisServer:
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
        self.directory = directory
        self.port = port or free_port()
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def log(self) -> Path:
        return self.directory / "redis.log"

    def start(self, timeout: float = 30.0) -> str:
        """Start it, wait until it has loaded its data and answers; return its URL."""
        if self._process is not None:
            raise RuntimeError("it runs already: stop or kill it first")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._process = spawn_tied(
            [_program("redis-server"), *self._arguments(), *self._options], log=self.log
        )
        atexit.register(self.kill)
        try:
            wait_until(lambda: answers_redis(self.port), self._process, self.log, timeout)
        except BaseException:
            self.kill()
            raise
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self, timeout: float = 30.0) -> None:
        """End it with SIGTERM: it writes what it has."""
        self._end(timeout)

    def kill(self) -> None:
        """End it with SIGKILL: up to a second of writes may be lost, as in a crash."""
        self._end(0)

    def repair(self) -> None:
        """Cut what a failure of the machine left of an append-only file back to its last whole command or transaction."""
        (file,) = (self.directory / "appendonlydir").glob("*.incr.aof")
        with self.log.open("ab") as output:
            subprocess.run(
                [_program("redis-check-aof"), "--fix", file],
                input=b"y\n",
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=True,
            )

    def _end(self, patience: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            atexit.unregister(self.kill)
            end(process, patience=patience)

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


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise RuntimeError(f"{name} is not installed; on Debian: sudo apt-get install redis-server")
    return program
