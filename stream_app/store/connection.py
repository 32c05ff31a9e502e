"""Redis as the rest of this package uses it: a client, the names of our keys, and errors that say where."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import Any

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stream_app.errors import StoreError, StoreUnavailableError
from stream_app.settings import RedisSettings, tls_problem
from stream_app.store.functions import Function
from stream_app.store.keys import Keys
from stream_app.store.redis_connection import asyncio_client

__all__ = ["Store", "connect", "open_store", "store_errors"]

_REMEDIES = {
    r"OOM|'maxmemory'": "raise maxmemory, or lower redis.max_bytes; keep maxmemory-policy noeviction",
    r"READONLY|read-?\s?only replica": "name the primary in redis.url",
    r"unknown command.*SENTINEL": "redis.url names a Sentinel where redis.sentinel is set",
    r"No such master": "redis.sentinel is the name under which Sentinel watches the primary",
    r"unknown command.*FCALL": "it is too old: Redis 7.0 or later, or Valkey, has the functions that are needed",
    r"NOPERM|ACL failure|no permissions|user executing the script": (
        "let the user have the commands and keys that docs/operations.md lists"
    ),
    r"MISCONF|unable to persist|errors writing to the AOF": "make room on its disk, and see its log",
    r"WRONGTYPE": "a key of that name is there from something else; choose another prefix",
    r"^\d+ \S+:\d+$|MOVED|CROSSSLOT|same slot": "it is a node of a Redis Cluster: set redis.cluster = true",
    r"cluster support disabled": "it is no node of a Redis Cluster: leave redis.cluster out",
}
"""What to do when Redis refuses, by what it says; redis-py cuts the code of some errors off."""

_NOT_READY = re.compile(r"\b(BUSY|NOREPLICAS|MASTERDOWN)\b|Function not found")
_UNREADY = (ClusterDownError, MasterDownError, TryAgainError, AskError)
"""Passes by itself; an answer of the last two kinds comes while a slot is moved."""

_RETRIES = 5
_TIMEOUT_SECONDS = 5.0


class Store:
    """Redis and the names of our keys in it.

    Parameters
    ----------
    client : redis.asyncio.Redis
        Answers bytes.
    keys : Keys
        Names of the keys.
    place : str
        The address for messages, without a password.
    """

    def __init__(self, client: Any, keys: Keys, place: str) -> None:
        self.client = client
        self.keys = keys
        self.place = place

    def function(self, name: str) -> Function:
        """Return one of our functions in Redis, by the name of its script."""
        return Function(self.client, self.place, name)

    @asynccontextmanager
    async def errors(self, doing: str) -> AsyncIterator[None]:
        """Turn Redis' errors into ours.

        Raises
        ------
        StoreUnavailableError
            Redis does not answer, or not yet; trying again later may help.
        StoreError
            Any other failure; says what was being done, where, and why it failed.
        """
        with store_errors(self.place, doing):
            yield

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()


@contextmanager
def store_errors(place: str, doing: str) -> Iterator[None]:
    """Turn Redis' errors into ours, see `Store.errors`."""
    try:
        yield
    except AuthenticationError as error:
        raise StoreError(f"Redis at {place} refuses the login while {doing}: {error}") from error
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        problem = tls_problem(error)
        if problem is not None:
            raise StoreError(f"Redis at {place} cannot be trusted while {doing}: {problem}") from error
        raise StoreUnavailableError(f"Redis at {place} cannot be reached while {doing}: {error}") from error
    except ResponseError as error:
        passing = isinstance(error, _UNREADY) and not isinstance(error, MovedError)
        if passing or _NOT_READY.search(str(error)):
            raise StoreUnavailableError(f"Redis at {place} is not ready while {doing}: {error}") from error
        raise StoreError(f"Redis at {place} refuses {doing}: {error}{_remedy(error)}") from error
    except RedisError as error:
        raise StoreError(f"Redis at {place} failed while {doing}: {error}") from error


def _remedy(error: ResponseError) -> str:
    said = (remedy for pattern, remedy in _REMEDIES.items() if re.search(pattern, str(error)))
    return "".join(f"; {remedy}" for remedy in islice(said, 1))


def open_store(
    settings: RedisSettings, *, retries: int = _RETRIES, timeout: float = _TIMEOUT_SECONDS
) -> Store:
    """Make a store that connects when it is first used; see `connect`.

    Parameters
    ----------
    settings : RedisSettings
        Where it is.
    retries : int
        Tries of a command after the first.
    timeout : float
        Seconds to wait for a connection, and for an answer.

    Raises
    ------
    SettingsError
        If a file of certificates cannot be used.
    """
    client = asyncio_client(settings, retries=retries, timeout=timeout)
    return Store(client, Keys(settings.key_prefix), settings.shown)


async def connect(settings: RedisSettings, *, retries: int = _RETRIES) -> Store:
    """Connect to Redis and see that it answers.

    Parameters
    ----------
    settings : RedisSettings
        Where it is.
    retries : int
        Tries after the first, each after a longer, jittered wait; also for every later command.

    Raises
    ------
    SettingsError
        If a file of certificates cannot be used.
    StoreError
        If it cannot be reached, refuses the login, or its certificate is not trusted.
    """
    store = open_store(settings, retries=retries)
    try:
        async with store.errors("connecting"):
            await store.client.ping()
    except StoreError:
        await store.close()
        raise
    return store
