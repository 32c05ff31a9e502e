"""Input and outcome of the platform monitor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeAlias

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.history import ClosedBuckets
from stream_app.core.platform import Series, WindowResult
from stream_app.events import Alert
from stream_app.events.platform import PlatformRow
from stream_app.monitors.base import EventArrivals, Refusal

__all__ = ["Arrivals", "ClosedWindow", "Looks", "Outcome", "Watch"]

Watch: TypeAlias = Callable[[str, Sequence[Series], WindowResult], None]
"""Told a platform, its series, and what the detector says of a window that closed."""


class Arrivals(EventArrivals[PlatformRow]):
    """Decoded samples, completions of queries and changes of any platforms, with their records.

    Parameters
    ----------
    rows : list of PlatformRow
        In the order of their offsets; those of one record have the same.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    __slots__ = ()

    @property
    def sources(self) -> list[str]:
        """Platform of each row."""
        return [row.source for row in self.rows]

    def at(self, rows: Sequence[int]) -> Self:
        """Return the rows at some positions, ascending."""
        return type(self)(
            [self.rows[i] for i in rows], [self.offsets[i] for i in rows], [self.record_ts[i] for i in rows]
        )


class ClosedWindow(NamedTuple):
    """A window that closed.

    Parameters
    ----------
    row : int
        Place among the arrivals of the row by which it closed.
    end : float
        Its end, epoch seconds.
    values : array, shape (n,)
        Value of each series; NaN where it has none.
    forgotten : list of int
        Slots of series that others may take the places of from now on.
    """

    row: int
    end: float
    values: FloatArray
    forgotten: list[int]


@dataclass(frozen=True, slots=True)
class Looks:
    """Moments at which a platform is judged: where a window closes, or refused rows are told.

    Parameters
    ----------
    source : str
        Name of the platform.
    ts : array, shape (n,)
        Event times in epoch seconds.
    offsets : array, shape (n,)
        Offsets of the records by which they came.
    """

    source: str
    ts: FloatArray
    offsets: IntArray

    def course(self, channel: str, row: int) -> None:
        """Return None: what alerts about a platform tell is of many series, and no channel has it."""

    @classmethod
    def of(cls, source: str, looks: Sequence[tuple[float, int]]) -> Self:
        """Make them of pairs of a time and an offset."""
        ts, offsets = [ts for ts, _ in looks], [offset for _, offset in looks]
        return cls(source, np.array(ts, dtype=np.float64), np.array(offsets, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update of one platform.

    Parameters
    ----------
    source : str
        Name of the platform.
    last : int or None
        Offset of the last record of which something was counted; None if there was none.
    refusals : list of Refusal
        Rows that were set aside, and why.
    alerts : list of Alert
        Alerts that began, rose or ended, in the order of their events.
    history : list of ClosedBuckets
        What is added to the history of the platform.
    """

    source: str
    last: int | None
    refusals: list[Refusal]
    alerts: list[Alert]
    history: list[ClosedBuckets] = field(default_factory=list)

    @property
    def counted(self) -> Mapping[str, int]:
        """The platform, with the offset of its last record of which something was counted; nothing where there was none."""
        return {} if self.last is None else {self.source: self.last}
