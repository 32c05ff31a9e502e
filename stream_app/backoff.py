"""Waits between attempts at something that a server which is away makes fail."""

import random
from collections.abc import Iterator

__all__ = ["backoff"]


def backoff(first: float, longest: float) -> Iterator[float]:
    """Yield waits without end, each about twice as long as the one before.

    Each is drawn from the upper half of its range: many workers lose one server at the same moment, and shall not come back
    all at once.

    Parameters
    ----------
    first : float
        Longest first wait, in seconds.
    longest : float
        Longest of all waits, in seconds.

    Examples
    --------
    >>> waits = backoff(0.1, 0.3)
    >>> [low <= next(waits) <= 2 * low for low in (0.05, 0.1, 0.15, 0.15)]
    [True, True, True, True]
    """
    wait = first
    while True:
        yield random.uniform(wait / 2, wait)  # noqa: S311 not a secret
        wait = min(2 * wait, longest)
