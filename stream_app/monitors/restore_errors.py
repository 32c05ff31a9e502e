"""Errors of restoring a well-formed but invalid state, such as a forged one."""

from collections.abc import Iterator
from contextlib import contextmanager

from stream_app.errors import DataError, SettingsError, StateError

__all__ = ["START_ANEW", "restore_errors"]

START_ANEW = 'set worker.on_old_state = "cold" to start such sources anew, or use another worker.group'
"""What to do where a state is sound, but of another version or of other settings."""

_DAMAGES = (
    ArithmeticError, AttributeError, DataError, LookupError, MemoryError, RecursionError, SettingsError, TypeError,
    ValueError,
)  # fmt: skip


@contextmanager
def restore_errors(source: str) -> Iterator[None]:
    """Raise a `StateError` that names the source if its state is invalid.

    Parameters
    ----------
    source : str
        Name of the source whose state is restored.

    Raises
    ------
    StateError
        In place of whatever the nonsense led to.

    Examples
    --------
    >>> with restore_errors("pump-1"):
    ...     int("many")
    Traceback (most recent call last):
    stream_app.errors.StateError: state of pump-1 is damaged: ValueError: invalid literal for int() with base 10: 'many'
    """
    try:
        yield
    except StateError as error:
        if str(error).startswith(f"state of {source}"):
            raise
        raise type(error)(f"state of {source}: {error}") from error
    except _DAMAGES as error:
        raise StateError(f"state of {source} is damaged: {type(error).__name__}: {error}") from error
