"""A stream whose events can mostly not be decoded stops its worker: the topic or the producer is not the right one."""

from collections.abc import Sequence

from stream_app.errors import DataError

__all__ = ["BadInputLimit"]

_BAD_INPUT_WINDOW = 10_000


class BadInputLimit:
    """Counts events that could not be decoded, and raises when they are too many.

    Parameters
    ----------
    ratio : float
        Most bad ones among 10,000 events, counted from one ten thousand to the next.
    run : int
        Most bad ones in a row.

    Examples
    --------
    >>> limit = BadInputLimit(ratio=0.5, run=3)
    >>> limit.count([True, True, True, False])
    Traceback (most recent call last):
    stream_app.errors.DataError: 3 events in a row could not be decoded (worker.max_bad_run = 3); see the dead letters
    """

    def __init__(self, *, ratio: float, run: int) -> None:
        self._ratio = ratio
        self._run = run
        self._in_a_row = 0
        self._seen = 0
        self._bad = 0

    def count(self, bad: Sequence[bool]) -> None:
        """Take note of some events, in their order.

        Raises
        ------
        DataError
            If a limit is reached.
        """
        for first in range(0, len(bad), _BAD_INPUT_WINDOW):
            self._count(bad[first : first + _BAD_INPUT_WINDOW])

    def _count(self, bad: Sequence[bool]) -> None:
        room = _BAD_INPUT_WINDOW - self._seen
        if len(bad) >= room:
            self._tally(bad[:room])
            if self._bad > self._ratio * _BAD_INPUT_WINDOW:
                raise DataError(
                    f"{self._bad} of {_BAD_INPUT_WINDOW} events could not be decoded "
                    f"(worker.max_bad_ratio = {self._ratio}); see the dead letters"
                )
            self._seen = self._bad = 0
            bad = bad[room:]
        self._tally(bad)

    def _tally(self, bad: Sequence[bool]) -> None:
        self._seen += len(bad)
        # Nearly all deliveries are clean, and need no look at each event.
        if not any(bad):
            self._in_a_row = self._in_a_row if not bad else 0
            return
        for is_bad in bad:
            self._bad += is_bad
            self._in_a_row = self._in_a_row + 1 if is_bad else 0
            if self._in_a_row >= self._run:
                raise DataError(
                    f"{self._in_a_row} events in a row could not be decoded "
                    f"(worker.max_bad_run = {self._run}); see the dead letters"
                )
