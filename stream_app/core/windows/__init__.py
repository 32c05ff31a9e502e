"""Rolling windows over one source's channels, by number of events and by event time, and their statistics."""

from stream_app.core.windows.rolling import RollingWindow
from stream_app.core.windows.summary import flat_summaries

__all__ = ["RollingWindow", "flat_summaries"]
