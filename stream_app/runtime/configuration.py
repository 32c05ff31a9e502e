"""From the settings of a stream to what its monitor is told."""

from stream_app.monitors.sensors import ExtraDetector, SensorConfig
from stream_app.settings import SensorStream

__all__ = ["monitor_config"]


def monitor_config(name: str, stream: SensorStream) -> SensorConfig:
    """Translate the settings of a stream.

    Examples
    --------
    >>> monitor_config("pumps", SensorStream(channels=["flow"], budget="1 per week")).channels
    ('flow',)
    """
    return SensorConfig(
        stream=name,
        channels=stream.channel_names,
        limits=stream.limits,
        budget=stream.budget,
        sources=stream.expected_sources,
        warmup=stream.warmup,
        window_seconds=stream.window,
        window_rows=stream.window_rows,
        lateness=stream.lateness,
        max_future=stream.max_future,
        silent_after=stream.silent_after,
        cooldown=stream.cooldown,
        resolve_after=stream.resolve_after,
        extra=tuple(ExtraDetector(**detector.model_dump()) for detector in stream.detectors),
    )
