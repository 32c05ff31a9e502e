"""Rolling windows over a source's channels, by number of events and by event time, and their statistics."""

from stream_app.core.windows.ring import RING, window_layout, window_places, window_push
from stream_app.core.windows.summary import STATISTICS, summarise

__all__ = ["RING", "STATISTICS", "summarise", "window_layout", "window_places", "window_push"]
