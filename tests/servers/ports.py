"""Waiting for a server to answer."""

import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from stream_app.embedded.server import wait_for

__all__ = ["answers_kafka", "answers_redis", "last_lines", "wait_until"]

_METADATA, _CLIENT = 3, b"streamgauge-tests"


def wait_until(ready: Callable[[], bool], process: subprocess.Popen, log: Path, timeout: float) -> None:
    """Wait until the server answers; say what it wrote last if it ends or takes too long."""
    problem = wait_for(process, ready, log, timeout)
    if problem:
        raise RuntimeError(f"{log.stem} {problem}\n{last_lines(log)}")


def last_lines(log: Path, count: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def answers_kafka(port: int) -> bool:
    """Whether a metadata request (version 1, all topics) is answered with a broker in it."""
    body = struct.pack(">hhih", _METADATA, 1, 1, len(_CLIENT)) + _CLIENT + struct.pack(">i", 0)
    answer = _ask(port, struct.pack(">i", len(body)) + body, 12)
    return answer is not None and struct.unpack(">iii", answer)[2] > 0


def answers_redis(port: int) -> bool:
    """Whether commands are taken; one that wants a password is as ready as one that says PONG."""
    answer = _ask(port, b"PING\r\n", 5)
    return answer is not None and answer.startswith((b"+PONG", b"-NOAU"))


def _ask(port: int, request: bytes, size: int) -> bytes | None:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(request)
            answer = connection.recv(size, socket.MSG_WAITALL)
    except OSError:
        return None
    return answer if len(answer) == size else None
