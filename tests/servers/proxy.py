"""A TCP proxy that can fail as a network does."""

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Self

from stream_app.embedded import free_port

__all__ = ["Proxy"]

_CHUNK = 1 << 16


@dataclass
class _Loss:
    """Replies still to be lost, and of which requests."""

    left: int
    wanted: Callable[[bytes], bool]


class Proxy:
    """Forwards a port of 127.0.0.1 to another one, in a thread of its own.

    The port is there, though silent, from the beginning, so that a server can be told of it before it starts.

    Parameters
    ----------
    target_port : int
        Where the server listens.

    Attributes
    ----------
    port : int
        Where clients connect.
    replies_lost : int
        How many replies `drop_replies` has lost by now.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.replies_lost = 0
        self._listener = _listen(free_port())
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._loss = _Loss(0, lambda _: False)
        self._acceptor: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def start(self) -> str:
        """Forward from now on; return ``127.0.0.1:port``."""
        self._thread.start()
        self._run(self._heal)
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Close everything."""
        self._run(self._refuse)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def cut(self) -> None:
        """Pass nothing, as a cable that was pulled: connections stay, new ones are taken, both are silent."""
        self._run(self._cut)

    def refuse(self) -> None:
        """Reset connections and take none, as a server that is gone."""
        self._run(self._refuse)

    def heal(self) -> None:
        """Pass everything again; what waited during a cut arrives late, as TCP would have it."""
        self._run(self._heal)

    def drop_replies(self, count: int = 1, *, requests: Callable[[bytes], bool] = lambda _: True) -> None:
        """Lose the replies to the next requests: the server gets and answers them, the client is reset instead.

        Meant for protocols with one request under way in a connection, such as Redis'.

        Parameters
        ----------
        count : int
            How many to lose; 0 ends it.
        requests : callable
            Which ones, by the bytes of one read from the client, such as ``lambda data: b"FCALL" in data``.
        """

        async def set_loss() -> None:
            self._loss = _Loss(count, requests)

        self._run(set_loss)

    def _run(self, step: Callable[[], Coroutine[None, None, None]]) -> None:
        asyncio.run_coroutine_threadsafe(step(), self._loop).result(10)

    async def _cut(self) -> None:
        self._passing.clear()

    async def _heal(self) -> None:
        self._passing.set()
        if self._listener.fileno() == -1:
            self._listener = _listen(self.port)
        if self._acceptor is None:
            self._acceptor = self._loop.create_task(self._accept())

    async def _refuse(self) -> None:
        if self._acceptor is not None:
            self._acceptor.cancel()
            await asyncio.gather(self._acceptor, return_exceptions=True)
            self._acceptor = None
        self._listener.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            connection = self._loop.create_task(self._serve(client))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _serve(self, client: socket.socket) -> None:
        """Forward one connection until a side closes it; a reset, a cancel and a loss reset the other side."""
        server = socket.socket()
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._passing.wait()
            server.setblocking(False)  # noqa: FBT003 the only way to say it
            await self._loop.sock_connect(server, ("127.0.0.1", self.target_port))
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            doomed = asyncio.Event()
            ways = [
                self._forward_requests(client, server, doomed),
                self._forward_replies(server, client, doomed),
            ]
            tasks = [self._loop.create_task(way) for way in ways]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (OSError, asyncio.CancelledError):
            for side in (client, server):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            client.close()
            server.close()

    async def _forward_requests(
        self, client: socket.socket, server: socket.socket, doomed: asyncio.Event
    ) -> None:
        async for data in self._read(client):
            if self._loss.left and self._loss.wanted(data):
                self._loss.left -= 1
                doomed.set()
            await self._loop.sock_sendall(server, data)

    async def _forward_replies(
        self, server: socket.socket, client: socket.socket, doomed: asyncio.Event
    ) -> None:
        async for data in self._read(server):
            if doomed.is_set():
                self.replies_lost += 1
                raise ConnectionResetError
            await self._loop.sock_sendall(client, data)

    async def _read(self, side: socket.socket) -> AsyncIterator[bytes]:
        while data := await self._loop.sock_recv(side, _CHUNK):
            await self._passing.wait()
            yield data
        await self._passing.wait()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    listener.setblocking(False)  # noqa: FBT003 the only way to say it
    return listener
