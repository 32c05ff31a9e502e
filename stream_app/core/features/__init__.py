"""Feature views: windows over an entity's events, exact at the instant they are read."""

from stream_app.core.features.batch import BatchEvaluator, Readings, compile_reading
from stream_app.core.features.evaluate import Evaluator, Freshness, Reading
from stream_app.core.features.layout import Cells, Layout, mark
from stream_app.core.features.log import STAMP, EntityLog, Verdict, stamp
from stream_app.core.features.online import Column, OnlineFeatures, OnlineValue, ViewReadings
from stream_app.core.features.reference import Selected, select_features
from stream_app.core.features.view import Aggregation, Condition, Feature, FeatureView
from stream_app.core.features.windows import DAY, AllTime, Session, Sliding, Window, micros

__all__ = [
    "DAY",
    "STAMP",
    "Aggregation",
    "AllTime",
    "BatchEvaluator",
    "Cells",
    "Column",
    "Condition",
    "EntityLog",
    "Evaluator",
    "Feature",
    "FeatureView",
    "Freshness",
    "Layout",
    "OnlineFeatures",
    "OnlineValue",
    "Reading",
    "Readings",
    "Selected",
    "Session",
    "Sliding",
    "Verdict",
    "ViewReadings",
    "Window",
    "compile_reading",
    "mark",
    "micros",
    "select_features",
    "stamp",
]
