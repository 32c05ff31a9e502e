"""Streamgauge: a monitor for event streams with a false-alarm budget.

What users of the library need, each loaded when it is first asked for:

>>> import stream_app as sg
>>> sg.DriftDetector(("flow",))  # doctest: +ELLIPSIS
DriftDetector(('flow',), DriftConfig(...))
"""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names
from stream_app.version import __version__

if TYPE_CHECKING:
    from stream_app.backtesting.function import backtest
    from stream_app.backtesting.result import BacktestResult
    from stream_app.client.features import AsyncFeatureClient, FeatureClient
    from stream_app.client.subscriber import AlertSubscriber
    from stream_app.core.anomaly import AnomalyConfig, AnomalyDetector
    from stream_app.core.drift import (
        DriftConfig,
        DriftDetector,
        MultivariateConfig,
        MultivariateDriftDetector,
    )
    from stream_app.core.signals import Signal
    from stream_app.errors import StreamgaugeError
    from stream_app.events.alert import Alert
    from stream_app.monitor import Monitor
    from stream_app.settings import ImageStream, SensorStream, Settings, load_settings

__all__ = [
    "Alert",
    "AlertSubscriber",
    "AnomalyConfig",
    "AnomalyDetector",
    "AsyncFeatureClient",
    "BacktestResult",
    "DriftConfig",
    "DriftDetector",
    "FeatureClient",
    "ImageStream",
    "Monitor",
    "MultivariateConfig",
    "MultivariateDriftDetector",
    "SensorStream",
    "Settings",
    "Signal",
    "StreamgaugeError",
    "__version__",
    "backtest",
    "load_settings",
]

_MODULES = {
    "Alert": "events.alert",
    "AlertSubscriber": "client.subscriber",
    "AnomalyConfig": "core.anomaly",
    "AnomalyDetector": "core.anomaly",
    "AsyncFeatureClient": "client.features",
    "BacktestResult": "backtesting.result",
    "DriftConfig": "core.drift",
    "DriftDetector": "core.drift",
    "FeatureClient": "client.features",
    "ImageStream": "settings",
    "Monitor": "monitor",
    "MultivariateConfig": "core.drift",
    "MultivariateDriftDetector": "core.drift",
    "SensorStream": "settings",
    "Settings": "settings",
    "Signal": "core.signals",
    "StreamgaugeError": "errors",
    "backtest": "backtesting.function",
    "load_settings": "settings",
}


if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted(__all__)
