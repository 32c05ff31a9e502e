"""Drift of a source within a false-alarm budget."""

from stream_app.core.drift.detector import DriftConfig, DriftDetector, DriftResult

__all__ = ["DriftConfig", "DriftDetector", "DriftResult"]
