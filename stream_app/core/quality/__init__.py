"""Data quality of one source: ranges, missing and stuck values, arrival rate, schema."""

from stream_app.core.quality.arrivals import advance
from stream_app.core.quality.monitor import QualityMonitor
from stream_app.core.quality.options import QUALITY_OPTIONS, QualityOptions, quality_options
from stream_app.core.quality.records import (
    DETECTORS,
    QUALITY_CHANNEL,
    QUALITY_SOURCE,
    most_signals,
    quality_layout,
)
from stream_app.core.quality.report import ChannelQuality, QualityReport
from stream_app.core.quality.signals import quality_signal
from stream_app.core.quality.step import quality_step

__all__ = [
    "DETECTORS",
    "QUALITY_CHANNEL",
    "QUALITY_OPTIONS",
    "QUALITY_SOURCE",
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
