"""Streams of image features."""

from stream_app.kinds.kind import Kind
from stream_app.kinds.sensors import check_stream, make_monitor, sample_readings
from stream_app.settings import ImageStream

__all__ = ["IMAGES"]

IMAGES = Kind(
    settings=ImageStream,
    topic=lambda topics: topics.images,
    check=check_stream,
    agent="stream_app.runtime.assembly:reading_agent",
    monitor=make_monitor,
    sample=sample_readings,
    backtest="stream_app.cli.backtest.sensors:prepare",
)
