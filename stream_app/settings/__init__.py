"""Settings: environment variables ``STREAMGAUGE_*`` over one file, ``streamgauge.toml``."""

from stream_app.settings.dashboard import DashboardSettings
from stream_app.settings.detectors import DetectorSettings, refused_modules
from stream_app.settings.durations import Duration, parse_duration
from stream_app.settings.kinds import StreamSettings
from stream_app.settings.loading import Settings, load_settings
from stream_app.settings.predictions import FairnessSettings, PredictionStream, RetrainingSettings
from stream_app.settings.servers import KafkaSettings, RedisSettings
from stream_app.settings.streams import (
    ChannelSettings,
    ImageStream,
    SensorStream,
    SessionStream,
)
from stream_app.settings.table import Stream
from stream_app.settings.tls import TlsFiles, tls_context, tls_problem
from stream_app.settings.views import ConditionSettings, FeatureSettings, ViewSettings
from stream_app.settings.worker import WorkerSettings

__all__ = [
    "ChannelSettings",
    "ConditionSettings",
    "DashboardSettings",
    "DetectorSettings",
    "Duration",
    "FairnessSettings",
    "FeatureSettings",
    "ImageStream",
    "KafkaSettings",
    "PredictionStream",
    "RedisSettings",
    "RetrainingSettings",
    "SensorStream",
    "SessionStream",
    "Settings",
    "Stream",
    "StreamSettings",
    "TlsFiles",
    "ViewSettings",
    "WorkerSettings",
    "load_settings",
    "parse_duration",
    "refused_modules",
    "tls_context",
    "tls_problem",
]
