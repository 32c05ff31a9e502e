"""What a session monitor takes."""

from stream_app.events import SessionRow
from stream_app.monitors.arrivals import EventArrivals

__all__ = ["SessionArrivals"]


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
