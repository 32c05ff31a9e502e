"""Connections to Redis over TLS that trust what the settings say, and nothing else."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import redis
from redis.asyncio import SSLConnection
from redis.asyncio.retry import Retry
from redis.exceptions import AuthenticationError
from redis.retry import Retry as BlockingRetry

from stream_app.settings import tls_problem

__all__ = ["BlockingTrustedConnection", "PatientBlockingRetry", "PatientRetry", "TrustedConnection"]

T = TypeVar("T")

_HEARING = 1.0
"""Seconds that a server has for saying why it hung up."""


class TrustedConnection(SSLConnection):
    """A connection over TLS by a context that is made already: redis-py's own would trust the system's authorities too.

    Parameters
    ----------
    tls : ssl.SSLContext
        What is trusted.
    """

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = tls

    async def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 redis-py's
        """Log in; where the other side hangs up meanwhile, raise what it had to say."""
        try:
            await super().on_connect_check_health(check_health)
        except redis.ConnectionError:
            await self._listen()
            raise

    async def _listen(self) -> None:
        """Connect and say nothing, to hear a refusal of our certificate.

        With TLS 1.3 it comes after the handshake, and what was sent by then makes the system drop it with the connection.
        """
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_HEARING):
                reader, writer = await asyncio.open_connection(**self._connection_arguments())
                try:
                    await reader.read(1)
                except ssl.SSLError as error:
                    raise redis.ConnectionError(str(error)) from error
                finally:
                    writer.transport.abort()


class PatientRetry(Retry):
    """Tries again while Redis is away, but not where it refuses us or we do not trust it: neither goes away by itself."""

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Callable[[Exception], Any] | Callable[[Exception, int], Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 the signature is redis-py's
    ) -> T:
        """Do something, and do it again after a failure that may pass."""
        may_pass = _passing(is_retryable)
        return await super().call_with_retry(do, fail, may_pass, with_failure_count)


class _Hearing(ssl.SSLSocket):
    """A socket that still hears why the other side hung up: with TLS 1.3 a refusal of our certificate comes after the handshake."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything, or raise what the other side said last."""
        try:
            super().sendall(data, flags)
        except (ssl.SSLEOFError, BrokenPipeError, ConnectionResetError):
            self.recv(1)
            raise


class BlockingTrustedConnection(redis.SSLConnection):
    """The same for programs that wait."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        self._tls.sslsocket_class = _Hearing
        return self._tls.wrap_socket(sock, server_hostname=self.host)


class PatientBlockingRetry(BlockingRetry):
    """The same for programs that wait."""

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[[Exception], Any] | Callable[[Exception, int], Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 the signature is redis-py's
    ) -> T:
        """Do something, and do it again after a failure that may pass."""
        return super().call_with_retry(do, fail, _passing(is_retryable), with_failure_count)


def _passing(is_retryable: Callable[[Exception], bool] | None) -> Callable[[Exception], bool]:
    """Tell failures that may pass from those that will not."""

    def may_pass(error: Exception) -> bool:
        refused = isinstance(error, AuthenticationError) or tls_problem(error) is not None
        return not refused and (is_retryable is None or is_retryable(error))

    return may_pass
