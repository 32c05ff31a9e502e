"""Passwords and tokens, given as values or in files."""

from pathlib import Path

from pydantic import SecretStr

__all__ = ["MAX_SECRET_BYTES", "one_secret", "read_secret"]

MAX_SECRET_BYTES = 16_384
"""More than any password; a file over this size is another one by mistake."""


def read_secret(name: str, path: str) -> SecretStr:
    """Read a secret from a file that holds nothing else.

    Parameters
    ----------
    name : str
        The setting that names the file, for the message.
    path : str
        The file. A line break at its end is not part of the secret.

    Raises
    ------
    ValueError
        If it cannot be read, is empty, or holds more than one line.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise ValueError(f"{name}: {path} is larger than {MAX_SECRET_BYTES} bytes")
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path} is not UTF-8") from None
    if not text:
        raise ValueError(f"{name}: {path} is empty")
    if not text.isprintable():
        raise ValueError(f"{name}: {path} holds more than one line, or control characters")
    return SecretStr(text)


def one_secret(name: str, value: SecretStr | None, path: str | None) -> SecretStr | None:
    """Return the secret that is set as a value or in a file; None where neither is.

    Parameters
    ----------
    name : str
        The setting of the value; that of the file ends in ``_file``.
    value, path
        What they say.

    Raises
    ------
    ValueError
        If both are set, or the file cannot be used.
    """
    if path is None:
        return value if value is not None and value.get_secret_value() else None
    if value is not None:
        raise ValueError(f"{name} and {name}_file are both set; leave one out")
    return read_secret(f"{name}_file", path)
