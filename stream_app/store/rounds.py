"""Talking to Redis in rounds: what is asked and what is made of the answers, apart from how it is sent.

Such a talk is a generator that yields commands and is given their answers. The same one serves programs that wait
and programs that await, and needs no server to be understood.
"""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, TypeVar

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stream_app.settings import RedisSettings
from stream_app.store.cluster import SlotOwner, blocking_to_owner
from stream_app.store.connection import Store, store_errors
from stream_app.store.keys import Keys
from stream_app.store.trust import BlockingTrustedConnection, PatientBlockingRetry

__all__ = ["BlockingStore", "Command", "Query", "run_query"]

T = TypeVar("T")
Command: TypeAlias = tuple[str | bytes | int | float, ...]
Query: TypeAlias = Generator[Sequence[Command], list[Any], T]
"""Yields the commands of a round, takes their answers, returns the result; a round of none is a breath for others."""


class BlockingStore:
    """Redis for programs that wait for each answer; connects when it is first used, and may be shared by threads.

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
        options = settings.connection_options()
        self.client: Any = redis.Redis.from_url(
            settings.url.get_secret_value(),
            retry=PatientBlockingRetry(ExponentialWithJitterBackoff(base=0.05, cap=2.0), retries),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            health_check_interval=15,
            **options,
        )
        pool = self.client.connection_pool
        if "tls" in options:
            pool.connection_class = BlockingTrustedConnection
        if settings.cluster:
            pool.connection_kwargs["owner"] = SlotOwner(settings.prefix, settings.address)
            pool.connection_class = blocking_to_owner(pool.connection_class)

    def run_query(self, talk: Query[T], doing: str) -> T:
        """Lead a talk to its end; see `run_query`."""
        try:
            commands = next(talk)
            while True:
                with store_errors(self.place, doing):
                    answers = self._ask(commands)
                commands = talk.send(answers)
        except StopIteration as ended:
            result: T = ended.value
            return result
        finally:
            talk.close()

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


async def run_query(store: Store, talk: Query[T], doing: str) -> T:
    """Lead a talk to its end, each round as one round trip.

    Parameters
    ----------
    store : Store
        With whom.
    talk : generator
        What to ask, and what to make of the answers.
    doing : str
        For messages: what the talk is about.

    Raises
    ------
    StoreError
        If Redis cannot be reached or refuses.
    """
    try:
        commands = next(talk)
        while True:
            with store_errors(store.place, doing):
                answers = await _ask(store, commands)
            commands = talk.send(answers)
    except StopIteration as ended:
        result: T = ended.value
        return result
    finally:
        talk.close()


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
