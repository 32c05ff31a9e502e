"""An HTTP address that is asked for metrics, with a token where it wants one."""

import ipaddress
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from stream_app.errors import SettingsError, SourceError

__all__ = ["MAX_ANSWER_BYTES", "Endpoint", "is_loopback"]

MAX_ANSWER_BYTES = 1 << 28
"""Of an answer: all of it is in memory."""

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where metrics are asked for.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``, without user and password.
    token : SecretStr or None
        Sent as a bearer token.
    option : str
        That names the address, for messages.

    Raises
    ------
    SettingsError
        If the URL is none, or a token would be sent readable over a network.

    Examples
    --------
    >>> Endpoint("ftp://w1")
    Traceback (most recent call last):
    stream_app.errors.SettingsError: --prometheus: 'ftp://w1' is no address like http://localhost:9090
    """

    url: str
    token: SecretStr | None = None
    option: str = "--prometheus"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            parts, host = urlsplit(""), None
        if parts.username is not None or parts.password is not None:
            raise SettingsError(
                f"{self.option}: no user or password in the address; give a token with --token-file"
            )
        if parts.scheme not in {"http", "https"} or not host:
            raise SettingsError(f"{self.option}: {self.url!r} is no address like http://localhost:9090")
        if self.token is not None and parts.scheme == "http" and not is_loopback(host):
            raise SettingsError(f"{self.option}: http:// would send the token readable; use https://")

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a request; never log them."""
        bearer = {} if self.token is None else {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return {"User-Agent": "streamgauge", **bearer}

    def post(self, path: str, body: bytes, content_type: str, more: dict[str, str] | None = None) -> bytes:
        """Ask, and return the answer's body; waits for it.

        Parameters
        ----------
        path : str
            Behind the address.
        body : bytes
        content_type : str
            Of the body.
        more : dict of str to str, optional
            Other headers.

        Raises
        ------
        SourceError
            If there is no answer, a refusal, or more than `MAX_ANSWER_BYTES`.
        """
        request = urllib.request.Request(  # noqa: S310 http or https, checked above
            self.url.rstrip("/") + path,
            data=body,
            headers={**self.headers, "Content-Type": content_type, **(more or {})},
        )
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                found: bytes = answer.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            raise SourceError(f"{self.url}{path}: {error.code} {_reason(error)}") from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise SourceError(f"{self.url} cannot be read: {str(reason) or type(error).__name__}") from None
        if len(found) > MAX_ANSWER_BYTES:
            raise SourceError(
                f"{self.url}{path}: more than {MAX_ANSWER_BYTES:,} bytes; ask for fewer series with --match, or a longer --step"
            )
        return found


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the token is for the address that was named."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _reason(error: urllib.error.HTTPError) -> str:
    """Return what an answer says of its refusal, on one line."""
    if 300 <= error.code < 400:
        return "redirects to another address; name that one"
    if error.code in {401, 403}:
        return f"{error.reason}; give a token with --token-file"
    try:
        said = error.read(4096)
    except (OSError, HTTPException):
        said = b""
    try:
        text = str(json.loads(said)["error"])
    except (ValueError, KeyError, TypeError):
        text = said.decode(errors="replace")
    return " ".join((text or str(error.reason)).split())[:300]
