"""Input and outcome of the session monitor."""

from dataclasses import dataclass
from typing import NamedTuple

from stream_app.events import SessionRow
from stream_app.monitors.base import EventArrivals, Refusal

__all__ = ["LogChange", "SessionArrivals", "SessionOutcome"]


class SessionArrivals(EventArrivals[SessionRow]):
    """Decoded events of one partition with the records they came in, column by column.

    Parameters
    ----------
    rows : list of SessionRow
        The events, of any entities, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    __slots__ = ()


class LogChange(NamedTuple):
    """The new log of one entity in one view, to be stored in place of the one it was made of.

    A tuple, because up to one is made for every event.

    Parameters
    ----------
    entity : str
        The entity.
    view : str
        Name and version, such as ``purchases:v1``.
    log : bytes
        The whole log, as `EntityLog.encode` gives it.
    base : tuple of (int, int) or None
        Partition (`LogId.number`) and offset of the last event in the log it was made of; None if there was none. Whoever
        stores it compares: another log in its place means that somebody else wrote.
    last : tuple of (int, int)
        The same, of the new log. A log that is there already is the result of an earlier try.
    event_ts : float
        Time of the newest event in it, in epoch seconds.
    """

    entity: str
    view: str
    log: bytes
    base: tuple[int, int] | None
    last: tuple[int, int]
    event_ts: float


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """Result of one update.

    Parameters
    ----------
    changes : list of LogChange
        One for each entity and view that changed.
    refusals : list of Refusal
        Events that no view took, and why; those that came before are not among them.
    repeated : int
        Events that came before, and changed nothing.
    partly : int
        Events that some views refused and others took.
    """

    changes: list[LogChange]
    refusals: list[Refusal]
    repeated: int = 0
    partly: int = 0
