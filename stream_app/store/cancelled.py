"""Cancellations that are not lost: where a command goes out and its sender is cancelled at the same instant.

redis-py sends with `asyncio.wait_for`, which until Python 3.12 keeps a cancellation to itself when what it waits for is
done at that instant (https://github.com/python/cpython/issues/86296). A loop of commands then goes on for ever, although
somebody waits for its end.
"""

import asyncio
from typing import Any

__all__ = ["cancellable"]


class _Cancellable:
    """Goes before a connection of redis-py for asyncio."""

    async def send_packed_command(self: Any, *args: Any, **options: Any) -> None:
        """Send; where that was cancelled meanwhile, end the connection, as its answer will not be read."""
        task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        await super().send_packed_command(*args, **options)  # type: ignore[misc]  # redis-py's
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError


def cancellable(connection: type[Any]) -> type[Any]:
    """Return a kind of connection whose commands can be cancelled at any instant, and which otherwise is the one given."""
    return type(connection.__name__, (_Cancellable, connection), {})
