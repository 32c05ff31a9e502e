"""Queries of several round trips: what is asked and what is made of the answers, apart from how it is sent.

A query is a generator that yields commands and is given their answers. The same one serves blocking and asynchronous
clients, and its logic needs no server.
"""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, TypeVar

from stream_app.settings import RedisSettings
from stream_app.store.connection import Store, store_errors
from stream_app.store.keys import Keys
from stream_app.store.redis_connection import blocking_client

__all__ = ["BlockingStore", "Command", "Query", "run_query"]

T = TypeVar("T")
Command: TypeAlias = tuple[str | bytes | int | float, ...]
Query: TypeAlias = Generator[Sequence[Command], list[Any], T]
"""Yields the commands of a round trip, takes their answers, returns the result; after no commands other tasks may run first."""


class BlockingStore:
    """Redis for blocking clients; connects when it is first used, and may be shared by threads.

    Parameters
    ----------
    settings : RedisSettings
        Where it is.
    retries : int
        Tries of a command after the first, each after a longer, jittered wait.
    timeout : float
        Seconds to wait for a connection, and for an answer.

    Raises
    ------
    SettingsError
        If a file of certificates cannot be used.
    """

    def __init__(self, settings: RedisSettings, *, retries: int, timeout: float) -> None:
        self.keys = Keys(settings.key_prefix)
        self.place = settings.shown
        self.client = blocking_client(settings, retries=retries, timeout=timeout)

    def run_query(self, query: Query[T], doing: str) -> T:
        """Run a query to its end; see the function `run_query`."""
        try:
            commands = next(query)
            while True:
                with store_errors(self.place, doing):
                    answers = self._ask(commands)
                commands = query.send(answers)
        except StopIteration as ended:
            result: T = ended.value
            return result
        finally:
            query.close()

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        if not commands:
            return []
        if len(commands) == 1:
            return [self.client.execute_command(*commands[0])]
        with self.client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = pipe.execute()
        return answers

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


async def run_query(store: Store, query: Query[T], doing: str) -> T:
    """Run a query to its end, each of its steps as one round trip.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    query : generator
        What to ask, and what to make of the answers.
    doing : str
        What the query is about, for messages.

    Raises
    ------
    StoreError
        If Redis cannot be reached or refuses.
    """
    try:
        commands = next(query)
        while True:
            with store_errors(store.place, doing):
                answers = await _ask(store, commands)
            commands = query.send(answers)
    except StopIteration as ended:
        result: T = ended.value
        return result
    finally:
        query.close()


async def _ask(store: Store, commands: Sequence[Command]) -> list[Any]:
    if not commands:
        await asyncio.sleep(0)
        return []
    if len(commands) == 1:
        return [await store.client.execute_command(*commands[0])]
    async with store.client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        answers: list[Any] = await pipe.execute()
    return answers
