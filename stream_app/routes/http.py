"""A request by HTTP to a receiver of messages, and what its answer means."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from stream_app.errors import DeliveryError
from stream_app.settings import TlsFiles, tls_context

__all__ = ["HttpSender"]

_TIMEOUT_SECONDS = 10.0
_LONGEST_RETRY_AFTER = 3600.0


class HttpSender:
    """Posts bodies to one server; a redirection is a failure, so that a secret goes nowhere else.

    Parameters
    ----------
    shown : str
        The address without anything secret, for messages.
    bearer : str or None
        Token for the server.
    ca_file : str or None
        The only authority to trust.

    Raises
    ------
    SettingsError
        If the file of the authority cannot be used.
    """

    def __init__(self, shown: str, *, bearer: str | None, ca_file: str | None) -> None:
        self._shown = shown
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        tls: ssl.SSLContext | bool = (
            tls_context("routes.*.channel", TlsFiles(ca=ca_file)) if ca_file else True
        )
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a body.

        Raises
        ------
        DeliveryError
            If the server does not take it within ten seconds.
        """
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._session.post(
                url, data=body, headers={**self._headers, **headers}, allow_redirects=False, ssl=self._tls
            ) as answer:
                if not 200 <= answer.status < 300:
                    said = answer.headers.get("Retry-After", "")
                    raise DeliveryError(f"{self._shown} answers {answer.status}", _seconds(said))
        except TimeoutError:
            raise DeliveryError(f"{self._shown} does not answer within {_TIMEOUT_SECONDS:.0f} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may quote the address.
            raise DeliveryError(f"{self._shown} cannot be reached: {_reason(error)}") from None

    async def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    return getattr(cause, "strerror", None) or type(error).__name__


def _seconds(retry_after: str) -> float | None:
    """Read a header ``Retry-After``: seconds, or a date.

    Examples
    --------
    >>> _seconds("7"), _seconds(""), _seconds("soon"), _seconds("1000000")
    (7.0, None, None, 3600.0)
    """
    if retry_after.isascii() and retry_after.isdecimal():
        return min(float(retry_after[:9]), _LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)
