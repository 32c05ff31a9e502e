"""Alert policies: from signals to alerts that fire and resolve."""

from stream_app.core.alerting.changes import (
    AlertChange,
    AlertPolicy,
    AlertState,
    Severity,
    alert_key,
    severity_of,
    severity_of_mean,
)
from stream_app.core.alerting.feedback import (
    MOST_HALVINGS,
    RAISABLE,
    Precision,
    detector_family,
    precisions,
    raised_thresholds,
)
from stream_app.core.alerting.policies import ConsecutivePolicy, EveryPolicy

__all__ = [
    "MOST_HALVINGS",
    "RAISABLE",
    "AlertChange",
    "AlertPolicy",
    "AlertState",
    "ConsecutivePolicy",
    "EveryPolicy",
    "Precision",
    "Severity",
    "alert_key",
    "detector_family",
    "precisions",
    "raised_thresholds",
    "severity_of",
    "severity_of_mean",
]
