"""What comes of a stored state that is well-formed and nonsense, as a forger's would be."""

from collections.abc import Iterator
from contextlib import contextmanager

from stream_app.errors import DataError, SettingsError, StateError

__all__ = ["restore_errors"]

_DAMAGES = (
    ArithmeticError, AttributeError, DataError, LookupError, MemoryError, RecursionError, SettingsError, TypeError,
    ValueError,
)  # fmt: skip


@contextmanager
def restore_errors(source: str) -> Iterator[None]:
    """Raise a `StateError` that names the source where its state turns out to be nonsense.

    Parameters
    ----------
    source : str
        Whose state is taken back inside.

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
