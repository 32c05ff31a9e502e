"""For programs that use what Streamgauge writes; each name is loaded when it is first asked for."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.client.features import AsyncFeatureClient, FeatureClient, Instant
    from stream_app.client.positions import Start
    from stream_app.client.subscriber import AlertSubscriber
    from stream_app.core.features import FeatureView, Freshness, OnlineFeatures, OnlineValue
    from stream_app.core.history import Series
    from stream_app.errors import (
        BrokerError,
        BrokerUnavailableError,
        DataError,
        SettingsError,
        StateError,
        StoreError,
        StoreUnavailableError,
        StreamgaugeError,
        UnknownFeatureError,
    )
    from stream_app.events.alert import Alert
    from stream_app.events.excerpt import Excerpt
    from stream_app.events.incident import AlertState, Incident, Severity
    from stream_app.settings import KafkaSettings, RedisSettings
    from stream_app.store import FeatureRow

__all__ = [
    "Alert",
    "AlertState",
    "AlertSubscriber",
    "AsyncFeatureClient",
    "BrokerError",
    "BrokerUnavailableError",
    "DataError",
    "Excerpt",
    "FeatureClient",
    "FeatureRow",
    "FeatureView",
    "Freshness",
    "Incident",
    "Instant",
    "KafkaSettings",
    "OnlineFeatures",
    "OnlineValue",
    "RedisSettings",
    "Series",
    "SettingsError",
    "Severity",
    "Start",
    "StateError",
    "StoreError",
    "StoreUnavailableError",
    "StreamgaugeError",
    "UnknownFeatureError",
]

_MODULES = {
    "Alert": "events.alert",
    "AlertState": "events.incident",
    "AlertSubscriber": "client.subscriber",
    "AsyncFeatureClient": "client.features",
    "BrokerError": "errors",
    "BrokerUnavailableError": "errors",
    "DataError": "errors",
    "Excerpt": "events.excerpt",
    "FeatureClient": "client.features",
    "FeatureRow": "store",
    "FeatureView": "core.features",
    "Freshness": "core.features",
    "Incident": "events.incident",
    "Instant": "client.features",
    "KafkaSettings": "settings",
    "OnlineFeatures": "core.features",
    "OnlineValue": "core.features",
    "RedisSettings": "settings",
    "Series": "core.history",
    "SettingsError": "errors",
    "Severity": "events.incident",
    "Start": "client.positions",
    "StateError": "errors",
    "StoreError": "errors",
    "StoreUnavailableError": "errors",
    "StreamgaugeError": "errors",
    "UnknownFeatureError": "errors",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
