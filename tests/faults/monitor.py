"""Redis' own account of every command, from MONITOR."""

import asyncio
import contextlib
from collections.abc import Collection
from pathlib import Path

from stream_app.store.functions import function_name

__all__ = ["RedisMonitor", "writes"]

_CLAIM = function_name("claim")
_WRITING = frozenset(
    [
        "append",
        "del",
        "expire",
        "hdel",
        "hincrby",
        "hset",
        "hsetnx",
        "incr",
        "lpush",
        "pexpire",
        "publish",
        "rpush",
        "sadd",
        "set",
        "setex",
        "srem",
        "unlink",
        "xadd",
        "xdel",
        "xtrim",
        "zadd",
        "zincrby",
        "zrem",
    ]
)


class RedisMonitor:
    """Notes all commands that Redis runs, scripts' own ones too, in a file.

    Parameters
    ----------
    port : int
        Of Redis, on the loopback interface.
    file : path
        Where the lines go.
    """

    def __init__(self, port: int, file: Path) -> None:
        self._port = port
        self.file = file
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; returns when nothing is missed any more."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        writer.write(b"MONITOR\r\n")
        assert await reader.readline() == b"+OK\r\n"
        self._task = asyncio.create_task(self._note(reader, writer))

    async def _note(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self.file.open("ab") as file, contextlib.closing(writer):
            while line := await reader.readline():
                file.write(line)
                file.flush()

    async def stop(self) -> list[str]:
        """End, and return the lines."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        return self.file.read_text(errors="replace").splitlines()


def writes(lines: Collection[str], ports: Collection[int]) -> list[str]:
    """Return the writes that clients at some local ports brought about until they claimed a partition anew.

    Examples
    --------
    >>> lines = [
    ...     '+1.0 [0 127.0.0.1:50] "FCALL" "aa" "1" "key"',
    ...     '+1.0 [0 lua] "HGET" "key" "epoch"',
    ...     '+1.0 [0 lua] "HSET" "key" "next" "3"',
    ...     '+1.0 [0 127.0.0.1:51] "HSET" "key" "next" "4"',
    ... ]
    >>> len(writes(lines, {50})), len(writes(lines, {51})), len(writes(lines, {52}))
    (1, 1, 0)
    """
    found: list[str] = []
    ours = False
    for line in lines:
        head, _, command = line.partition("] ")
        client = head.rpartition(" ")[2]
        word = command.partition(" ")[0].strip('"').lower()
        if client != "lua":
            ours = client.rpartition(":")[2].isdigit() and int(client.rpartition(":")[2]) in ports
            if ours and _CLAIM in command:
                break
        if ours and word in _WRITING:
            found.append(line)
    return found
