"""Feature views away from the stream: names people give, training rows as of past instants."""

from stream_app.features.history import HistoryRow, Recorded, point_in_time
from stream_app.features.reference import Selected, select_features

__all__ = ["HistoryRow", "Recorded", "Selected", "point_in_time", "select_features"]
