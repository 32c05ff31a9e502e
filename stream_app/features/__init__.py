"""Feature views away from the stream: training rows as of past instants."""

from stream_app.features.history import HistoryRow, Recorded, point_in_time

__all__ = ["HistoryRow", "Recorded", "point_in_time"]
