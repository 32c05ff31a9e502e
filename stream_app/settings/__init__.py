"""Settings: environment variables ``STREAMGAUGE_*`` over one file, ``streamgauge.toml``."""

from stream_app.settings.durations import Duration, parse_duration
from stream_app.settings.loading import Settings, WorkerSettings, load_settings
from stream_app.settings.servers import KafkaSettings, RedisSettings
from stream_app.settings.streams import ChannelSettings, DetectorSettings, SensorStream

__all__ = [
    "ChannelSettings",
    "DetectorSettings",
    "Duration",
    "KafkaSettings",
    "RedisSettings",
    "SensorStream",
    "Settings",
    "WorkerSettings",
    "load_settings",
    "parse_duration",
]
