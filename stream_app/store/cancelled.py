"""Sending a command by asyncio, where Python itself is in the way: a lost cancellation, and a lost connection without its name."""

import asyncio
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

__all__ = ["cancellable"]


class _Cancellable:
    """Mixin for redis-py's connections for asyncio."""

    async def send_packed_command(self: Any, *args: Any, **options: Any) -> None:
        """Send; where that was cancelled meanwhile, end the connection, as its answer will not be read.

        redis-py sends with `asyncio.wait_for`, which until Python 3.12 keeps a cancellation to itself when what it waits
        for is done at that instant (https://github.com/python/cpython/issues/86296): a loop of commands would go on for
        ever, although somebody waits for its end.

        Raises
        ------
        redis.exceptions.ConnectionError
            If the connection is lost. From Python 3.12 on its transport raises an AttributeError when it notices that
            while it writes (https://github.com/python/cpython/issues/136234).
        """
        task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        try:
            await super().send_packed_command(*args, **options)  # type: ignore[misc]  # redis-py's
        except AttributeError as error:
            if "_add_writer" not in str(error):
                raise
            await self.disconnect(nowait=True)
            raise RedisConnectionError("the connection was lost while a command was sent") from error
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError


def cancellable(connection: type[Any]) -> type[Any]:
    """Return a kind of connection whose commands can be cancelled at any instant, and which otherwise is the one given."""
    return type(connection.__name__, (_Cancellable, connection), {})
