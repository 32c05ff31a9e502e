"""Features of an entity at an instant, computed from its log."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, compress
from typing import Self

from stream_app.core.features.layout import Layout, selector
from stream_app.core.features.log import NEVER, EntityLog, last_pause
from stream_app.core.features.program import Program, Wanted
from stream_app.core.features.totals import Total
from stream_app.core.features.view import Aggregation, Feature
from stream_app.core.features.windows import AllTime, Session, Sliding, Window, micros
from stream_app.errors import UnknownFeatureError

__all__ = ["Bounds", "Evaluator", "Freshness", "Reading", "Step"]

_SECOND = 1_000_000


class Freshness(StrEnum):
    """Freshness of an entity's features."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Reading:
    """Features of one entity at one instant.

    Parameters
    ----------
    values : list of float or None
        In the order they were asked for; None where there is nothing to compute.
    event_ts : int or None
        Time of the newest event before the instant, in microseconds; None if the entity is missing.
    incomplete : tuple of str
        Features that are None because events of their window are not kept any more.
    """

    values: list[float | None]
    event_ts: int | None
    incomplete: tuple[str, ...] = ()

    def freshness(self, at: int, limit: float) -> Freshness:
        """Return the freshness at the instant: fresh if the newest event is at most `limit` seconds before.

        Examples
        --------
        >>> Reading([1.0], event_ts=5_000_000).freshness(7_000_000, limit=2.0).value
        'fresh'
        """
        if self.event_ts is None:
            return Freshness.MISSING
        return Freshness.FRESH if at - self.event_ts <= micros(limit) else Freshness.STALE


class Evaluator:
    """Computation of a view's features from logs.

    All that came strictly before the instant counts, and nothing else: a purchase does not see itself.

    Parameters
    ----------
    layout : Layout
        Of the view.
    features : sequence of str, optional
        Names of the features wanted; all of them where not given.

    Raises
    ------
    UnknownFeatureError
        If the view has no such feature.

    Examples
    --------
    >>> from stream_app.core.features.view import FeatureView
    >>> layout = Layout(FeatureView("v", (Feature("spent", "sum", "amount", Sliding(1800)),)))
    >>> log = EntityLog(layout)
    >>> for offset, (ts, amount) in enumerate([(0.0, 2.5), (600.0, 4.0)]):
    ...     _ = log.add(0, offset, micros(ts), 0, layout.cells(None, {"amount": amount}, {}))
    >>> evaluator = Evaluator(layout)
    >>> [evaluator.read(log, micros(ts)).values for ts in (0.0, 600.0, 601.0, 1800.0, 1801.0)]
    [[None], [2.5], [6.5], [6.5], [4.0]]
    """

    def __init__(self, layout: Layout, features: Sequence[str] | None = None) -> None:
        known = {feature.name: feature for feature in layout.view.features}
        names = list(known) if features is None else list(features)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UnknownFeatureError(
                f"{layout.view.key} has no feature {unknown[0]!r}; it has {', '.join(known)}"
            )
        self.names = tuple(names)
        self.layout = layout
        self._ttl = layout.ttl
        self._max_events = layout.max_events
        needed = list(dict.fromkeys(chain.from_iterable(known[name].over or (name,) for name in names)))
        plain = [known[name] for name in needed]
        windows = list(dict.fromkeys(f.window for f in plain if not isinstance(f.window, AllTime)))
        self.windows = [Bounds.of(window) for window in windows]
        at: dict[Window, int] = {window: i for i, window in enumerate(windows)}
        self.steps = [Step.of(feature, layout, at) for feature in plain]
        self._timeless = [(slot, step) for slot, step in enumerate(self.steps) if step.window < 0]
        self._program = Program.of(
            [(slot, step.window, step.wanted) for slot, step in enumerate(self.steps) if step.window >= 0]
        )
        place = {name: i for i, name in enumerate(needed)}
        # A ratio is over two of the computed values; the others are such a value.
        self.answers = [
            (place[over[0]], place[over[1]]) if (over := known[name].over) else (place[name], -1)
            for name in names
        ]

    def read(self, log: EntityLog, at: int) -> Reading:
        """Return the features of an entity at an instant.

        Parameters
        ----------
        log : EntityLog
            Event log of the entity.
        at : int
            The instant, in microseconds.
        """
        ts = log.ts
        end = bisect_left(ts, at)
        # What is beyond the most events that are kept was given up when it was read at the instant itself.
        base = max(0, end - self._max_events)
        gone = ts[base - 1] if base else log.given_up
        newest = ts[end - 1] if end else gone
        if newest == NEVER or at - newest > self._ttl:
            return Reading([None] * len(self.names), None)
        if log.given_up >= at:
            return Reading([None] * len(self.names), None, self.names)
        bounds = [window.rows(ts, at, base, end, gone) for window in self.windows]
        # What may be gone is computed over nothing, and taken back below.
        spans = [(end, end) if span is None else span for span in bounds]
        found = self._program.run(log, at, spans, len(self.steps))
        for slot, step in self._timeless:
            found[slot] = _over_all_time(step, log, at, end, self._ttl)
        lost: set[int] = set()
        if None in bounds:
            lost = {
                i for i, step in enumerate(self.steps) if step.window >= 0 and bounds[step.window] is None
            }
            for slot in lost:
                found[slot] = None
        values = [
            found[one] if other < 0 else _quotient(found[one], found[other]) for one, other in self.answers
        ]
        if not lost:
            return Reading(values, newest)
        names = zip(self.names, self.answers, strict=True)
        return Reading(values, newest, tuple(name for name, over in names if lost.intersection(over)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """A window in microseconds: of a fixed length, or a session where there is a gap.

    Parameters
    ----------
    reach : int
        How far back it goes at most.
    delay : int
        How long before the instant it ends.
    gap : int
        Pause that ends a session; 0 where it is none.
    """

    reach: int
    delay: int
    gap: int

    @classmethod
    def of(cls, window: Sliding | Session) -> Self:
        """Take the lengths of a window."""
        if isinstance(window, Session):
            return cls(micros(window.longest), 0, micros(window.gap))
        return cls(micros(window.reach), micros(window.delay), 0)

    def rows(self, ts: "array[int]", at: int, base: int, end: int, gone: int) -> tuple[int, int] | None:
        """Return the first row of the window and the one after its last; None if some of its rows may be gone."""
        low = at - self.reach
        if not self.gap:
            if gone >= low:
                return None
            begin = bisect_left(ts, low, base, end)
            return begin, bisect_left(ts, at - self.delay, begin, end) if self.delay else end
        begin, later = end, at
        while begin > base and later - ts[begin - 1] <= self.gap and ts[begin - 1] >= low:
            begin -= 1
            later = ts[begin]
        if begin == base and gone >= low and later - gone <= self.gap:
            return None
        return begin, end


@dataclass(frozen=True, slots=True)
class Step:
    """How one feature is computed.

    Parameters
    ----------
    window : int
        Over which window; -1 is all time.
    total : int
        Over which total, where it is all time; else -1.
    wanted : Wanted
        What of its rows.
    """

    window: int
    total: int
    wanted: Wanted

    @classmethod
    def of(cls, feature: Feature, layout: Layout, windows: Mapping[Window, int]) -> Self:
        """Look up what a feature needs in the layout."""
        chosen, field = selector(feature), feature.field
        column = -1
        if feature.numeric:
            column = layout.numbers.index(field or "")
        elif feature.aggregation is Aggregation.DISTINCT:
            column = layout.marks.index(field or "")
        timeless = isinstance(feature.window, AllTime)
        seconds = feature.window.seconds if isinstance(feature.window, Sliding) else 0.0
        return cls(
            window=windows.get(feature.window, -1),
            total=layout.totals.index((chosen, field if feature.numeric else None)) if timeless else -1,
            wanted=Wanted(feature.aggregation, layout.place(chosen), column, seconds),
        )


def _over_all_time(step: Step, log: EntityLog, at: int, end: int, ttl: int) -> float | None:
    """Compute a feature from the events that are kept and the totals of those that are gone."""
    begin = last_pause(log.ts, end, ttl)
    total, wanted = log.totals[step.total], step.wanted
    if total is None or begin or (end and log.ts[0] - log.given_up > ttl):
        return Program.of([(0, 0, wanted)]).run(log, at, [(begin, end)], 1)[0]
    flags = log.select(wanted.place, 0, end)
    count = total.count + (end if flags is None else flags.count(1))
    match wanted.aggregation:
        case Aggregation.COUNT:
            return float(count)
        case Aggregation.RATE:
            return count / ((at - total.first) / _SECOND)
        case Aggregation.TIME_SINCE_LAST:
            row = end - 1 if flags is None else flags.rfind(1)
            return (at - (total.last if row < 0 else log.ts[row])) / _SECOND
    numbers: Sequence[float] = log.numbers[wanted.column][:end]
    rows = numbers if flags is None else list(compress(numbers, flags))
    return _numbers_of_all_time(wanted.aggregation, total, rows, count)


def _numbers_of_all_time(aggregation: Aggregation, total: Total, rows: Sequence[float], count: int) -> float:
    match aggregation:
        case Aggregation.MIN:
            return min((total.low, *rows))
        case Aggregation.MAX:
            return max((total.high, *rows))
        case Aggregation.LAST:
            return rows[-1] if rows else total.newest
    exact = math.fsum(chain(total.parts, rows))
    return exact / count if aggregation is Aggregation.MEAN else exact


def _quotient(dividend: float | None, divisor: float | None) -> float | None:
    return None if dividend is None or not divisor else dividend / divisor
