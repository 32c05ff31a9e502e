"""Fields of an event that a view's log keeps, so that each feature can be computed when it is read."""

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from stream_app.core.features.view import Aggregation, Condition, Feature, FeatureView
from stream_app.core.features.windows import AllTime, micros

__all__ = ["ALL_ROWS", "Cells", "Layout", "Selector", "mark", "selector"]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge, "in": lambda value, choice: value in choice,
}  # fmt: skip

_new = tuple.__new__
"""Makes a named tuple without the call in Python that its class would be."""

_Test = tuple[str, Callable[[Any, Any], bool], Any, bool | None]


@dataclass(frozen=True, slots=True)
class Selector:
    """Rows of a log that a feature uses: those whose event met the conditions and had the field.

    Parameters
    ----------
    where : tuple of Condition
        Conditions that an event must fulfil.
    number, name : str or None
        A number under this name, or anything under this name, must be there.
    """

    where: tuple[Condition, ...] = ()
    number: str | None = None
    name: str | None = None


ALL_ROWS = Selector()


class Cells(NamedTuple):
    """The kept part of one event; a tuple, because one is made for every event.

    Parameters
    ----------
    flags : tuple of int
        Bytes with a bit for each selector of the layout, set where it takes the event.
    numbers : tuple of float
        A number for each numeric column; 0 where the event has none.
    marks : tuple of int
        A 64-bit hash for each column whose different values are counted; 0 where the event has none.
    """

    flags: tuple[int, ...]
    numbers: tuple[float, ...]
    marks: tuple[int, ...]


def mark(value: str | float) -> int:
    """Return a hash of a text or number, other than 0: 64 bits of BLAKE2b.

    Two of n different values have the same with a probability of n²/2⁶⁵: 3 in 10¹² for ten thousand of them.

    Examples
    --------
    >>> mark("a") == mark("a"), mark(1.0) == mark("1.0"), mark(0.0) == mark(-0.0)
    (True, False, True)
    """
    raw = b"t" + value.encode() if isinstance(value, str) else b"n" + struct.pack("<d", value + 0.0)
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little") or 1


class Layout:
    """The columns of a view's logs.

    Parameters
    ----------
    view : FeatureView
        The view whose logs have this layout.

    Examples
    --------
    >>> view = FeatureView("v", (Feature("spent", "sum", "amount"),), ttl=1e6)
    >>> layout = Layout(view)
    >>> layout.cells("purchase", {"amount": 3.5}, {}), layout.cells("view", {}, {})
    (Cells(flags=(1,), numbers=(3.5,), marks=()), Cells(flags=(0,), numbers=(0.0,), marks=()))
    """

    def __init__(self, view: FeatureView) -> None:
        self.view = view
        self.fingerprint = view.fingerprint
        self.retention = micros(view.retention)
        self.lateness = micros(view.lateness)
        self.ttl = micros(view.ttl)
        self.max_events = view.max_events
        plain = [feature for feature in view.features if feature.aggregation is not Aggregation.RATIO]
        self.numbers = _distinct([f.field for f in plain if f.numeric])
        self.marks = _distinct([f.field for f in plain if f.aggregation is Aggregation.DISTINCT])
        self.selectors = [s for s in dict.fromkeys(map(selector, plain)) if s != ALL_ROWS]
        self.planes = (len(self.selectors) + 7) // 8
        # Totals over all time: of which selectors, and of which numeric columns under them.
        timeless = [f for f in plain if isinstance(f.window, AllTime)]
        self.totals = list(dict.fromkeys((selector(f), f.field if f.numeric else None) for f in timeless))
        self._places = {one: (i >> 3, i & 7) for i, one in enumerate(self.selectors)}
        self._where = _tests(view.where)
        self._takes = [(_tests(s.where), s.number, s.name) for s in self.selectors]
        # Where no feature has conditions, an event with all numbers is taken by all selectors.
        plain_events = not self.marks and not any(s.where or s.name for s in self.selectors)
        self._all_flags = self._flags(None, dict.fromkeys(self.numbers, 0.0), {}) if plain_events else None

    def place(self, selector: Selector) -> tuple[int, int] | None:
        """Return plane and bit of a selector; None if it takes all rows."""
        return self._places.get(selector)

    def cells(
        self, kind: str | None, values: Mapping[str, float | None], attributes: Mapping[str, str | None]
    ) -> Cells | None:
        """Return the kept part of an event, or None if the event does not belong to the view.

        Parameters
        ----------
        kind : str or None
            The event's type.
        values : mapping of str to float or None
            Its numbers: finite, and small enough that their sums are.
        attributes : mapping of str to str or None
            Text attributes of the event, by name.
        """
        if self._where and not _holds(self._where, kind, values, attributes):
            return None
        # + 0.0 makes 0.0 of -0.0, and numbers of None are never looked at. Lists, because generators cost twice as much.
        if self._all_flags is not None:
            found = [values.get(name) for name in self.numbers]
            if None not in found:
                return _new(Cells, (self._all_flags, tuple([number + 0.0 for number in found]), ()))  # type: ignore[operator]
        numbers = tuple([(values.get(name) or 0.0) + 0.0 for name in self.numbers])
        marks = tuple([_mark_of(name, values, attributes) for name in self.marks]) if self.marks else ()
        return Cells(self._flags(kind, values, attributes), numbers, marks)

    def _flags(
        self, kind: str | None, values: Mapping[str, float | None], attributes: Mapping[str, str | None]
    ) -> tuple[int, ...]:
        flags = [0] * self.planes
        for i, (tests, number, name) in enumerate(self._takes):
            if number is not None and values.get(number) is None:
                continue
            if name is not None and attributes.get(name) is None and values.get(name) is None:
                continue
            if not tests or _holds(tests, kind, values, attributes):
                flags[i >> 3] |= 1 << (i & 7)
        return tuple(flags)


def selector(feature: Feature) -> Selector:
    """Return the selector of a feature's rows."""
    if feature.numeric:
        return Selector(feature.where, number=feature.field)
    return Selector(feature.where, name=feature.field)


def _mark_of(name: str, values: Mapping[str, float | None], attributes: Mapping[str, str | None]) -> int:
    found = attributes.get(name)
    if found is not None:
        return mark(found)
    number = values.get(name)
    return 0 if number is None else mark(number)


def _distinct(names: Sequence[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name is not None))


def _tests(where: tuple[Condition, ...]) -> list[_Test]:
    """Return name, comparison, value, and whether that is a text; None where it does not matter."""
    return [
        (
            condition.field,
            _COMPARE[condition.comparison],
            condition.value,
            None if condition.comparison == "in" else isinstance(condition.value, str),
        )
        for condition in where
    ]


def _holds(
    tests: Sequence[_Test],
    kind: str | None,
    values: Mapping[str, float | None],
    attributes: Mapping[str, str | None],
) -> bool:
    for name, compare, value, text in tests:
        found: Any = kind if name == "type" else attributes.get(name)
        if found is None:
            found = values.get(name)
        if found is None or text not in (None, isinstance(found, str)) or not compare(found, value):
            return False
    return True
