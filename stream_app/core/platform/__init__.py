"""A data platform: many metrics of many nodes in aligned windows, judged together."""

from stream_app.core.platform.detector import PlatformDetector
from stream_app.core.platform.series import WHOLE, Cause, Change, Episode, Series, WindowResult

__all__ = ["WHOLE", "Cause", "Change", "Episode", "PlatformDetector", "Series", "WindowResult"]
