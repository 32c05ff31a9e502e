"""One partition that a worker owns: its sources, which of them changed, which are forgotten, and what a checkpoint stores of it."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any, Protocol

from faust.types import TP

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.budget import sharers as budget_sharers
from stream_app.core.history import ClosedBuckets
from stream_app.events import Header, TracedLog
from stream_app.kafka.offsets import LogRange
from stream_app.monitors.base import Calibrated, Delivery, Monitor, Outcome, Refusal
from stream_app.monitors.memory import SizeSample, events_that_fit, excess_of
from stream_app.monitors.recency import Forgotten, Recency
from stream_app.store.checkpoints import Checkpoint, LastSeen
from stream_app.store.fence import Claim, Fence

__all__ = ["Opener", "OwnedPartition", "Partition", "Snapshot", "SourceLimits"]

_FACTOR = 2.0
"""By which the number of sources that share the budget changes before it is told again."""
_PACKED_AT_ONCE = 16
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
    seen : mapping of str to LastSeen
        What changed, and when it was seen last.
    gone : iterable of str
        What was forgotten.
    pack : callable
        Packs the state of a name as it is now.
    clock : float
        The log's own time at that position.

    Examples
    --------
    >>> from stream_app.store.fence import Claim
    >>> states = {"a": b"1", "b": b"1"}
    >>> fence = Fence(Claim("g", "t", 0, 1, "me", 5), 5)
    >>> snapshot = Snapshot(fence, 9, {"a": LastSeen(7, 0.0), "b": LastSeen(8, 0.0)}, (), lambda name: states[name])
    >>> snapshot.secure(["b", "c"])
    >>> states["b"] = b"2"
    >>> asyncio.run(snapshot.packed()).states
    {'b': b'1', 'a': b'1'}
    """

    def __init__(
        self,
        fence: Fence,
        next_offset: int,
        seen: Mapping[str, LastSeen],
        gone: Iterable[str],
        pack: Callable[[str], bytes],
        clock: float = -math.inf,
    ) -> None:
        self.next_offset = next_offset
        self._claim, self._base, self._writes = fence.claim, fence.position, fence.writes
        self._seen = seen
        self._gone = sorted(gone)
        self._pack = pack
        self._clock = clock
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
            self.secure(list(islice(self._left, _PACKED_AT_ONCE)))
            await asyncio.sleep(0)
        return Checkpoint(
            self._claim,
            self._base,
            self.next_offset,
            self._states,
            self._seen,
            self._gone,
            self._writes,
            self._clock,
        )


class OwnedPartition(Protocol):
    """One partition that this worker owns, of any kind of stream: what claims and checkpoints need of it.

    What it keeps is stored under names; of a stream of sensors or predictions these are its sources.
    """

    tp: TP
    fence: Fence
    next_offset: int
    headers: Mapping[int, Sequence[Header]]
    """Headers of the events in hand that have some, by their offsets."""
    dirty: set[str]
    gone: set[str]
    snapshot: Snapshot | None
    lock: asyncio.Lock

    @property
    def stored(self) -> int | None:
        """Position of the last checkpoint."""

    @property
    def changed(self) -> bool:
        """Whether there is something to store."""

    @property
    def log_time(self) -> float:
        """The log's own time, in epoch seconds; minus infinity where it had none yet, or nothing depends on it."""

    @property
    def known(self) -> int:
        """Sources that it keeps."""

    def __len__(self) -> int:
        """Return how many sources are in memory."""

    @property
    def size(self) -> int:
        """Memory that they take, in bytes, about."""

    def fitting(self, names: Sequence[str], room: int) -> int:
        """Return how many events at the front can be taken together: their new sources fit into some bytes."""

    def state(self, name: str) -> dict[str, Any]:
        """Return what is to be stored under a name."""

    def seen(self, name: str) -> LastSeen:
        """Return when that was seen last."""

    def count_expired(self) -> int:
        """Return how many sources expired since the last call."""

    def evict(self, most: int) -> None:
        """Drop sources from memory until they take at most so many bytes."""


class Opener(Protocol):
    """Makes a partition of what is stored of it."""

    async def __call__(self, tp: TP, claim: Claim, log: LogRange, /) -> OwnedPartition:
        """Take a partition that is claimed, with its log."""
        ...


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Limits of a stream's sources.

    Parameters
    ----------
    max_bytes : int
        Bytes that they may take in the store.
    ttl : float
        Seconds for which they are kept after they were seen last.
    expected : int, optional
        How many there are, where the settings say it.
    """

    max_bytes: int = 800_000_000
    ttl: float = 604_800.0
    expected: int | None = None


@dataclass(slots=True)
class Partition:
    """One owned partition of a stream whose sources are monitored independently.

    Parameters
    ----------
    tp : TP
        Topic and number.
    fence : Fence
        The right to write it, and what is stored of it.
    monitor : Monitor
        The state of the sources that are in memory.
    recency : Recency
        All sources that it keeps, in the order in which they were seen last.
    next_offset : int
        First offset that is not in the monitor yet.
    headers : mapping of int to sequence of (str, bytes or None)
        Headers of the events in hand that have some, by their offsets.
    dirty : set of str
        Sources that changed since the last checkpoint; all of them are in memory.
    gone : set of str
        Forgotten sources whose stored state has to be removed.
    waiting : dict of str to int
        Sources whose features are to be written, the longest waiting first, each with the offset of its last event.
    snapshot : Snapshot or None
        What is being stored; it may be stored or not until that is known.
    lock : asyncio.Lock
        OwnedPartition while state or position change, so that no snapshot has the one without the other.
    sharers_of : callable
        Takes numbers of sources of the partition; returns by how many the budget is divided.
    calibrated : Calibrated, optional
        By what its events are judged beside the settings.
    """

    tp: TP
    fence: Fence
    monitor: Monitor
    recency: Recency
    next_offset: int
    headers: Mapping[int, Sequence[Header]] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    waiting: dict[str, int] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sharers_of: Callable[[IntArray], FloatArray] = budget_sharers
    calibrated: Calibrated | None = None
    sharers: float = 0.0
    """Sources that share the budget now; 0 until there is one."""
    history: list[ClosedBuckets] = field(default_factory=list)
    """What is to be added to the history of sources before the next checkpoint."""
    forgotten: list[Forgotten] = field(default_factory=list)
    """Sources whose alerts have to be ended, as no event of theirs will."""
    _sizes: SizeSample = field(default_factory=SizeSample)
    _expired: int = 0
    _began: int = field(init=False)
    _told_sharers: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.next_offset

    @property
    def stored(self) -> int | None:
        """Position of the last checkpoint."""
        return self.fence.position

    @property
    def changed(self) -> bool:
        """Whether there is something to store."""
        return self.next_offset != (self._began if self.stored is None else self.stored)

    @property
    def log_time(self) -> float:
        """The log's own time."""
        return self.recency.clock

    @property
    def known(self) -> int:
        """Sources that it keeps."""
        return len(self.recency)

    def __len__(self) -> int:
        """Return how many sources are in memory."""
        return len(self.monitor)

    @property
    def size(self) -> int:
        """Memory that they take, in bytes, about."""
        return int(len(self.monitor) * self._sizes.mean)

    def fitting(self, names: Sequence[str], room: int) -> int:
        """Return how many events at the front can be taken together: their new sources fit into some bytes."""
        return events_that_fit(names, self.monitor, self._sizes.mean, room)

    def state(self, name: str) -> dict[str, Any]:
        """Return the state of a source."""
        return self.monitor.state(name)

    def seen(self, name: str) -> LastSeen:
        """Return when a source was seen last."""
        return LastSeen(*self.recency[name], name in self.waiting)

    def absent(self, sources: Iterable[str]) -> list[str]:
        """Of some sources, those whose state has to be read from the store before their events are counted."""
        return [
            source
            for source in dict.fromkeys(sources)
            if source in self.recency and source not in self.monitor and not self.recency.expired(source)
        ]

    def update(self, events: Delivery) -> tuple[list[Outcome], list[Refusal]]:
        """Take a delivery; the states of its sources are in memory, see `absent`.

        Returns
        -------
        outcomes : list of Outcome
            What came of it.
        refusals : list of Refusal
            Events for whose sources or channels the store has no room.
        """
        outcomes: list[Outcome] = []
        refusals: list[Refusal] = []
        for step in self.recency.take(events, self.monitor):
            for each in step.forgotten:
                self._forget(each)
            refusals += step.refusals
            if step.events is not None:
                outcomes += self._take(step.events, self.sharers_of(step.known))
        return outcomes, refusals

    def _take(self, events: Delivery, divided: FloatArray) -> Sequence[Outcome]:
        self.sharers = float(divided[-1])
        sources = set(events.sources)
        if self.snapshot is not None:
            self.snapshot.secure(sources)
        taken = self.monitor.take(events, TracedLog.of(self.fence.claim.log, self.headers), divided)
        for outcome in taken:
            self.waiting |= outcome.counted
            self.history += outcome.history
        # A new source of which nothing could be used has no state.
        held = {source for source in sources if source in self.monitor}
        self.gone -= held
        self.dirty |= held
        if held and self._sizes.due():
            self._sizes.add(self.monitor.size_of(next(iter(held))))
        return taken

    def expire(self, most: int) -> None:
        """Forget at most so many sources that expired."""
        for each in self.recency.expire(most):
            self._forget(each)

    def _forget(self, gone: Forgotten) -> None:
        """Drop a source for good; it starts cold when it comes again."""
        if self.snapshot is not None:
            self.snapshot.secure([gone.source])
        self.monitor.forget(gone.source)
        self.waiting.pop(gone.source, None)
        self.dirty.discard(gone.source)
        self.gone.add(gone.source)
        self.forgotten.append(gone)
        self._expired += 1

    def count_expired(self) -> int:
        """Return how many sources expired since the last call."""
        count, self._expired = self._expired, 0
        return count

    def sharers_changed(self) -> tuple[float, float] | None:
        """Return how many sources shared the budget when that was told last, and now, where it is twice or half as many.

        The first number is not told: a stream begins with its sources.
        """
        before, now = self._told_sharers, self.sharers
        if before and before / _FACTOR < now < before * _FACTOR:
            return None
        self._told_sharers = now
        return (before, now) if before else None

    def surplus(self, most: int) -> list[str]:
        """Return the sources that have to leave memory until the rest takes so many bytes, the longest unseen first."""
        excess = self._excess(most)
        return list(islice((s for s in self.recency if s in self.monitor), excess)) if excess > 0 else []

    def evict(self, most: int) -> None:
        """Drop sources from memory until they take so many bytes; only those of which everything is written."""
        excess = self._excess(most)
        for source in self.recency if excess > 0 else ():
            if source in self.monitor and not self._unwritten(source):
                self.monitor.forget(source)
                excess -= 1
                if not excess:
                    break

    def _excess(self, most: int) -> int:
        return excess_of(len(self.monitor), self._sizes.mean, most)

    def _unwritten(self, source: str) -> bool:
        being_stored = self.snapshot is not None and source in self.snapshot
        return source in self.dirty or source in self.waiting or being_stored
