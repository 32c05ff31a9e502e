"""A primary, a replica, and a Sentinel that watches them."""

from pathlib import Path

import redis
from servers.ports import answers_redis
from servers.process import ServerProcess
from servers.redis import RedisServer, program

from stream_app.embedded import free_port

__all__ = ["Sentinel", "WatchedRedis"]


class Sentinel(ServerProcess):
    """A Sentinel that fails over on its own word, a second after the primary went away.

    Parameters
    ----------
    directory : path
        Where its file is.
    primary : int
        Port of the primary.
    password : str, optional
        Of its default user.
    """

    def __init__(self, directory: Path, primary: int, password: str | None = None) -> None:
        super().__init__(directory / "sentinel.log", lambda: answers_redis(self.port))
        self.port = free_port()
        self._file = directory / "sentinel.conf"
        self._lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {directory}",
            f"sentinel monitor gauge 127.0.0.1 {primary} 1",
            "sentinel down-after-milliseconds gauge 1000",
            "sentinel failover-timeout gauge 4000",
            *([] if password is None else [f"requirepass {password}"]),
        ]

    def start(self, timeout: float = 30.0) -> str:
        """Start it, and return its URL."""
        self._check_stopped()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("\n".join([*self._lines, ""]))
        self._spawn([program("redis-server"), self._file, "--sentinel"], timeout)
        return f"redis://127.0.0.1:{self.port}/0"


class WatchedRedis:
    """Two servers, one the replica of the other, and their Sentinel.

    Parameters
    ----------
    directory : path
        Where their data is.
    password : str, optional
        Of Sentinel.
    """

    def __init__(self, directory: Path, password: str | None = None) -> None:
        self._password = password
        first = RedisServer(directory / "first")
        second = RedisServer(directory / "second", options=["--replicaof", f"127.0.0.1 {first.port}"])
        self.servers = (first, second)
        self.sentinel = Sentinel(directory / "sentinel", first.port, password)

    def start(self) -> str:
        """Start them, and return Sentinel's URL."""
        for server in self.servers:
            server.start()
        return self.sentinel.start()

    def stop(self) -> None:
        for process in (self.sentinel, *self.servers):
            process.kill()

    def in_step(self) -> bool:
        """Whether the replica is known to Sentinel, and has what the primary has."""
        with redis.Redis(port=self.sentinel.port, password=self._password, decode_responses=True) as client:
            (said,) = client.execute_command("SENTINEL REPLICAS", "gauge") or [None]
        if said is None:
            return False
        found = said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=True))
        return found["master-link-status"] == "ok" and found["flags"] == "slave"
