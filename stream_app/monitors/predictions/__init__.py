"""The prediction monitor."""

from stream_app.monitors.predictions.monitor import PredictionMonitor
from stream_app.monitors.predictions.outcome import Arrivals, Outcome, PredictionBatch

__all__ = [
    "Arrivals",
    "Outcome",
    "PredictionBatch",
    "PredictionMonitor",
]
