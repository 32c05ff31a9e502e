"""Completions of queries in aligned windows: per class of queries, and over all, how many, how long, how much CPU, how many failed.

Times are logarithms: those of one class spread over orders of magnitude, and their mean shall say what is usual.
"""

import hashlib
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.series import WHOLE, Series
from stream_app.core.platform.stored import expect, stored_array
from stream_app.core.versions import expect_version

__all__ = ["FIGURES", "QueryFigures", "QueryIds", "QueryWindows", "query_series"]

_VERSION = 1

_LEAST_SECONDS = 0.001
"""Times are told in milliseconds."""

FIGURES: tuple[tuple[str, bool | None], ...] = (
    ("count", None),
    ("log_wall", True),
    ("log_cpu", True),
    ("queued", True),
    ("failures", True),
)
"""What is computed of the queries of a class in a window, and whether a rise is bad: their number, the means of the logarithms
of wall and CPU seconds and of the seconds in the queue, and the share that failed."""


class QueryFigures(NamedTuple):
    """What counts of a completed query.

    Parameters
    ----------
    wall, cpu, queued : float
        Seconds; NaN where they are not known.
    failed : bool
        Whether it failed.
    """

    wall: float
    cpu: float
    queued: float
    failed: bool


def query_series(name: str) -> list[Series]:
    """Return the series of a class of queries, or of all (`WHOLE`), in the order of `FIGURES`."""
    of = "node" if name == WHOLE else "query class"
    return [Series(name, figure, "queries", of, worse) for figure, worse in FIGURES]  # type: ignore[arg-type]


class QueryWindows:
    """Sums over the queries of each class in the open windows.

    Parameters
    ----------
    open_windows : int
        Windows that may be open at a time.

    Examples
    --------
    >>> windows = QueryWindows(2)
    >>> class_a = windows.add()
    >>> for wall, failed in ((1.0, False), (math.e ** 2, True)):
    ...     windows.take(class_a, 7, QueryFigures(wall, math.nan, 0.5, failed))
    >>> windows.close(7)[class_a].round(3).tolist()
    [2.0, 1.0, nan, 0.5, 0.5]
    """

    def __init__(self, open_windows: int) -> None:
        self._open = open_windows
        # Sums of each figure, and how many it is known of.
        self._sums = np.zeros((open_windows, 4, len(FIGURES), 2))
        self._count = 0

    def __len__(self) -> int:
        """Return how many classes there are."""
        return self._count

    def add(self) -> int:
        """Add a class, and return its place."""
        place = self._count
        if place == self._sums.shape[1]:
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)], axis=1)
        self._count += 1
        return place

    def reset(self, place: int) -> None:
        """Let another class have a place."""
        self._sums[:, place] = 0.0

    def take(self, place: int, window: int, figures: QueryFigures) -> None:
        """Count a query in a window."""
        sums = self._sums[window % self._open, place]
        sums[0] += 1.0
        for row, seconds in ((1, _log(figures.wall)), (2, _log(figures.cpu)), (3, figures.queued)):
            if math.isfinite(seconds):
                sums[row, 0] += seconds
                sums[row, 1] += 1.0
        sums[4, 0] += figures.failed
        sums[4, 1] += 1.0

    def close(self, window: int) -> FloatArray:
        """Close a window, and return the figures of each class, shape (classes, figures); NaN where there is no query.

        Their number is 0 then.
        """
        sums = self._sums[window % self._open]
        taken = sums[: self._count]
        values = np.full(taken.shape[:2], np.nan)
        np.divide(taken[..., 0], taken[..., 1], out=values, where=taken[..., 1] > 0.0)
        values[:, 0] = taken[:, 0, 0]
        sums[:] = 0.0
        return values

    def has(self, window: int) -> bool:
        """Whether a window has a query."""
        return bool(self._sums[window % self._open, :, 0, 0].any())

    @property
    def empty(self) -> bool:
        """Whether no open window has a query."""
        return not self._sums[:, :, 0, 0].any()

    def clear(self) -> None:
        """Forget what is open."""
        self._sums[:] = 0.0

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {"version": _VERSION, "sums": self._sums[:, : self._count].copy()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; what is open is lost where the number of open windows is another one now.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the query windows")
        sums = stored_array(state["sums"], (None, None, *self._sums.shape[2:]), "sums of queries")
        self._count = sums.shape[1]
        self._sums = np.zeros((self._open, max(4, 2 * self._count), len(FIGURES), 2))
        if len(sums) == self._open:
            self._sums[:, : self._count] = sums


class QueryIds:
    """The ids of the newest queries, so that one that is told again counts once.

    Parameters
    ----------
    most : int
        Ids that are kept, the newest ones.

    Examples
    --------
    >>> ids = QueryIds(1000)
    >>> [ids.is_new(name) for name in ("a", "b", "a")]
    [True, True, False]
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._order: deque[int] = deque()
        self._known: set[int] = set()

    def is_new(self, name: str) -> bool:
        """Return whether an id is none of those kept, and keep it."""
        # A hash of Python differs from process to process.
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        if number in self._known:
            return False
        self._known.add(number)
        self._order.append(number)
        if len(self._order) > self._most:
            self._known.discard(self._order.popleft())
        return True

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {"version": _VERSION, "ids": np.array(self._order, dtype=np.uint64)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the query ids")
        stored = stored_array(state["ids"], (None,), "ids of queries", dtype=np.uint64)
        ids: Sequence[int] = stored.tolist()
        expect(len(set(ids)) == len(ids), "ids of queries")
        self._order = deque(ids[-self._most :])
        self._known = set(self._order)


def _log(seconds: float) -> float:
    return math.log(max(seconds, _LEAST_SECONDS))
