"""The sensor monitor."""

from stream_app.monitors.sensors.assembled import AssembledMonitor
from stream_app.monitors.sensors.monitor import SensorMonitor
from stream_app.monitors.sensors.outcome import EventScores, Outcome
from stream_app.monitors.sensors.placement import MAX_LEARNED_CHANNELS

__all__ = ["MAX_LEARNED_CHANNELS", "AssembledMonitor", "EventScores", "Outcome", "SensorMonitor"]
