"""A snapshot of a partition: what a checkpoint stores of it, as it was at one position, while the partition goes on."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from time import perf_counter

from stream_app.store.checkpoints import Checkpoint, Seen
from stream_app.store.fence import Fence

__all__ = ["Snapshot"]

_AT_ONCE = 16
"""States that are packed before others have their turn: under a millisecond."""


class Snapshot:
    """What changed in a partition between two positions.

    States are packed a few at a time. Whoever wants to change one that is not packed yet calls `secure` first, so that all are
    as they were at the position (copy on write).

    Parameters
    ----------
    fence : Fence
        Of the partition; says on top of which position this is stored.
    next_offset : int
        First offset that is not in it.
    seen : mapping of str to Seen
        What changed, and when it was seen last.
    gone : iterable of str
        What was forgotten.
    pack : callable
        Packs the state of a name as it is now.

    Examples
    --------
    >>> from stream_app.store.fence import Claim
    >>> states = {"a": b"1", "b": b"1"}
    >>> fence = Fence(Claim("g", "t", 0, 1, "me", 5), 5)
    >>> snapshot = Snapshot(fence, 9, {"a": Seen(7, 0.0), "b": Seen(8, 0.0)}, (), lambda name: states[name])
    >>> snapshot.secure(["b", "c"])
    >>> states["b"] = b"2"
    >>> asyncio.run(snapshot.packed()).states
    {'b': b'1', 'a': b'1'}
    """

    def __init__(
        self,
        fence: Fence,
        next_offset: int,
        seen: Mapping[str, Seen],
        gone: Iterable[str],
        pack: Callable[[str], bytes],
    ) -> None:
        self.next_offset = next_offset
        self._claim, self._base, self._writes = fence.claim, fence.position, fence.writes
        self._seen = seen
        self._gone = sorted(gone)
        self._pack = pack
        self._left = dict.fromkeys(seen)
        self._states: dict[str, bytes] = {}
        self.seconds = 0.0
        """Time that packing took."""

    def __contains__(self, name: str) -> bool:
        return name in self._seen

    def secure(self, names: Iterable[str]) -> None:
        """Pack what is about to change, where that is not done yet."""
        if self._left:
            begin = perf_counter()
            for name in names:
                if name in self._left:
                    self._states[name] = self._pack(name)
                    del self._left[name]
            self.seconds += perf_counter() - begin

    async def packed(self) -> Checkpoint:
        """Pack what is left, and return all of it."""
        while self._left:
            self.secure(list(islice(self._left, _AT_ONCE)))
            await asyncio.sleep(0)
        return Checkpoint(
            self._claim, self._base, self.next_offset, self._states, self._seen, self._gone, self._writes
        )
