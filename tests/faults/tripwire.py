"""A way to Redis that notices what a worker is about to do, and strikes at that instant."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Literal

from stream_app.store.functions import function_name

__all__ = ["CHECKPOINT", "Moment", "Tripwire"]

CHECKPOINT = function_name("checkpoint").encode()
"""By this name a request of a checkpoint is recognised."""

Moment = Literal["before", "torn", "after", "held"]
"""Before Redis sees the request; when it has the first half of it; when it has it, and the answer goes nowhere; before
Redis sees it, but it will when it is released."""


class Tripwire:
    """Passes bytes between workers and Redis, until a trap that was set springs.

    Parameters
    ----------
    host, port
        Where Redis is.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trap: tuple[bytes, int, Moment, Callable[[], None]] | None = None
        self._released = asyncio.Event()
        self.ports: set[int] = set()
        """Local ports from which Redis was reached, as MONITOR names them."""
        self.sprung = 0

    async def start(self) -> int:
        """Listen on a free port of the loopback interface, and return it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        self.clear()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, request: bytes, count: int, moment: Moment, strike: Callable[[], None]) -> None:
        """Call `strike` at the `count`-th request from now on that holds `request`; it is called once."""
        self._released.clear()
        self._trap = (request, count, moment, strike)

    def release(self) -> None:
        """Let a request that is held reach Redis."""
        self._released.set()

    def clear(self) -> None:
        """Take the trap away."""
        self._trap = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            self._tasks.discard(task)
            return
        self.ports.add(back.get_extra_info("sockname")[1])
        answers = asyncio.create_task(_pump(there, writer))
        try:
            while data := await reader.read(1 << 20):
                await self._forward(data, back, answers)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            answers.cancel()
            for end in (writer, back):
                with contextlib.suppress(OSError, RuntimeError):
                    end.close()
            self._tasks.discard(task)

    async def _forward(self, data: bytes, back: asyncio.StreamWriter, answers: asyncio.Task[None]) -> None:
        if self._trap is None or self._trap[0] not in data:
            back.write(data)
            await back.drain()
            return
        request, count, moment, strike = self._trap
        if count > 1:
            self._trap = (request, count - 1, moment, strike)
            back.write(data)
            await back.drain()
            return
        self._trap = None
        self.sprung += 1
        if moment == "torn":
            back.write(data[: len(data) // 2])
            await back.drain()
        elif moment == "after":
            answers.cancel()
            back.write(data)
            await back.drain()
        strike()
        if moment == "before":
            raise ConnectionAbortedError
        if moment == "held":
            await self._released.wait()
            back.write(data)
            await back.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 20):
            writer.write(data)
            await writer.drain()
