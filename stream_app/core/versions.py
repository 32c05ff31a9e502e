"""The version that each state carries."""

from collections.abc import Mapping
from typing import Any

from stream_app.errors import StateError

__all__ = ["expect_version"]


def expect_version(state: Mapping[str, Any], version: int, what: str) -> None:
    """See that a state is of the version that this program reads.

    Parameters
    ----------
    state : mapping
        As it was stored.
    version : int
        The version wanted.
    what : str
        Owner of the state, named in errors.

    Raises
    ------
    StateError
        If it is of another, or says none.

    Examples
    --------
    >>> expect_version({"version": 1}, 2, "the window")
    Traceback (most recent call last):
    stream_app.errors.StateError: the window: the state has version 1, expected 2
    """
    if state.get("version") != version:
        raise StateError(f"{what}: the state has version {state.get('version')!r}, expected {version}")
