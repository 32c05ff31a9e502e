"""Which sources a partition keeps, decided by the log alone.

Keys are the producers', memory is ours: a partition keeps at most `max_sources`, and none that it has not seen for
`ttl`. A source that was forgotten starts cold when it comes back. Each decision depends only on the events before it,
in the order of their offsets, so it is the same wherever batches end and however often they are processed.

The time of the decision is the log's own, the largest time of a record so far, in steps of a sixteenth of `ttl`: it belongs to the whole partition, and one
source with a wrong clock in its events cannot make the others old.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from stream_app.monitors.form import SourceArrivals

__all__ = ["Forgotten", "Recency"]

_STEPS = 16

A = TypeVar("A", bound=SourceArrivals)


class Forgotten(NamedTuple):
    """A source that is not kept any more.

    Parameters
    ----------
    source : str
        Which.
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
    """Sources in the order in which they were seen last.

    A delivery costs as much as it has sources; it is looked at event by event only where a source has to be forgotten
    or the clock moves on by a step.

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
    >>> from stream_app.events import SensorRow
    >>> from stream_app.monitors.sensors import Arrivals
    >>> recency = Recency(max_sources=1, ttl=60.0)
    >>> one = Arrivals([SensorRow("a", 1.0, {"x": 1.0})], offsets=[0], record_ts=[1.0])
    >>> two = Arrivals([SensorRow("b", 1.0, {"x": 1.0})], offsets=[1], record_ts=[1.0])
    >>> [gone for gone, _ in recency.take({"a": one, "b": two})]
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
        """Whether a source has not been seen for so long that it starts cold when it comes."""
        return source in self._seen and self._is_old(self._seen[source][1])

    def _is_old(self, clock: float) -> bool:
        # While the log has had no time yet, the difference is not a number, and nothing is old.
        return self._clock - clock > self._ttl

    def shed(self, count: int) -> list[Forgotten]:
        """Forget what is expired or too much by now, at most so many sources, and return them.

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

    def take(self, arrivals: Mapping[str, A]) -> Iterator[tuple[list[Forgotten], dict[str, A]]]:
        """Note arrivals as seen, and split them where a source has to be forgotten.

        Parameters
        ----------
        arrivals : mapping of str to SourceArrivals
            One delivery, by source.

        Yields
        ------
        forgotten : list of Forgotten
            What is to be forgotten before the next arrivals are counted.
        arrivals : dict of str to SourceArrivals
            The next ones.
        """
        same_time = all(self._tick(max(each.record_ts)) <= self._clock for each in arrivals.values())
        known = [self._seen[source][1] for source in arrivals if source in self._seen]
        room = len(self._seen) + len(arrivals) - len(known) <= self._max_sources
        # Very old records have no time of their own: theirs is infinite, and looked at one by one.
        if same_time and room and not any(map(self._is_old, known)):
            # Nearly always: nothing is forgotten, and only the order changes.
            for source in sorted(arrivals, key=lambda name: arrivals[name].offsets[-1]):
                self._touch(source, arrivals[source].offsets[-1])
            yield [], dict(arrivals)
        else:
            yield from self._pieces(arrivals)

    def _pieces(self, arrivals: Mapping[str, A]) -> Iterator[tuple[list[Forgotten], dict[str, A]]]:
        order = sorted(
            (offset, source, i) for source, each in arrivals.items() for i, offset in enumerate(each.offsets)
        )
        forgotten: list[Forgotten] = []
        piece: dict[str, A] = {}
        for offset, source, i in order:
            rows = arrivals[source]
            if rows.record_ts[i] < math.inf:
                self._clock = max(self._clock, self._tick(rows.record_ts[i]))
            gone = self._in_the_way(source)
            if gone is not None:
                if piece:
                    yield forgotten, piece
                    forgotten, piece = [], {}
                forgotten.append(self._forget(gone))
            self._touch(source, offset)
            into = piece.setdefault(source, type(rows)())
            into.rows.append(rows.rows[i])
            into.offsets.append(offset)
            into.record_ts.append(rows.record_ts[i])
        yield forgotten, piece

    def _in_the_way(self, source: str) -> str | None:
        if source in self._seen:
            return source if self.expired(source) else None
        return None if len(self._seen) < self._max_sources else next(iter(self._seen))

    def _touch(self, source: str, offset: int) -> None:
        self._seen[source] = (offset, self._clock)
        self._seen.move_to_end(source)

    def _tick(self, record_ts: float) -> float:
        return record_ts // self._step * self._step if record_ts < math.inf else math.inf
