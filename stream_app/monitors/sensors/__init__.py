"""The sensor monitor."""

from stream_app.monitors.sensors.batch import SensorBatch
from stream_app.monitors.sensors.config import ExtraDetector, SensorConfig
from stream_app.monitors.sensors.intake import Arrivals, Intake, Refusal
from stream_app.monitors.sensors.monitor import SensorMonitor
from stream_app.monitors.sensors.outcome import Outcome
from stream_app.monitors.sensors.recency import Forgotten, Recency
from stream_app.monitors.sensors.scores import EventScores

__all__ = [
    "Arrivals",
    "EventScores",
    "ExtraDetector",
    "Forgotten",
    "Intake",
    "Outcome",
    "Recency",
    "Refusal",
    "SensorBatch",
    "SensorConfig",
    "SensorMonitor",
]
