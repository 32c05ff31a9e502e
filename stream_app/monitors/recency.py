"""Which sources a partition keeps, determined by the log alone.

Keys are the producers', memory is ours: a partition keeps at most `max_sources`, and none that it has not seen for
`ttl`. A source that was forgotten starts cold when it comes back. Each decision depends only on the events before it,
in the order of their offsets, so it is the same wherever batches end and however often they are processed.

The time of the decision is the log's own, the largest time of a record so far, in steps of a sixteenth of `ttl`: it belongs to the whole partition, and one
source with a wrong clock in its events cannot make the others old.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.monitors.base import Delivery

__all__ = ["Forgotten", "Recency"]

_STEPS = 16

D = TypeVar("D", bound=Delivery)


class Forgotten(NamedTuple):
    """A forgotten source.

    Parameters
    ----------
    source : str
        Name of the forgotten source.
    reason : str
        ``expired``, because it was not seen for too long, or ``evicted``, because others needed its place.
    offset : int
        Of its last event.
    until : float
        The log's time until which it was kept, in epoch seconds: one `ttl` after it was seen last, where it expired.
    """

    source: str
    reason: str
    offset: int
    until: float


class Recency:
    """Sources in order of their last event.

    A delivery costs as much as it has sources; it is looked at event by event only where a source may have to be forgotten.

    Parameters
    ----------
    max_sources : int
        Most that are kept.
    ttl : float
        Seconds, see above.
    seen : mapping of str to (int, float)
        Offset of the last event of each source and the log's time then, the longest ago first.

    Examples
    --------
    >>> from stream_app.events import Readings, SensorRow
    >>> recency = Recency(max_sources=1, ttl=60.0)
    >>> delivery = Readings.of([SensorRow("a", 1.0, {"x": 1.0}), SensorRow("b", 1.0, {"x": 1.0})])
    >>> [gone for gone, _ in recency.take(delivery)]
    [[], [Forgotten(source='a', reason='evicted', offset=0, until=0.0)]]
    """

    def __init__(
        self, *, max_sources: int, ttl: float, seen: Mapping[str, tuple[int, float]] | None = None
    ) -> None:
        self._max_sources = max_sources
        self._ttl = ttl
        # The clock goes in steps, so that it seldom moves within a delivery and has to be followed event by event.
        self._step = ttl / _STEPS
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict(seen or {})
        self._clock = max((clock for _, clock in self._seen.values()), default=-math.inf)

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the sources, the longest unseen first."""
        return iter(self._seen)

    def __contains__(self, source: str) -> bool:
        return source in self._seen

    def __getitem__(self, source: str) -> tuple[int, float]:
        """Offset of the last event of a source, and the log's time then."""
        return self._seen[source]

    def expired(self, source: str) -> bool:
        """Whether a source was unseen for so long that it starts cold."""
        return source in self._seen and self._is_old(self._seen[source][1])

    def _is_old(self, clock: float) -> bool:
        # While the log has had no time yet, the difference is not a number, and nothing is old.
        return self._clock - clock > self._ttl

    def expire(self, count: int) -> list[Forgotten]:
        """Forget expired and surplus sources, at most `count`, and return them.

        It changes nothing that comes: those would start cold, too.
        """
        gone: list[Forgotten] = []
        while len(gone) < count and self._seen:
            oldest = next(iter(self._seen))
            if not self.expired(oldest) and len(self._seen) <= self._max_sources:
                break
            gone.append(self._forget(oldest))
        return gone

    def _forget(self, source: str) -> Forgotten:
        expired = self.expired(source)
        offset, clock = self._seen.pop(source)
        if expired:
            return Forgotten(source, "expired", offset, clock + self._ttl)
        return Forgotten(source, "evicted", offset, clock)

    def take(self, events: D) -> Iterator[tuple[list[Forgotten], D]]:
        """Record events as seen, and split them where a source has to be forgotten.

        Parameters
        ----------
        events : Delivery
            At least one event.

        Yields
        ------
        forgotten : list of Forgotten
            What is to be forgotten before the next events are counted.
        events : Delivery
            The next ones.
        """
        # Of each source the place of its last event.
        last = dict(zip(events.sources, range(len(events.sources)), strict=True))
        clocks = self._clocks(events)
        now = float(clocks[-1])
        known = [self._seen[source][1] for source in last if source in self._seen]
        room = len(self._seen) + len(last) - len(known) <= self._max_sources
        # A source that is new is as old as the delivery.
        oldest = min(known + [float(clocks[0])] * (len(known) < len(last)))
        if room and not now - oldest > self._ttl:
            # Nearly always: nothing can be old anywhere in the delivery, and only the order changes.
            self._clock = now
            for source, place in sorted(last.items(), key=itemgetter(1)):
                self._seen[source] = int(events.offsets[place]), float(clocks[place])
                self._seen.move_to_end(source)
            yield [], events
        else:
            yield from self._pieces(events)

    def _clocks(self, events: Delivery) -> FloatArray:
        """Return the log's time at each event."""
        times = np.asarray(events.record_ts, dtype=np.float64)
        # Very old records have no time of their own; theirs is infinite, and moves nothing.
        known = np.isfinite(times)
        ticks = np.full(len(times), -np.inf)
        ticks[known] = times[known] // self._step * self._step
        clocks: FloatArray = np.maximum(np.maximum.accumulate(ticks), self._clock)
        return clocks

    def _pieces(self, events: D) -> Iterator[tuple[list[Forgotten], D]]:
        forgotten: list[Forgotten] = []
        first = 0
        for i, (source, offset, record_ts) in enumerate(
            zip(events.sources, events.offsets, events.record_ts, strict=True)
        ):
            if record_ts < math.inf:
                self._clock = max(self._clock, self._tick(float(record_ts)))
            gone = self._in_the_way(source)
            if gone is not None:
                if i > first:
                    yield forgotten, events.at(np.arange(first, i))
                    forgotten, first = [], i
                forgotten.append(self._forget(gone))
            self._touch(source, int(offset))
        yield forgotten, events.at(np.arange(first, len(events.sources))) if first else events

    def _in_the_way(self, source: str) -> str | None:
        if source in self._seen:
            return source if self.expired(source) else None
        return None if len(self._seen) < self._max_sources else next(iter(self._seen))

    def _touch(self, source: str, offset: int) -> None:
        self._seen[source] = (offset, self._clock)
        self._seen.move_to_end(source)

    def _tick(self, record_ts: float) -> float:
        return record_ts // self._step * self._step if record_ts < math.inf else math.inf
