"""Anomalies of a multivariate stream: scores, stuck sensors, and episodes with a beginning and an end."""

from stream_app.core.anomaly.alarm_budget import AlarmBudget
from stream_app.core.anomaly.config import AnomalyConfig
from stream_app.core.anomaly.detector import AnomalyDetector, AnomalyResult
from stream_app.core.anomaly.escalation import Escalation
from stream_app.core.anomaly.flatline import FlatlineDetector
from stream_app.core.anomaly.half_space_trees import HalfSpaceTreesScorer
from stream_app.core.anomaly.joint import JointModel, hotelling_limit, shrunk_correlation
from stream_app.core.anomaly.reference import ReferenceProfile
from stream_app.core.anomaly.robust import robust_location_scale, robust_z

__all__ = [
    "AlarmBudget",
    "AnomalyConfig",
    "AnomalyDetector",
    "AnomalyResult",
    "Escalation",
    "FlatlineDetector",
    "HalfSpaceTreesScorer",
    "JointModel",
    "ReferenceProfile",
    "hotelling_limit",
    "robust_location_scale",
    "robust_z",
    "shrunk_correlation",
]
