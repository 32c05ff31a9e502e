"""Connections of redis-py, for asyncio and blocking: whom they trust, which server they go to, when they try again."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import hiredis
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import AuthenticationError, DataError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry as BlockingRetry

from stream_app.settings import RedisSettings, tls_problem
from stream_app.store.primary import BlockingToPrimary, Primary, SentinelPrimary, SlotOwner, ToPrimary

__all__ = ["asyncio_client", "blocking_client"]

_AWAY = (RedisConnectionError, RedisTimeoutError)
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 2.0
_HEALTH_CHECK_SECONDS = 15
_SHARED = ("socket_timeout", "socket_connect_timeout", "tls")
"""Options of a connection that also hold for asking where the primary is."""
_LOST = re.compile(r"_add_writer|handler is closed")
"""What transports say that are closed when something is written to them."""
_LAST_WORD_SECONDS = 1.0
"""That a server has for saying why it hung up."""


def asyncio_client(settings: RedisSettings, *, retries: int, timeout: float) -> Any:
    """Make a client for asyncio that connects when it is first used.

    Parameters
    ----------
    settings : RedisSettings
        Where it is.
    retries : int
        Tries of a command after the first, each after a longer, jittered wait.
    timeout : float
        Seconds to wait for a connection, and for an answer.

    Returns
    -------
    redis.asyncio.Redis
        Answers bytes.

    Raises
    ------
    SettingsError
        If a file of certificates cannot be used.
    """
    make: Callable[..., Any] = redis.asyncio.Redis.from_url
    client = make(settings.url.get_secret_value(), **_options(settings, _Retry, retries, timeout))
    return _routed(client, settings, (_Commands,), _TrustedConnection, ToPrimary)


def blocking_client(settings: RedisSettings, *, retries: int, timeout: float) -> Any:
    """Make the same for programs that wait for each answer; a `redis.Redis`."""
    make: Callable[..., Any] = redis.Redis.from_url
    client = make(settings.url.get_secret_value(), **_options(settings, _BlockingRetry, retries, timeout))
    return _routed(client, settings, (), _BlockingTrustedConnection, BlockingToPrimary)


def _options(settings: RedisSettings, retry: type[Any], retries: int, timeout: float) -> dict[str, Any]:
    # redis.from_url retries nothing unless told so.
    backoff = ExponentialWithJitterBackoff(base=_FIRST_WAIT_SECONDS, cap=_LONGEST_WAIT_SECONDS)
    return {
        "retry": retry(backoff, retries),
        "retry_on_error": list(_AWAY),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "health_check_interval": _HEALTH_CHECK_SECONDS,
        **settings.connection_options(),
    }


def _routed(
    client: Any,
    settings: RedisSettings,
    mixins: tuple[type[Any], ...],
    trusted: type[Any],
    to_primary: type[Any],
) -> Any:
    """Give a client's pool the kind of connection that the settings need."""
    pool = client.connection_pool
    kind: type[Any] = trusted if "tls" in pool.connection_kwargs else pool.connection_class
    primary: Primary | None = None
    login: dict[str, Any] = {}
    if settings.cluster:
        primary = SlotOwner(settings.hash_tag, settings.address)
        login = {name: pool.connection_kwargs.get(name) for name in ("username", "password")}
    elif settings.sentinel:
        primary = SentinelPrimary(settings.sentinel, settings.address)
        login = settings.sentinel_login
    if primary is not None:
        shared = {name: pool.connection_kwargs[name] for name in _SHARED if name in pool.connection_kwargs}
        pool.connection_kwargs["primary"] = primary
        ask: Callable[..., Any] = kind
        pool.connection_kwargs["ask"] = partial(ask, **shared, **login, protocol=2)
        mixins = (to_primary, *mixins)
    pool.connection_class = type(kind.__name__, (*mixins, kind), {})
    return client


class _Commands:
    r"""Mixin for connections for asyncio: commands packed in C, and cancellable at any instant.

    redis-py packs them in Python, which takes more than twice as long.

    Examples
    --------
    >>> from redis.asyncio import Connection
    >>> class Packing(_Commands, Connection): ...
    >>> Packing().pack_command("CONFIG GET", b"x", 1, 0.5)
    [b'*5\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$1\r\nx\r\n$1\r\n1\r\n$3\r\n0.5\r\n']
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        # redis-py's own way looks at each argument once more in Python, and features have hundreds.
        command, *rest = args
        words = command.encode().split() if isinstance(command, str) else command.split()
        try:
            return [hiredis.pack_command((*words, *rest))]
        except TypeError as error:
            raise DataError(str(error)) from error

    async def send_packed_command(self: Any, *args: Any, **options: Any) -> None:
        """Send; where that was cancelled meanwhile, end the connection, as its answer will not be read.

        redis-py sends with `asyncio.wait_for`, which until Python 3.12 keeps a cancellation to itself when what it waits
        for is done at that instant (https://github.com/python/cpython/issues/86296): a loop of commands would go on for
        ever, although somebody waits for its end.

        Raises
        ------
        redis.exceptions.ConnectionError
            If the connection is lost. Where its transport notices that while it writes, that of Python 3.12 and later raises an
            AttributeError (https://github.com/python/cpython/issues/136234), that of uvloop a RuntimeError.
        """
        task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        try:
            await super().send_packed_command(*args, **options)  # type: ignore[misc]  # redis-py's
        except (AttributeError, RuntimeError) as error:
            if not _LOST.search(str(error)):
                raise
            await self.disconnect(nowait=True)
            raise RedisConnectionError("the connection was lost while a command was sent") from error
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError


class _EndsAtRefusal:
    """Mixin for both retries: no second try where Redis refuses us or we do not trust it, since neither passes by itself."""

    def call_with_retry(
        self,
        do: Callable[[], Any],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 the signature is redis-py's
    ) -> Any:
        """Do something, and do it again after a failure that may pass; awaitable for asyncio."""

        def may_pass(error: Exception) -> bool:
            refused = isinstance(error, AuthenticationError) or tls_problem(error) is not None
            return not refused and (is_retryable is None or is_retryable(error))

        return super().call_with_retry(do, fail, may_pass, with_failure_count)  # type: ignore[misc]  # redis-py's


class _Retry(_EndsAtRefusal, Retry):
    """For asyncio."""


class _BlockingRetry(_EndsAtRefusal, BlockingRetry):
    """For programs that wait."""


class _TrustedConnection(redis.asyncio.SSLConnection):
    """TLS by a context that is made already: redis-py's own would trust the system's authorities too."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = tls

    async def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 redis-py's
        """Log in; where the other side hangs up meanwhile, raise what it had to say."""
        try:
            await super().on_connect_check_health(check_health)
        except RedisConnectionError:
            await self._hear_refusal()
            raise

    async def _hear_refusal(self) -> None:
        """Connect and say nothing, to hear a refusal of our certificate.

        With TLS 1.3 it comes after the handshake, and what was sent by then makes the system drop it with the connection.
        """
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                reader, writer = await asyncio.open_connection(**self._connection_arguments())
                try:
                    await reader.read(1)
                except ssl.SSLError as error:
                    raise RedisConnectionError(str(error)) from error
                finally:
                    writer.transport.abort()


class _BlockingTrustedConnection(redis.SSLConnection):
    """The same for programs that wait."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        self._tls.sslsocket_class = _HearingSocket
        return self._tls.wrap_socket(sock, server_hostname=self.host)


class _HearingSocket(ssl.SSLSocket):
    """A socket that still hears why the other side hung up; see `_TrustedConnection`."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything, or raise what the other side said last."""
        try:
            super().sendall(data, flags)
        except (ssl.SSLEOFError, BrokenPipeError, ConnectionResetError):
            self.recv(1)
            raise
