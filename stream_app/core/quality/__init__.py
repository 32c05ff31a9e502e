"""Data quality of one source: ranges, missing and stuck values, arrival rate, schema."""

from stream_app.core.quality.monitor import QualityMonitor
from stream_app.core.quality.options import QualityOptions
from stream_app.core.quality.report import ChannelQuality, QualityReport
from stream_app.core.quality.upgrade import in_columns

__all__ = ["ChannelQuality", "QualityMonitor", "QualityOptions", "QualityReport", "in_columns"]
