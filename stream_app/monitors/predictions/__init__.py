"""The prediction monitor."""

from stream_app.monitors.predictions.arrivals import Arrivals, PredictionBatch
from stream_app.monitors.predictions.monitor import PredictionMonitor
from stream_app.monitors.predictions.outcome import Outcome

__all__ = [
    "Arrivals",
    "Outcome",
    "PredictionBatch",
    "PredictionMonitor",
]
