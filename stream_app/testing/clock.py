"""A clock that tests advance."""

from stream_app.errors import DataError

__all__ = ["Clock"]


class Clock:
    """Event time for tests: call it for now, advance it to go on.

    Parameters
    ----------
    now : float
        Where it starts, epoch seconds.

    Examples
    --------
    >>> clock = Clock(100.0)
    >>> clock(), clock.advance(5.0), clock()
    (100.0, 105.0, 105.0)
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Move forward and return the new time.

        Raises
        ------
        DataError
            If it would go back.
        """
        if not seconds >= 0:
            raise DataError(f"a clock goes forward; it cannot advance by {seconds} s")
        self.now += seconds
        return self.now
