"""Feature views outside a worker: point-in-time training rows, and skew between training and serving."""

from stream_app.features.history import HistoryRow, Recorded, point_in_time
from stream_app.features.skew import FeatureSkew, judge_skew, skew

__all__ = ["FeatureSkew", "HistoryRow", "Recorded", "judge_skew", "point_in_time", "skew"]
