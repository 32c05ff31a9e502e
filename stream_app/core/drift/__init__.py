"""Drift of a source within a false-alarm budget."""

from stream_app.core.drift.calibration import calibrate_threshold, stationary_bootstrap
from stream_app.core.drift.config import DriftConfig, DriftResult
from stream_app.core.drift.detector import DriftDetector

__all__ = ["DriftConfig", "DriftDetector", "DriftResult", "calibrate_threshold", "stationary_bootstrap"]
