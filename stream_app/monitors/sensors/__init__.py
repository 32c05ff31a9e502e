"""The sensor monitor."""

from stream_app.monitors.sensors.batch import SensorBatch
from stream_app.monitors.sensors.config import RiverChoice, SensorConfig
from stream_app.monitors.sensors.intake import Arrivals, Intake, Refusal
from stream_app.monitors.sensors.monitor import SensorMonitor
from stream_app.monitors.sensors.outcome import Outcome

__all__ = [
    "Arrivals",
    "Intake",
    "Outcome",
    "Refusal",
    "RiverChoice",
    "SensorBatch",
    "SensorConfig",
    "SensorMonitor",
]
