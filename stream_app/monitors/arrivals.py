"""What a monitor takes: decoded events with the records they came in, column by column."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["EventArrivals"]

Row = TypeVar("Row")


@dataclass(slots=True)
class EventArrivals(Generic[Row]):
    """Decoded events with the records they came in; each kind of monitor names its rows.

    Parameters
    ----------
    rows : list
        The events, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    rows: list[Row] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    record_ts: list[float] = field(default_factory=list)
