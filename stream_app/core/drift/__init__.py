"""Drift of a source within a false-alarm budget."""

from stream_app.core.drift.calibration import calibrate_threshold, stationary_bootstrap
from stream_app.core.drift.config import DriftConfig, DriftResult, MultivariateConfig
from stream_app.core.drift.detector import DriftDetector
from stream_app.core.drift.multivariate import MultivariateDriftDetector

__all__ = [
    "DriftConfig",
    "DriftDetector",
    "DriftResult",
    "MultivariateConfig",
    "MultivariateDriftDetector",
    "calibrate_threshold",
    "stationary_bootstrap",
]
