"""Classes of queries of one platform: their completions by window, and the series that these are."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stream_app.core.arrays import FloatArray
from stream_app.core.platform import WHOLE, Series
from stream_app.core.platform.queries import FIGURES, QueryFigures, QueryIds, QueryWindows, query_series
from stream_app.core.platform.stored import expect, stored_count, stored_number
from stream_app.events.platform import QueryCompletion

__all__ = ["QueryClass", "QueryClasses"]


class QueryClass(NamedTuple):
    """A class of queries.

    Parameters
    ----------
    place : int
        In the windows of queries.
    slots : tuple of int
        Slots of its series, in the order of `FIGURES`.
    pattern : str
        Its shape, without literals.
    seen : float
        When a query of it completed last, epoch seconds.
    """

    place: int
    slots: tuple[int, ...]
    pattern: str
    seen: float


class QueryClasses:
    """Classes of queries, and all queries together.

    Parameters
    ----------
    most : int
        Classes that are kept; queries of others count in the whole alone.
    open_windows : int
        Windows that may be open at a time.
    """

    def __init__(self, most: int, open_windows: int) -> None:
        self._most = most
        self.windows = QueryWindows(open_windows)
        self.ids = QueryIds()
        self.completions = 0
        self.classes: dict[str, QueryClass] = {}
        """By name; `WHOLE` is the first."""

    def __contains__(self, name: str) -> bool:
        return name in self.classes

    def add(self, row: QueryCompletion, slot_of: Callable[[Series], int]) -> None:
        """Give the class of a query its series, and the whole its own before; where there is room.

        Parameters
        ----------
        row : QueryCompletion
            The first query of a class.
        slot_of : callable
            Gives a series a slot.
        """
        if WHOLE not in self.classes:
            self._add(WHOLE, "", row.ts, slot_of)
        if len(self.classes) <= self._most:
            self._add(row.query_class, row.pattern, row.ts, slot_of)

    def _add(self, name: str, pattern: str, ts: float, slot_of: Callable[[Series], int]) -> None:
        taken = {one.place for one in self.classes.values()}
        place = next((place for place in range(len(self.windows)) if place not in taken), None)
        if place is None:
            place = self.windows.add()
        self.windows.reset(place)
        slots = tuple(slot_of(series) for series in query_series(name))
        self.classes[name] = QueryClass(place, slots, pattern, ts)

    def count(self, row: QueryCompletion, window: int) -> None:
        """Count a query in a window."""
        figures = QueryFigures(row.wall, row.cpu, row.queued, bool(row.error) or row.state == "FAILED")
        self.completions += 1
        for name in (row.query_class, WHOLE):
            known = self.classes.get(name)
            if known is not None:
                self.windows.take(known.place, window, figures)
                self.classes[name] = known._replace(seen=max(known.seen, row.ts))

    def close(self, window: int, values: FloatArray) -> None:
        """Close a window, and set the values of all series of classes."""
        figures = self.windows.close(window)
        for one in self.classes.values():
            values[list(one.slots)] = figures[one.place]

    def forget(self, before: float) -> list[int]:
        """Forget classes of which no query completed since a time, and return their slots."""
        gone: list[int] = []
        for name in [name for name, one in self.classes.items() if one.seen < before]:
            gone += self.classes.pop(name).slots
        return gone

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {
            "windows": self.windows.state(),
            "ids": self.ids.state(),
            "completions": self.completions,
            "classes": [[name, *one] for name, one in self.classes.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        self.windows.restore(state["windows"])
        self.ids.restore(state["ids"])
        self.completions = stored_count(state["completions"], "queries")
        self.classes = {}
        for name, place, slots, pattern, seen in state["classes"]:
            expect(all(isinstance(text, str) for text in (name, pattern)), "classes of queries")
            self.classes[name] = QueryClass(
                stored_count(place, "classes of queries", most=len(self.windows) - 1),
                tuple(stored_count(slot, "classes of queries") for slot in slots),
                pattern,
                stored_number(seen, "classes of queries"),
            )
        places = {one.place for one in self.classes.values()}
        expect(len(places) == len(self.classes) == len(state["classes"]), "classes of queries")
        expect(all(len(one.slots) == len(FIGURES) for one in self.classes.values()), "classes of queries")
        expect(not self.classes or next(iter(self.classes)) == WHOLE, "classes of queries")
