"""Rolling windows over one source's channels: by number of events and by event time."""

from stream_app.core.windows.rolling import RollingWindow
from stream_app.core.windows.summary import DEFAULT_QUANTILES, WindowSummary, flat_summaries, summarise

__all__ = ["DEFAULT_QUANTILES", "RollingWindow", "WindowSummary", "flat_summaries", "summarise"]
