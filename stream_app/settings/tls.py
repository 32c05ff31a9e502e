"""TLS to Kafka and Redis: trusted authority, client certificate, reasons of a refusal."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from stream_app.errors import SettingsError

__all__ = ["TlsFiles", "tls_context", "tls_problem"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of certificates, all in PEM form.

    Parameters
    ----------
    ca : str, optional
        Authorities that are trusted, and no others; those of the system where none are named.
    certificate : str, optional
        What shows who we are (mutual TLS), and what leads from it to its authority.
    key : str, optional
        Its private key, where it is not in the same file.
    password : str, optional
        Of the private key.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    password: str | None = field(default=None, repr=False)


def tls_context(table: str, files: TlsFiles) -> ssl.SSLContext:
    """Make a client context for TLS 1.2 or later; certificate and host name of the server are always checked.

    Parameters
    ----------
    table : str
        ``kafka`` or ``redis``, for the message.
    files : TlsFiles
        Certificate authority, client certificate and key.

    Raises
    ------
    SettingsError
        If a file cannot be used; names its setting.
    """
    try:
        context = ssl.create_default_context(cafile=files.ca)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{table}.ca_file: {files.ca} cannot be used: {_reason(error)}") from None
    if files.certificate:
        # Without one that answers, OpenSSL would ask for the password at the terminal, and wait.
        password = files.password or ""
        try:
            context.load_cert_chain(files.certificate, files.key, lambda: password)
        except (OSError, ValueError) as error:
            names = f"{table}.cert_file: {files.certificate}"
            names += f" with {table}.key_file: {files.key}" if files.key else ""
            raise SettingsError(f"{names} cannot be used: {_reason(error)}") from None
    return context


def tls_problem(error: BaseException) -> str | None:
    """Describe an error of TLS; None for other errors.

    Such an error does not go away by trying again: one side does not trust the other.

    Parameters
    ----------
    error : BaseException
        As a client raised it; what it was raised from is looked at too.

    Examples
    --------
    >>> tls_problem(ConnectionRefusedError())
    >>> tls_problem(ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca"))
    'the server does not accept our certificate (unknown ca); see cert_file and key_file'
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message.rstrip('.')}"
        if isinstance(cause, ssl.SSLError) and not isinstance(
            cause, ssl.SSLEOFError | ssl.SSLZeroReturnError
        ):
            text = str(cause)
            if "ALERT" in text:
                alert = text.rpartition(" alert ")[2].partition(" (_ssl")[0]
                return f"the server does not accept our certificate ({alert}); see cert_file and key_file"
            if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text:
                return "it does not speak TLS on this port"
            return f"TLS failed: {_reason(cause)}"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: BaseException | None = error
    while waiting is not None and id(waiting) not in seen:
        seen.add(id(waiting))
        yield waiting
        waiting = waiting.__cause__ or waiting.__context__


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a certificate or key in PEM form").replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
