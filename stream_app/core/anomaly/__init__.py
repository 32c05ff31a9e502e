"""Anomalies of a multivariate stream: scores, episodes, alarms that keep a budget, and changes of level."""

from stream_app.core.anomaly.calendar import period_options
from stream_app.core.anomaly.config import OPTIONS, AnomalyConfig
from stream_app.core.anomaly.detector import AnomalyDetector, AnomalyResult, AnomalyVerdict, anomaly_signal
from stream_app.core.anomaly.records import anomaly_layout
from stream_app.core.anomaly.step import anomaly_step
from stream_app.core.anomaly.warmup import warmup_figures

__all__ = [
    "OPTIONS",
    "AnomalyConfig",
    "AnomalyDetector",
    "AnomalyResult",
    "AnomalyVerdict",
    "anomaly_layout",
    "anomaly_signal",
    "anomaly_step",
    "period_options",
    "warmup_figures",
]
