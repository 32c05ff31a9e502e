"""Feature views away from the stream: training rows as of past instants, and their skew against what is served."""

from stream_app.features.history import HistoryRow, Recorded, point_in_time
from stream_app.features.skew import FeatureSkew, skew

__all__ = ["FeatureSkew", "HistoryRow", "Recorded", "point_in_time", "skew"]
