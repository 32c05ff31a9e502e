"""A bounded memory of keys, to tell what is new from what was seen before."""

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["RecentKeys"]


class RecentKeys:
    """The keys seen last, at most so many and none longer ago than so many seconds.

    Time comes in with the keys and only ever moves on: an earlier one counts as the latest so far. To see a key again
    makes it the newest.

    Parameters
    ----------
    size : int
        The most keys.
    seconds : float
        For how long one is remembered after it was last seen.

    Examples
    --------
    >>> memory = RecentKeys(size=1000, seconds=60)
    >>> memory.see("a", 0.0), memory.see("a", 50.0), memory.see("a", 111.0)
    (True, False, True)
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._now = float("-inf")
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def see(self, key: Hashable, at: float) -> bool:
        """Take note of a key; returns whether it is new."""
        self._now = max(self._now, at)
        # In the order of their times, since time never steps back.
        while self._seen and self._now - next(iter(self._seen.values())) > self._seconds:
            self._seen.popitem(last=False)
        new = key not in self._seen
        self._seen[key] = self._now
        self._seen.move_to_end(key)
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return new
