"""What a view's features are, word by word from its definition: slow, and nothing shared with the program."""

import itertools
from dataclasses import dataclass, field
from fractions import Fraction

from stream_app.core.features import AllTime, Session


@dataclass(frozen=True)
class Event:
    ts: float
    offset: int
    amount: float | None = None
    item: str | None = None
    type: str | None = None
    id: str | None = None
    partition: int = 0

    def field(self, name):
        return {"amount": self.amount, "item": self.item, "type": self.type}.get(name)


def holds(condition, event):
    found = event.field(condition.field)
    if condition.comparison == "in":
        return found is not None and found in condition.value
    if found is None or isinstance(found, str) != isinstance(condition.value, str):
        return False
    return {
        "==": found == condition.value,
        "!=": found != condition.value,
        "<": found < condition.value,
        "<=": found <= condition.value,
        ">": found > condition.value,
        ">=": found >= condition.value,
    }[condition.comparison]


def admitted(view, events):
    """Events that count, in the order of their times; those of the same instant in that of their arrival."""
    taken, positions = [], {}
    for event in events:
        if not all(holds(condition, event) for condition in view.where):
            continue
        if event.offset <= positions.get(event.partition, -1):
            continue
        positions[event.partition] = event.offset
        if taken:
            newest = max(e.ts for e in taken)
            too_old = [e.ts for e in ordered(taken)][: -view.max_events]
            if event.ts < newest - view.lateness or (too_old and event.ts <= too_old[-1]):
                continue
            again = [e for e in taken if event.id is not None and e.id == event.id]
            if any(e.ts >= newest - view.lateness and (not too_old or e.ts > too_old[-1]) for e in again):
                continue
        taken.append(event)
    return ordered(taken)


def ordered(events):
    return sorted(events, key=lambda event: event.ts)


def exact(numbers):
    return float(sum(map(Fraction, numbers), Fraction(0)))


def window_of(feature, view, events, t):
    """Events in a feature's window at t, and whether one that was given up may be missing."""
    window = feature.window
    kept, gone = events[-view.max_events :], events[: -view.max_events]
    if isinstance(window, AllTime):
        return run(events, view.ttl), False
    if isinstance(window, Session):
        session = run([*events, Event(t, -1)], window.gap)[:-1]
        inside = [e for e in session if e.ts >= t - window.longest]
        return inside, any(e in gone for e in inside)
    begin, end = t - window.delay - window.seconds, t - window.delay
    return [e for e in kept if begin <= e.ts < end], any(e.ts >= begin for e in gone)


def run(events, gap):
    """The last events without a pause longer than the gap."""
    begin = 0
    for i, (one, other) in enumerate(itertools.pairwise(events), start=1):
        if other.ts - one.ts > gap:
            begin = i
    return events[begin:]


def since(t, ts):
    """Seconds between two instants, both whole microseconds: the difference is rounded once."""
    return (round(t * 1e6) - round(ts * 1e6)) / 1e6


def aggregate(feature, events, t):  # noqa: C901, PLR0911 a case for each aggregation
    rows = [e for e in events if all(holds(condition, e) for condition in feature.where)]
    if feature.field is not None:
        rows = [e for e in rows if e.field(feature.field) is not None]
    numbers = [e.field(feature.field) for e in rows] if feature.field else []
    match feature.aggregation.value:
        case "count":
            return len(rows)
        case "sum":
            return exact(numbers)
        case "mean":
            return exact(numbers) / len(numbers) if numbers else None
        case "min":
            return min(numbers, default=None)
        case "max":
            return max(numbers, default=None)
        case "last":
            return numbers[-1] if numbers else None
        case "distinct":
            return len(set(numbers))
        case "time_since_last":
            return since(t, rows[-1].ts) if rows else None
        case "rate":
            if not rows:
                return 0.0
            return len(rows) / (getattr(feature.window, "seconds", None) or since(t, rows[0].ts))
    raise AssertionError(feature.aggregation)


@dataclass
class Expected:
    values: dict = field(default_factory=dict)
    incomplete: set = field(default_factory=set)
    event_ts: float | None = None


def read(view, taken, t):
    """Features at t, of events that `admitted` gave."""
    events = [e for e in taken if e.ts < t]
    if not events or t - events[-1].ts > view.ttl:
        return Expected({feature.name: None for feature in view.features})
    expected = Expected(event_ts=events[-1].ts)
    for feature in view.features:
        if feature.over:
            continue
        inside, lost = window_of(feature, view, events, t)
        expected.values[feature.name] = None if lost else aggregate(feature, inside, t)
        if lost:
            expected.incomplete.add(feature.name)
    for feature in view.features:
        if feature.over:
            one, other = (expected.values[name] for name in feature.over)
            expected.values[feature.name] = None if one is None or not other else one / other
            if expected.incomplete.intersection(feature.over):
                expected.incomplete.add(feature.name)
    return expected
