"""Signatures of webhooks, as Standard Webhooks 1.0 has them: a receiver can tell forgeries and replays."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from stream_app.errors import DataError, SettingsError

__all__ = ["sign", "verify"]

_TOLERANCE_SECONDS = 300.0
_BASE64 = "whsec_"


def sign(secret: str, message_id: str, at: int, body: bytes) -> str:
    """Return the signature of a request, for its header ``webhook-signature``.

    Parameters
    ----------
    secret : str
        What sender and receiver know; after ``whsec_`` in base64, else its UTF-8 is the key.
    message_id : str
        Header ``webhook-id``.
    at : int
        Header ``webhook-timestamp``: when it is sent, in epoch seconds.
    body : bytes
        The body as it is sent.

    Raises
    ------
    SettingsError
        If the secret is not base64 after ``whsec_``.

    Examples
    --------
    The example of the specification:

    >>> sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    signed = f"{message_id}.{at}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> str:
    """Check a request, as its receiver should before it reads the body; returns its id, by which to drop what comes again.

    Parameters
    ----------
    secret : str
        As for `sign`.
    headers : mapping of str to str
        Those of the request; names in small letters, or a mapping that does not mind.
    body : bytes
        As it came.
    now : float, optional
        The time in epoch seconds; by default that of the clock.

    Raises
    ------
    DataError
        If it is not signed by who knows the secret, or was sent more than five minutes ago.
    """
    message_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (message_id and sent.isascii() and sent.isdecimal() and len(sent) < 15):
        raise DataError("the request is not signed: webhook-id or webhook-timestamp is missing")
    if abs((time.time() if now is None else now) - int(sent)) > _TOLERANCE_SECONDS:
        raise DataError("the request was sent more than five minutes ago: it may be a replay")
    wanted = sign(secret, message_id, int(sent), body).encode()
    signatures = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(each.encode(), wanted) for each in signatures):
        raise DataError("the signature of the request is wrong")
    return message_id


def _key(secret: str) -> bytes:
    if not secret.startswith(_BASE64):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_BASE64), validate=True)
    except binascii.Error:
        raise SettingsError("secret: what follows whsec_ is not base64") from None
