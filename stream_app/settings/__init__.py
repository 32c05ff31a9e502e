"""Settings: environment variables ``STREAMGAUGE_*`` over one file, ``streamgauge.toml``."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.settings.channels import (
        AlertmanagerChannel,
        AppriseChannel,
        RouteChannel,
        WebhookChannel,
        channel_names,
        load_channel,
    )
    from stream_app.settings.dashboard import DashboardSettings
    from stream_app.settings.detectors import DetectorSettings, refused_modules
    from stream_app.settings.durations import Duration, parse_duration
    from stream_app.settings.formats import (
        AvroFormat,
        CsvLineFormat,
        JsonFormat,
        JsonSchemaFormat,
        MessageFormat,
        MessagePackFormat,
        ProtobufFormat,
        format_names,
        load_format,
    )
    from stream_app.settings.kinds import StreamSettings
    from stream_app.settings.loading import Settings, load_settings
    from stream_app.settings.maintenance import MaintenanceWindow
    from stream_app.settings.mapping import EventMapping, PredictionMapping, SensorMapping, SessionMapping
    from stream_app.settings.matching import Match
    from stream_app.settings.model_registry import ModelRegistrySettings
    from stream_app.settings.mqtt import MqttSettings
    from stream_app.settings.platform import PlatformStream
    from stream_app.settings.predictions import FairnessSettings, PredictionStream, RetrainingSettings
    from stream_app.settings.routes import InhibitSettings, RouteSettings
    from stream_app.settings.schema_registry import SchemaRegistrySettings
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
    "AlertmanagerChannel",
    "AppriseChannel",
    "AvroFormat",
    "ChannelSettings",
    "ConditionSettings",
    "CsvLineFormat",
    "DashboardSettings",
    "DetectorSettings",
    "Duration",
    "EventMapping",
    "FairnessSettings",
    "FeatureSettings",
    "ImageStream",
    "InhibitSettings",
    "JsonFormat",
    "JsonSchemaFormat",
    "KafkaSettings",
    "MaintenanceWindow",
    "Match",
    "MessageFormat",
    "MessagePackFormat",
    "ModelRegistrySettings",
    "MqttSettings",
    "PlatformStream",
    "PredictionMapping",
    "PredictionStream",
    "ProtobufFormat",
    "RedisSettings",
    "RetrainingSettings",
    "RouteChannel",
    "RouteSettings",
    "SchemaRegistrySettings",
    "SensorMapping",
    "SensorStream",
    "SessionMapping",
    "SessionStream",
    "Settings",
    "Stream",
    "StreamSettings",
    "TlsFiles",
    "ViewSettings",
    "WebhookChannel",
    "WorkerSettings",
    "channel_names",
    "format_names",
    "load_channel",
    "load_format",
    "load_settings",
    "parse_duration",
    "refused_modules",
    "tls_context",
    "tls_problem",
]

_MODULES = {
    "AlertmanagerChannel": "settings.channels",
    "AppriseChannel": "settings.channels",
    "AvroFormat": "settings.formats",
    "ChannelSettings": "settings.streams",
    "ConditionSettings": "settings.views",
    "CsvLineFormat": "settings.formats",
    "DashboardSettings": "settings.dashboard",
    "DetectorSettings": "settings.detectors",
    "Duration": "settings.durations",
    "EventMapping": "settings.mapping",
    "FairnessSettings": "settings.predictions",
    "FeatureSettings": "settings.views",
    "ImageStream": "settings.streams",
    "InhibitSettings": "settings.routes",
    "JsonFormat": "settings.formats",
    "JsonSchemaFormat": "settings.formats",
    "KafkaSettings": "settings.servers",
    "MaintenanceWindow": "settings.maintenance",
    "Match": "settings.matching",
    "MessageFormat": "settings.formats",
    "MessagePackFormat": "settings.formats",
    "ModelRegistrySettings": "settings.model_registry",
    "MqttSettings": "settings.mqtt",
    "PlatformStream": "settings.platform",
    "PredictionMapping": "settings.mapping",
    "PredictionStream": "settings.predictions",
    "ProtobufFormat": "settings.formats",
    "RedisSettings": "settings.servers",
    "RetrainingSettings": "settings.predictions",
    "RouteChannel": "settings.channels",
    "RouteSettings": "settings.routes",
    "SchemaRegistrySettings": "settings.schema_registry",
    "SensorMapping": "settings.mapping",
    "SensorStream": "settings.streams",
    "SessionMapping": "settings.mapping",
    "SessionStream": "settings.streams",
    "Settings": "settings.loading",
    "Stream": "settings.table",
    "StreamSettings": "settings.kinds",
    "TlsFiles": "settings.tls",
    "ViewSettings": "settings.views",
    "WebhookChannel": "settings.channels",
    "WorkerSettings": "settings.worker",
    "channel_names": "settings.channels",
    "format_names": "settings.formats",
    "load_channel": "settings.channels",
    "load_format": "settings.formats",
    "load_settings": "settings.loading",
    "parse_duration": "settings.durations",
    "refused_modules": "settings.detectors",
    "tls_context": "settings.tls",
    "tls_problem": "settings.tls",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
