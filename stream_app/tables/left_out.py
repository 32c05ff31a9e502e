"""Rows that are no events: left out, counted by their reason, and the first of each named."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError

__all__ = ["LeftOut", "RowFilter"]

B = TypeVar("B", bound=Sized)


@dataclass(slots=True)
class LeftOut:
    """How many rows were left out why.

    Examples
    --------
    >>> left = LeftOut()
    >>> left.add("no entity", 3, "shop.csv:17")
    >>> left.counts, left.first
    ({'no entity': 3}, {'no entity': 'shop.csv:17'})
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, count: int, where: str) -> None:
        """Count rows."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.first.setdefault(reason, where)

    @property
    def summary(self) -> Mapping[str, int]:
        """How many, by reason and first place."""
        return {f"{reason} (first: {self.first[reason]})": n for reason, n in self.counts.items()}

    def check(self, batches: Iterable[B]) -> Iterator[B]:
        """Hand batches on, and see at their end that not every row was left out.

        Raises
        ------
        SourceError
            When no row of all is an event.
        """
        before, events = sum(self.counts.values()), 0
        for batch in batches:
            events += len(batch)
            yield batch
        if not events and sum(self.counts.values()) > before:
            reasons = "; ".join(f"{n:,}, {reason}" for reason, n in self.summary.items())
            raise SourceError(f"no row is an event: {reasons}")


@dataclass(slots=True)
class RowFilter:
    """The rows of one block: each is left out for the first reason that is found.

    Parameters
    ----------
    rows : int
    where : callable
        Turns a row into ``file:line``.
    left : LeftOut
        Where rows are counted.

    Attributes
    ----------
    kept : ndarray of bool (rows,)
    """

    rows: int
    where: Callable[[int], str]
    left: LeftOut
    kept: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.kept = np.ones(self.rows, dtype=np.bool_)

    def refuse(self, bad: npt.NDArray[np.bool_], reason: str) -> None:
        """Leave out some rows."""
        fresh = np.flatnonzero(bad & self.kept)
        if len(fresh):
            self.left.add(reason, len(fresh), self.where(int(fresh[0])))
            self.kept[fresh] = False
