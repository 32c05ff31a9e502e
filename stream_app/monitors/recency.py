"""Which sources a partition keeps, determined by the log alone.

Keys are the producers', the store is ours: the sources of a partition take at most `max_bytes` in it, and none stays that was
not seen for `ttl`. Events that would bring a source, or a channel, for which there is no room are refused, and the sources that
are there go on. A source that was forgotten starts cold when it comes back. Each decision depends only on the events before it,
in the order of their offsets, so it is the same wherever batches end and however often they are processed. So what a source
takes is not measured: it follows from its kind and channels (`Monitor.needs`).

The time of the decision is the log's own, the largest time of a record so far, in steps of a sixteenth of `ttl`: it belongs to the whole partition, and one
source with a wrong clock in its events cannot make the others old.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from operator import itemgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.events import Reason
from stream_app.monitors.base import Delivery, Need, Refusal

__all__ = ["Forgotten", "Kept", "Recency", "Step"]

_STEPS = 16

D = TypeVar("D", bound=Delivery)


class Forgotten(NamedTuple):
    """A source that was forgotten, because it was not seen for too long.

    Parameters
    ----------
    source : str
        Name of the forgotten source.
    offset : int
        Of its last event.
    until : float
        The log's time until which it was kept, in epoch seconds: one `ttl` after it was seen last.
    """

    source: str
    offset: int
    until: float


class Kept(NamedTuple):
    """A source that is kept.

    Parameters
    ----------
    offset : int
        Of its last event.
    clock : float
        The log's time then, in epoch seconds.
    size : int
        Bytes that it takes in the store.
    """

    offset: int
    clock: float
    size: int


class Sizes(Protocol):
    """What sources take in the store; see `Monitor`."""

    def needs(self, events: Any) -> Mapping[int, Need]:
        """Return for each event whose source is not there or names new channels what that would then take."""

    def stored_size(self, source: str) -> int:
        """Return the bytes that a source takes."""


@dataclass(slots=True)
class Step(Generic[D]):
    """What is to be done next.

    Parameters
    ----------
    events : Delivery or None
        Events to take, if any.
    forgotten : list of Forgotten
        What is to be forgotten before.
    refusals : list of Refusal
        Events for whose sources or channels there is no room.
    known : array of int, shape (n,)
        Sources that are kept at each of the events, its own included; those that only have to be forgotten yet do not count.
    """

    events: D | None
    forgotten: list[Forgotten] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    known: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


class Recency:
    """Sources in order of their last event.

    A delivery costs as much as it has sources; it is looked at event by event only where a source may have to be forgotten or
    refused.

    Parameters
    ----------
    max_bytes : int
        Most that the sources may take in the store.
    ttl : float
        Seconds, see above.
    seen : mapping of str to Kept
        The sources, the longest unseen first.
    clock : float
        The log's time, in epoch seconds.

    Examples
    --------
    >>> from stream_app.events import Readings, SensorRow
    >>> from stream_app.monitors.sensors import SensorMonitor
    >>> from stream_app.settings import SensorStream
    >>> monitor = SensorMonitor(SensorStream())
    >>> recency = Recency(max_bytes=20_000, ttl=60.0)
    >>> delivery = Readings.of([SensorRow("a", 1.0, {"x": 1.0}), SensorRow("b", 1.0, {"x": 1.0})])
    >>> for step in recency.take(delivery, monitor):
    ...     _ = monitor.update(step.events)
    >>> list(recency), recency.size, [(refusal.offset, refusal.reason.value) for refusal in step.refusals]
    (['a'], 13658, [(1, 'no_room')])
    """

    def __init__(
        self, *, max_bytes: int, ttl: float, seen: Mapping[str, Kept] | None = None, clock: float = -math.inf
    ) -> None:
        self.max_bytes = max_bytes
        self._ttl = ttl
        # The clock goes in steps, so that it seldom moves within a delivery and has to be followed event by event.
        self._step = ttl / _STEPS
        self._seen: OrderedDict[str, Kept] = OrderedDict(seen or {})
        self._clock = clock
        self.size = sum(one.size for one in self._seen.values())
        """Bytes that the sources take in the store."""

    @property
    def clock(self) -> float:
        """The log's time, in epoch seconds; minus infinity where it had none yet."""
        return self._clock

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the sources, the longest unseen first."""
        return iter(self._seen)

    def __contains__(self, source: str) -> bool:
        return source in self._seen

    def __getitem__(self, source: str) -> Kept:
        """Return when a source was seen last, and what it takes."""
        return self._seen[source]

    def expired(self, source: str) -> bool:
        """Whether a source was unseen for so long that it starts cold."""
        return source in self._seen and self._is_old(self._seen[source].clock)

    def _is_old(self, clock: float) -> bool:
        # While the log has had no time yet, the difference is not a number, and nothing is old.
        return self._clock - clock > self._ttl

    def expire(self, count: int) -> list[Forgotten]:
        """Forget expired sources, at most `count`, and return them.

        It changes nothing that comes: those would start cold, too, and their room counts as free.
        """
        gone: list[Forgotten] = []
        while len(gone) < count and self._seen:
            oldest = next(iter(self._seen))
            if not self.expired(oldest):
                break
            gone.append(self._forget(oldest))
        return gone

    def _forget(self, source: str) -> Forgotten:
        offset, clock, size = self._seen.pop(source)
        self.size -= size
        return Forgotten(source, offset, clock + self._ttl)

    def take(self, events: D, monitor: Sizes) -> Iterator[Step[D]]:
        """Record events as seen, and split them where a source has to be forgotten.

        Parameters
        ----------
        events : Delivery
            At least one event.
        monitor : Monitor
            What takes the events of each step before the next one is asked for.

        Yields
        ------
        Step
            What is to be done next.
        """
        clocks = self._clocks(events)
        needs = monitor.needs(events)
        largest = {(events.sources[place], need.channels): need.size for place, need in needs.items()}
        if self.size + sum(largest.values()) > self.max_bytes or self._some_expire(events, clocks):
            yield from self._in_turn(events, clocks, monitor)
            return
        # Nearly always: only the order changes.
        counts = self._counts(events, clocks, needs)
        self._clock = float(clocks[-1])
        new = dict.fromkeys(source for source, _ in largest)
        last = dict(zip(events.sources, range(len(events.sources)), strict=True))
        for source, place in sorted(last.items(), key=itemgetter(1)):
            if source in self._seen or source in new:
                self._touch(source, int(events.offsets[place]), float(clocks[place]))
        yield Step(events, known=counts)
        for source in new:
            self._resize(source, monitor.stored_size(source))

    def _counts(self, events: Delivery, clocks: FloatArray, needs: Mapping[int, Need]) -> IntArray:
        """Return how many sources are kept at each event of a delivery in which none of its own expires."""
        new = dict[str, int]()
        for place in sorted(needs):
            if events.sources[place] not in self._seen:
                new.setdefault(events.sources[place], place)
        first = np.zeros(len(clocks), dtype=np.int64)
        first[list(new.values())] = 1
        old = {clock: self._old(clock) for clock in np.unique(clocks).tolist()}
        expired = np.array([old[clock] for clock in clocks.tolist()], dtype=np.int64)
        counts: IntArray = len(self._seen) + np.cumsum(first) - expired
        return counts

    def _old(self, clock: float) -> int:
        """Return how many sources are expired at a time of the log; they are the first ones."""
        return sum(1 for _ in takewhile(lambda one: clock - one.clock > self._ttl, self._seen.values()))

    def _some_expire(self, events: Delivery, clocks: FloatArray) -> bool:
        """Whether a source may be old anywhere in a delivery; one that is new is as old as the delivery."""
        known = (self._seen.get(source) for source in set(events.sources))
        oldest = min((one.clock for one in known if one is not None), default=math.inf)
        return float(clocks[-1]) - min(oldest, float(clocks[0])) > self._ttl

    def _clocks(self, events: Delivery) -> FloatArray:
        """Return the log's time at each event."""
        times = np.asarray(events.record_ts, dtype=np.float64)
        # Very old records have no time of their own; theirs is infinite, and moves nothing.
        known = np.isfinite(times)
        ticks = np.full(len(times), -np.inf)
        ticks[known] = times[known] // self._step * self._step
        clocks: FloatArray = np.maximum(np.maximum.accumulate(ticks), self._clock)
        return clocks

    def _in_turn(self, events: D, clocks: FloatArray, monitor: Sizes) -> Iterator[Step[D]]:
        while len(clocks):
            self._clock = float(clocks[0])
            old = [self._forget(source) for source in dict.fromkeys(events.sources) if self.expired(source)]
            if old:
                # The monitor has to have forgotten them before it says what they would take.
                yield Step(None, old)
            step, end = self._walk(events, clocks.tolist(), monitor.needs(events))
            yield step
            clocks = clocks[end:]
            events = events.at(np.arange(end, len(events.sources)))

    def _walk(self, events: D, clocks: list[float], needs: Mapping[int, Need]) -> tuple[Step[D], int]:
        """Look at events one by one, up to the first that depends on what the monitor makes of those before; return its place."""
        step, taken, end = Step[D](None), list[int](), len(clocks)
        grown: dict[str, tuple[str, ...]] = {}
        gone = set[str]()
        counts, old = list[int](), self._old(clocks[0])
        for i, source in enumerate(events.sources):
            if clocks[i] > self._clock:
                old = self._old(clocks[i])
            self._clock = clocks[i]
            need = needs.get(i)
            moved = need is not None and grown.get(source, need.channels) != need.channels
            # After so long, sources of this very step could be old.
            if moved or source in gone or self.expired(source) or clocks[i] - clocks[0] > self._ttl:
                end = i
                break
            offset = int(events.offsets[i])
            if need is not None and source not in grown:
                freed = self._make_room(source, need)
                old -= len(freed)
                step.forgotten += freed
                gone.update(each.source for each in freed)
                if self._more(source, need) > self.max_bytes:
                    step.refusals.append(Refusal(offset, Reason.NO_ROOM, self._refusal(source, need)))
                    continue
                grown[source] = need.channels
                self._touch(source, offset, clocks[i])
                self._resize(source, need.size)
            elif source in self._seen:
                self._touch(source, offset, clocks[i])
            taken.append(i)
            counts.append(len(self._seen) - old)
        step.known = np.array(counts, dtype=np.int64)
        if len(taken) == len(events.sources):
            step.events = events
        elif taken:
            step.events = events.at(np.array(taken))
        return step, end

    def _more(self, source: str, need: Need) -> int:
        """Return what all sources take, with one as it would be."""
        known = self._seen.get(source)
        return self.size + need.size - (0 if known is None else known.size)

    def _make_room(self, source: str, need: Need) -> list[Forgotten]:
        """Forget expired sources until there is room for one, and return them."""
        freed: list[Forgotten] = []
        while self._more(source, need) > self.max_bytes and (old := self.expire(1)):
            freed += old
        return freed

    def _refusal(self, source: str, need: Need) -> str:
        what = "new channels" if source in self._seen else "a new source"
        return (
            f"no room for {what} of {need.size} bytes in the store: the sources of this partition take {self.size} of "
            f"{self.max_bytes}; raise max_store_bytes of the stream, or redis.max_bytes"
        )

    def _touch(self, source: str, offset: int, clock: float) -> None:
        known = self._seen.get(source)
        self._seen[source] = Kept(offset, clock, 0 if known is None else known.size)
        self._seen.move_to_end(source)

    def _resize(self, source: str, size: int) -> None:
        known = self._seen[source]
        self.size += size - known.size
        self._seen[source] = known._replace(size=size)
