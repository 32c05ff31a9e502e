"""Feature views away from the stream: training rows as of past instants, and their skew against what is served."""

from stream_app.features.history import HistoryRow, Recorded, point_in_time
from stream_app.features.skew import FeatureSkew, skew
from stream_app.features.skew_alerts import judge_skew

__all__ = ["FeatureSkew", "HistoryRow", "Recorded", "judge_skew", "point_in_time", "skew"]
