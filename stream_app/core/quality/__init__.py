"""Data quality of one source: ranges, missing and stuck values, arrival rate, schema."""

from stream_app.core.quality.arrivals import advance
from stream_app.core.quality.monitor import QualityMonitor
from stream_app.core.quality.options import QUALITY_OPTIONS, QualityOptions, quality_options
from stream_app.core.quality.records import (
    BEGINS,
    DETECTORS,
    ENDS,
    QUALITY_CHANNEL,
    QUALITY_SOURCE,
    REFUSED,
    WHOLE,
    most_signals,
    quality_layout,
)
from stream_app.core.quality.report import ChannelQuality, QualityReport
from stream_app.core.quality.signals import quality_signal
from stream_app.core.quality.step import quality_step

__all__ = [
    "BEGINS",
    "DETECTORS",
    "ENDS",
    "QUALITY_CHANNEL",
    "QUALITY_OPTIONS",
    "QUALITY_SOURCE",
    "REFUSED",
    "WHOLE",
    "ChannelQuality",
    "QualityMonitor",
    "QualityOptions",
    "QualityReport",
    "advance",
    "most_signals",
    "quality_layout",
    "quality_options",
    "quality_signal",
    "quality_step",
]
