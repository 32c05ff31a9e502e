"""The monitor of data platforms: windows over many metrics and queries, incidents and their causes."""

from stream_app.monitors.platform.monitor import PlatformMonitor
from stream_app.monitors.platform.outcome import Arrivals, Outcome

__all__ = ["Arrivals", "Outcome", "PlatformMonitor"]
