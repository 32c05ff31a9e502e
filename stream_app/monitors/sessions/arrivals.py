"""What a session monitor takes."""

from dataclasses import dataclass, field

from stream_app.events import SessionRow

__all__ = ["SessionArrivals"]


@dataclass(slots=True)
class SessionArrivals:
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

    rows: list[SessionRow] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    record_ts: list[float] = field(default_factory=list)
